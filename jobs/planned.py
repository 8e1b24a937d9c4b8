"""The plan of a pull request as people read it: one comment in Markdown, and one line. Pure.

Whatever comes from a repository or a cluster stands between fences that are longer than any it has, or as code with no backtick in it: it
can neither mention people nor look like words of ours.
"""

import enum
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from jobs.records import FieldRecord, JobRecord, JobState, StepRecord, SyncRecord
from reconciler.model.declared import Forge
from reconciler.model.outcome import Action, SyncState

PLAN_SUFFIX = "/plan"
"""What the status of a plan has behind the name of the others."""


class Form(enum.Enum):
    """What a forge shows of a comment."""

    HTML = enum.auto()
    """Markdown, and HTML in it: parts are folded."""
    PLAIN = enum.auto()
    """Markdown alone, where tags are shown as they are written."""


LONGEST: Mapping[Form, int] = {Form.HTML: 60_000, Form.PLAIN: 30_000}
"""Letters of a comment; GitHub takes 65,536, Bitbucket Data Center 32,767."""

LONGEST_PART = 20_000
"""Letters of what one application comes to."""

OPEN = 3
"""So many applications are shown whole; of more, each is folded."""

FOLDED_LINES = 20
"""Of an application that would be folded, where nothing can be."""

LONGEST_VALUE = 200

SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-", Action.HOLD: "!", Action.RUN: ">"}

ORDER = (Action.CREATE, Action.UPDATE, Action.DELETE, Action.HOLD, Action.RUN)

WORDS = {
    Action.CREATE: "to create",
    Action.UPDATE: "to change",
    Action.DELETE: "to delete",
    Action.HOLD: "whose deletion waits for an approval",
    Action.RUN: "hooks to run",
}


def form_of(forge: Forge) -> Form:
    """What a forge shows: https://support.atlassian.com/bitbucket-cloud/docs/markup-comments/ of Bitbucket, which escapes HTML."""
    return Form.PLAIN if forge in (Forge.BITBUCKET, Forge.BITBUCKET_DC) else Form.HTML


def hidden(words: str, form: Form) -> str:
    """A line that people do not see: a comment of HTML, or the definition of a link that nothing refers to, after an empty line."""
    return f"<!-- {words} -->" if form is Form.HTML else f"[{words}]: #"


def marker(instance: str, seal: str, form: Form = Form.HTML) -> str:
    """What a comment of ours begins with, so that it is found again and edited.

    Args:
        instance: whose comment it is.
        seal: what nobody else knows of this pull request before the comment is there; who wrote it first would have it edited by us.
        form: what the forge shows.
    """
    return hidden(f"trueup plan of {re.sub(r'[^A-Za-z0-9_.-]', '', instance)} {seal}", form)


def conclude_plan(syncs: Sequence[SyncRecord]) -> tuple[JobState, str]:
    """The state of a plan whose applications came to this, and one line that says what counts."""
    failed = [sync for sync in syncs if sync.state is SyncState.FAILED]
    if not failed:
        return JobState.SUCCEEDED, summary(syncs)
    first = failed[0]
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return JobState.FAILED, f"{first.application.rpartition('/')[2]}: {first.message}{others}"


def summary(syncs: Iterable[SyncRecord]) -> str:
    """One line: `1 to create, 2 to change, in 2 applications`."""
    changing = [sync for sync in syncs if sync.steps]
    counts = Counter(step.action for sync in changing for step in sync.steps)
    told = ", ".join(f"{counts[action]} {WORDS[action]}" for action in ORDER if counts[action])
    return f"{told}, in {_number(len(changing), 'application')}" if told else "changes nothing in the cluster"


def comment(job: JobRecord, instance: str, link: str, *, mark: str, form: Form = Form.HTML) -> str:
    """The comment on a pull request.

    Args:
        job: the plan, at its end.
        instance: whose plan it is.
        link: the job's address for people; empty where there is none.
        mark: what it begins with, see `marker`.
        form: what the forge shows.
    """
    base = job.pull.base.removeprefix("refs/heads/") if job.pull else ""
    state = "❌ " if job.state is JobState.FAILED else ""
    what = code(job.commit[:12]) if job.commit else "this"
    title = f"### {state}Trueup: what merging {what} into {code(base)} would change"
    tail = _tail(job, instance, link)
    tail = f"<sub>{tail}</sub>" if form is Form.HTML else tail
    room = LONGEST[form] - len(title) - len(tail) - 200
    return "\n".join([mark, "", title, "", body(job, room, form), tail])


def body(job: JobRecord, room: int, form: Form = Form.HTML) -> str:
    """What a plan says, without what is around it; cut where it would be longer than so many letters."""
    told = [f"**{summary(job.syncs)}**" if job.syncs else fenced([job.message[:LONGEST_PART]]), ""]
    room -= sum(map(len, told)) + 100
    parts = list(_parts(job, form))
    for index, part in enumerate(parts):
        if len(part) > room:
            told.append(f"… and {_number(len(parts) - index, 'more application')}; the job shows them all.\n")
            break
        room -= len(part) + 1
        told.append(part)
    return "\n".join(told)


def _tail(job: JobRecord, instance: str, link: str) -> str:
    seconds = f" in {(job.finished - job.created).total_seconds():.1f} s" if job.finished else ""
    fork = (
        " It comes from a fork: it was rendered without any Secret, and values of the cluster are left out."
        if _is_fork(job) and job.syncs
        else ""
    )
    more = f" [All of it]({link})." if link else ""
    return f"Planned{seconds} by {code(instance)}.{more}{fork} Commands: `/trueup plan`, `/trueup help`."


def _is_fork(job: JobRecord) -> bool:
    return job.pull is not None and job.pull.is_fork


def _parts(job: JobRecord, form: Form) -> Iterator[str]:
    """One for each application that anything is to be said of, those that fail first."""
    told = [sync for sync in job.syncs if sync.steps or sync.notices or sync.policies or sync.state is not SyncState.SUCCEEDED]
    part = _folding if form is Form.HTML else _plain
    for sync in sorted(told, key=lambda sync: (sync.state is not SyncState.FAILED, sync.application)):
        yield part(sync, is_open=len(told) <= OPEN)
    if unchanged := len(job.syncs) - len(told):
        yield f"{_number(unchanged, 'application')} rendered otherwise in Git alone, or not at all: nothing to do in the cluster.\n"


def _folding(sync: SyncRecord, *, is_open: bool) -> str:
    title = f"{_sign(sync)}<b>{_html(sync.application)}</b> in {_html(sync.cluster)}: {_html(summary([sync]))}"
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{title}</summary>\n\n{fenced(_lines(sync), 'diff')}\n\n</details>\n"


def _plain(sync: SyncRecord, *, is_open: bool) -> str:
    """Where nothing can be folded, what stands first is shown of many."""
    lines = _lines(sync)
    if not is_open and len(lines) > FOLDED_LINES:
        lines = [*lines[:FOLDED_LINES], f"… and {_number(len(lines) - FOLDED_LINES, 'more line')}"]
    title = f"{_sign(sync)}{code(sync.application)} in {code(sync.cluster)}: {summary([sync])}"
    return f"{title}\n\n{fenced(lines, 'diff')}\n"


def _sign(sync: SyncRecord) -> str:
    return "❌ " if sync.state is SyncState.FAILED else ""


def _lines(sync: SyncRecord) -> list[str]:
    """What one application comes to; cut where it is long."""
    lines = [line for step in sync.steps for line in _step(step)]
    if sync.state is SyncState.FAILED:
        lines = [f"would fail: {_line(sync.message)}", "", *lines]
    lines += [f"held: {_line(hold.reason)}" for hold in sync.holds]
    lines += [f"{_line(p.object)}: {p.action} by policy {_line(p.rule)}: {_line(p.message)}" for p in sync.policies]
    lines += [f"note: {_line(notice)}" for notice in sync.notices]
    shown: list[str] = []
    length = 0
    for index, line in enumerate(lines):
        if length + len(line) > LONGEST_PART:
            shown.append(f"… and {_number(len(lines) - index, 'more line')}")
            break
        length += len(line) + 1
        shown.append(line)
    return shown


def _step(step: StepRecord) -> Iterator[str]:
    yield f"{SIGNS.get(step.action, '?')} {_line(step.object)}"
    if step.error:
        yield f"!   would be refused: {_line(step.error)}"
    for warning in step.warnings:
        yield f"!   {_line(warning)}"
    for field in step.fields:
        yield f"    {_field(field)}"


def _field(field: FieldRecord) -> str:
    if not field.found:
        return f"{_line(field.path)}: {_value(field.desired)}" if field.desired else _line(field.path)
    return f"{_line(field.path)}: {_value(field.found)} → {_value(field.desired)}"


def _value(text: str) -> str:
    line = _line(text)
    return (line if len(line) <= LONGEST_VALUE else f"{line[:LONGEST_VALUE]}…") or "(none)"


def fenced(lines: Sequence[str], language: str = "") -> str:
    """Lines between fences that nothing in them closes."""
    text = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def code(text: str) -> str:
    """As code, with no backtick in it."""
    return f"`{_line(text).replace('`', '')}`" if text else "`?`"


def _line(text: str) -> str:
    """On one line, without what a screen would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def _html(text: str) -> str:
    """Within a heading of HTML: no tag, no mention, no Markdown."""
    return re.sub(r"[^A-Za-z0-9 ,.:/…→()-]", lambda found: f"&#{ord(found[0])};", _line(text))


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
