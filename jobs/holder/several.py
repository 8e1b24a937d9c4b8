"""Applications of several repositories: each one's commit has a job of its own, and none is overtaken by another repository's commit."""

from collections.abc import Iterable
from dataclasses import replace

from jobs.follow import REFS, jobs_about
from jobs.holder.held import Held
from jobs.holder.ready import Ready
from jobs.records import JobKind, JobRecord, JobState
from reconciler.model.outcome import SyncReport, SyncState
from reconciler.sync.run import Outcome
from reconciler.sync.source import Target

GONE_ON_WITH = REFS | {JobKind.MANUAL, JobKind.DEPENDENCY}
"""Jobs that are done again after they gave way; the others carry out what somebody may have decided otherwise by now."""

AGAIN_SECONDS = 1.0
"""When it is tried again; whoever it gave way to is at work, and then nothing is left to do but to look."""


async def given_way(held: Held, job: JobRecord, targets: Iterable[Target], outcome: Outcome) -> Outcome:
    """What came of a sync; what gave way to another repository's commit waits for that, while the job's own is the newest."""
    several = {target.name for target in targets if has_several(target)}
    if job.kind not in GONE_ON_WITH or not any(_is_late(report) for report in outcome.reports if report.application in several):
        return outcome
    if await held.context.heads.head(job.repository, job.ref) != job.commit:
        return outcome
    reports = (_waits(report) if report.application in several and _is_late(report) else report for report in outcome.reports)
    return replace(outcome, reports=tuple(reports))


async def tell_others(held: Held, job: JobRecord, found: Ready, outcome: Outcome) -> None:
    """Have the commits of other repositories told of anew whose jobs failed, or are held, and which are live with this one."""
    places = {
        (str(source.repository), revision.ref, revision.commit, str(target.name))
        for target, report in zip(found.targets, outcome.reports, strict=True)
        if report.state is SyncState.SUCCEEDED and target.name not in found.heads and has_several(target)
        for source, revision in zip(target.application.sources, target.revisions, strict=True)
        if revision.ref and (str(source.repository), revision.ref) != (job.repository, job.ref)
    }
    told: set[tuple[str, str]] = set()
    for repository, ref, commit, name in sorted(places):
        about = await jobs_about(held.context, repository, commit)
        is_red = bool(about) and about[-1].state in (JobState.FAILED, JobState.HELD) and name in about[-1].applications
        if is_red and (repository, ref) not in told:
            told.add((repository, ref))
            await held.context.enqueue(held.context.record(JobKind.POLL, repository, ref=ref, commit=commit))


def has_several(target: Target) -> bool:
    """Whether an application follows more than one ref."""
    return len({(source.repository, source.revision) for source in target.application.sources}) > 1


def _is_late(report: SyncReport) -> bool:
    return report.state is SyncState.SUPERSEDED


def _waits(report: SyncReport) -> SyncReport:
    message = "gives way to a newer commit of another source, and is synced with it"
    return replace(report, state=SyncState.WAITING, message=message, retry_seconds=AGAIN_SECONDS)
