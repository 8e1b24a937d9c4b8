"""What is remembered of syncs for the figures of deliveries, and their times: when the commit was made, known of, applied, healthy."""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from jobs import metrics
from jobs.dora import GOOD, DeploymentRecord, stages
from jobs.holder.held import Held
from jobs.records import ApplicationRecord, JobKind, JobRecord, SyncRecord
from reconciler.errors import TrueupError
from reconciler.model.declared import Name, RepositoryType
from reconciler.model.outcome import Action, SyncReport, SyncState
from reconciler.sync.source import Target

TOUCHES = frozenset({Action.CREATE, Action.UPDATE, Action.DELETE, Action.RELEASE, Action.RUN})

UNCOUNTED = frozenset({JobKind.DRIFT, JobKind.DIFF, JobKind.PARTIAL, JobKind.PAUSE, JobKind.REMOVAL})
"""Jobs that bring no application to a revision."""

ENDED = frozenset({*GOOD, SyncState.FAILED})


async def deployments(
    held: Held,
    job: JobRecord,
    pairs: Iterable[tuple[Target, SyncReport]],
    known: Mapping[str, ApplicationRecord],
) -> dict[str, DeploymentRecord]:
    """By application what is to be remembered: what touched something, and what made well again what had failed.

    Args:
        held: the cluster.
        job: with its syncs, which have the times.
        pairs: what was synced, and what came of it.
        known: how the applications were before.
    """
    syncs = {sync.application: sync for sync in job.syncs}
    times: dict[tuple[Name, str], datetime | None] = {}
    found: dict[str, DeploymentRecord] = {}
    for target, report in pairs:
        name, touched = str(target.name), sum(1 for step in report.steps if step.action in TOUCHES)
        was_bad = name in known and known[name].state is SyncState.FAILED
        if job.kind in UNCOUNTED or report.state not in ENDED or not (touched or (was_bad and report.state in GOOD)):
            continue
        source, commit = _about(job, target)
        if (source, commit) not in times:
            times[source, commit] = await _committed_at(held, source, commit)
        found[name] = _record(job, target, report, syncs.get(name)).model_copy(
            update={"commit": commit, "committed": times[source, commit], "touched": touched}
        )
    return found


async def look_up_times(held: Held, job: JobRecord, targets: Iterable[Target]) -> None:
    """Learn beside a sync when its commits were made, so that nobody waits for git once it is over."""
    if job.kind not in UNCOUNTED:
        for repository, commit in {_about(job, target) for target in targets}:
            await _committed_at(held, repository, commit)


def count(records: Iterable[DeploymentRecord]) -> None:
    """Take deployments into the metrics."""
    for record in records:
        if record.kind is JobKind.ROLLBACK and record.touched:
            metrics.DEPLOYMENTS.labels("rolled_back").inc()
        if not record.is_deployment:
            continue
        is_good = record.state in GOOD
        metrics.DEPLOYMENTS.labels("succeeded" if is_good else "failed").inc()
        for stage, span in stages(record).items() if is_good else ():
            metrics.LEAD_SECONDS.labels(stage).observe(span.total_seconds())


def _record(job: JobRecord, target: Target, report: SyncReport, sync: SyncRecord | None) -> DeploymentRecord:
    return DeploymentRecord(
        application=str(target.name),
        commit="",
        kind=job.kind,
        state=report.state,
        touched=0,
        received=job.created,
        planned=sync.planned if sync else None,
        applied=sync.applied if sync else None,
        healthy=sync.healthy if sync else None,
        finished=datetime.now(UTC),
    )


def _about(job: JobRecord, target: Target) -> tuple[Name, str]:
    """The commit that a sync is about, and whose it is: the job's, or else that of the first source."""
    pairs = [(source.repository, commit) for source, commit in zip(target.application.sources, target.commits, strict=True)]
    return next((pair for pair in pairs if pair[1] == job.commit), pairs[0])


async def _committed_at(held: Held, repository: Name, commit: str) -> datetime | None:
    """When a commit was made; None of charts and artifacts, which are commits of no time, and where nobody can say."""
    declared = held.context.declarations.repositories.get(repository)
    if declared is None or declared.type is not RepositoryType.GIT:
        return None
    with contextlib.suppress(TrueupError):
        return await held.context.mirrors.of(declared).committed_at(commit)
    return None
