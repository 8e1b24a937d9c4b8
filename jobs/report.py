"""What a check run tells of a commit besides its state: what changed where, and which line of which file is wrong. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobs.planned import body
from jobs.records import JobRecord, SyncRecord
from jobs.verdicts import COMMIT_KINDS
from reconciler.model.outcome import Action, SyncState

MOST_ANNOTATIONS = 50
"""Of one request: https://docs.github.com/en/rest/checks/runs#update-a-check-run"""

SUMMARY_BYTES = 60_000
"""GitHub takes 65,535 characters."""

PLAN_LENGTH = 20_000
"""Letters of a plan, which may be of three bytes each."""

MOST_LINES = 50
"""Of one application."""

MESSAGE_LENGTH = 1000

_LINE = re.compile(r"(?:^|[\s:(])(?P<file>[\w.@+-][^\s:,'\"()]*), line (?P<line>[0-9]{1,9})\b")
"""`app/web.yaml, line 5: …`, as errors of manifests begin."""

_RENDERED = re.compile(r"(?:^|[\s:(])(?P<file>[\w.@+-][^\s:,'\"()]*) \(rendered by helm\), line [0-9]")
"""Of a template: lines of what it renders are none of its own."""

_TEMPLATE = re.compile(
    r"^(?:[\w-]+/[\w.-]+: )?(?P<chart>[^\s:]+): helm: .*?(?P<file>[\w.-][^\s:,'\"()]*/templates/[^\s:\"]+):(?P<line>[0-9]{1,9})",
    re.DOTALL,
)
"""Helm names templates by the chart's name, and the renderer by the chart's directory, which stands before."""

_PAST = {Action.CREATE: "created", Action.UPDATE: "changed", Action.DELETE: "deleted"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is wrong with one line of a file of the commit."""

    path: str
    line: int
    """From 1."""
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of a commit."""

    summary: str = ""
    """Markdown; empty where no application was synced."""
    annotations: tuple[Annotation, ...] = ()


def report_of(jobs: Iterable[JobRecord]) -> Report:
    """What the jobs of one commit in one repository came to; of each application the newest sync counts."""
    newest_first = sorted((job for job in jobs if job.kind in COMMIT_KINDS), key=lambda job: job.created, reverse=True)
    syncs: dict[str, SyncRecord] = {}
    for job in newest_first:
        for sync in job.syncs:
            syncs.setdefault(sync.application, sync)
    told = [syncs[name] for name in sorted(syncs)]
    messages = _errors(told)
    if not told and newest_first:
        messages = [newest_first[0].message]
    return Report(_summary(told), _annotations(messages))


def plan_report(plan: JobRecord) -> Report:
    """What the plan of a pull request says, and which lines it finds wrong."""
    return Report(body(plan, PLAN_LENGTH), _annotations(_errors(plan.syncs)))


def annotation_of(message: str) -> Annotation | None:
    """The line of a file that an error is about; None when it names none."""
    message = message[:MESSAGE_LENGTH]
    if match := _TEMPLATE.search(message):
        chart, file, line = f"{match['chart']}/", match["file"], int(match["line"])
        path = (file if file.startswith(chart) else chart + file.partition("/")[2]).removeprefix("./")
    elif match := _LINE.search(message):
        path, line = match["file"], int(match["line"])
    elif match := _RENDERED.search(message):
        path, line = match["file"], 1
    else:
        return None
    if line < 1 or ".." in path.split("/"):
        return None
    return Annotation(path, line, message)


def _annotations(messages: Iterable[str]) -> tuple[Annotation, ...]:
    found = dict.fromkeys(annotation for message in messages if (annotation := annotation_of(message)))
    return tuple(found)[:MOST_ANNOTATIONS]


def _errors(syncs: Iterable[SyncRecord]) -> list[str]:
    """What went wrong, step by step, in those that failed."""
    found: list[str] = []
    for sync in syncs:
        if sync.state is SyncState.FAILED:
            errors = [step.error for step in sync.steps if step.error]
            found += errors if sync.message in errors else [*errors, sync.message]
    return found


def _summary(syncs: Sequence[SyncRecord]) -> str:
    if not syncs:
        return ""
    rows = [f"| {_code(s.application)} | {s.state} | {s.health} | {_counts(s)} |" for s in syncs]
    parts = ["\n".join(["| application | sync | health | objects |", "|---|---|---|---|", *rows])]
    parts += ["\n".join(lines) for sync in syncs if (lines := list(_lines(sync)))]
    text, size = "", 0
    for part in parts:
        size += len(part.encode()) + 2
        if size > SUMMARY_BYTES:
            return f"{text or _cut(part)}\n\nMore is told by the job."
        text = f"{text}\n\n{part}" if text else part
    return text


def _cut(text: str) -> str:
    return text.encode()[:SUMMARY_BYTES].decode(errors="ignore").rpartition("\n")[0]


def _counts(sync: SyncRecord) -> str:
    counted = Counter(step.action for step in sync.steps if not step.error)
    told = [f"{counted[action]} {past}" for action, past in _PAST.items() if counted[action]]
    return ", ".join([*told, f"{sync.kept} unchanged"])


def _lines(sync: SyncRecord) -> Iterator[str]:
    """What people want to know of one application; nothing of one that is well and was left as it is."""
    lines = [f"- {step.action} {_code(step.object)}{f': {_code(step.error)}' if step.error else ''}" for step in sync.steps]
    lines += [f"- not healthy: {_code(found.object)}: {_code(found.reason or str(found.status))}" for found in sync.unhealthy]
    lines += [f"- held: {_code(hold.reason)}: {', '.join(map(_code, hold.objects[:10]))}" for hold in sync.holds]
    lines += [f"- note: {_code(notice)}" for notice in sync.notices]
    message = _code(sync.message) if sync.message and sync.state is not SyncState.SUCCEEDED else ""
    if not lines and not message:
        return
    yield f"**{_code(sync.application)}** {message}".rstrip()
    yield ""
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"- and {len(lines) - MOST_LINES} more"


def _code(text: str) -> str:
    """A text that means nothing to Markdown: whoever wrote it, no one is mentioned and nothing is linked."""
    line = " ".join(text.replace("`", "'").split())[:MESSAGE_LENGTH].replace("|", "\\|")
    return f"`{line}`" if line else ""
