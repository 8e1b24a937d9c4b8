"""What is said of a commit as a whole, and of a job, from what its syncs came to. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from jobs.records import ApplicationRecord, JobKind, JobRecord, JobState, SyncRecord, Verdict, VerdictState
from reconciler.model.outcome import GOOD, SyncState, waits, withheld

COMMIT_KINDS = frozenset(JobKind) - {
    JobKind.DRIFT, JobKind.DIFF, JobKind.PARTIAL, JobKind.PAUSE, JobKind.PLAN, JobKind.COMMAND,
}  # fmt: skip
"""Jobs that decide about a commit; drift, diffs, plans, pauses and syncs of a few objects say nothing about it."""

_STATES = {
    JobState.HELD: VerdictState.HELD,
    JobState.SUCCEEDED: VerdictState.SUCCEEDED,
    JobState.FAILED: VerdictState.FAILED,
    JobState.SUPERSEDED: VerdictState.SUPERSEDED,
}


def conclude(syncs: Sequence[SyncRecord]) -> tuple[JobState, str]:
    """The state of a job whose syncs are these, and one line that says what counts.

    One that failed makes the job failed, whatever the others wait for; each sync shows its own state.
    """
    states = {sync.state for sync in syncs}
    order = (
        (SyncState.FAILED, JobState.FAILED),
        (SyncState.RUNNING, JobState.RUNNING),
        (SyncState.WAITING, JobState.WAITING),
        (SyncState.HELD, JobState.HELD),
    )
    for sync_state, job_state in order:
        if sync_state in states:
            return job_state, _told(syncs, sync_state)
    if states == {SyncState.SUPERSEDED}:
        return JobState.SUPERSEDED, "a newer commit took its place"
    return JobState.SUCCEEDED, _success(syncs)


def _told(syncs: Sequence[SyncRecord], state: SyncState) -> str:
    concerned = [sync for sync in syncs if sync.state is state]
    first = concerned[0]
    if len(syncs) == 1:
        return first.message
    good = sum(1 for sync in syncs if sync.state is SyncState.SUCCEEDED)
    return f"{good} of {len(syncs)} applications healthy; {first.application.rpartition('/')[2]}: {first.message}"


def _success(syncs: Sequence[SyncRecord]) -> str:
    done = [sync for sync in syncs if sync.state is SyncState.SUCCEEDED]
    if len(done) == 1:
        return done[0].message
    count = sum(1 for sync in done for step in sync.steps if step.action in ("create", "update", "delete"))
    left = sum(withheld(sync.steps) for sync in done)
    return f"{len(done)} applications healthy, {count} object{'' if count == 1 else 's'} changed{waits(left)}"


def lack_of_sync(sync: SyncRecord | None) -> str:
    """Why an application of the same job is not healthy yet, as in `which is failed: ...`; empty when it is."""
    if sync is None or (sync.state is SyncState.RUNNING and sync.healthy is None):
        return "which is on its way"
    if sync.state in (SyncState.RUNNING, SyncState.SUCCEEDED, SyncState.HELD):
        return ""
    return f"which is {sync.state}: {sync.message}"


def lack_of(record: ApplicationRecord | None, *, is_dirty: bool) -> str:
    """Why an application is not healthy at the commit it should be at; empty when it is.

    Args:
        record: how it is, as its cluster's holder last said; None when nobody has.
        is_dirty: whether its inputs changed since it was last applied.
    """
    if record is None or record.state is None:
        return "which was not synced yet"
    if is_dirty and record.state not in (SyncState.SUCCEEDED, SyncState.HELD):
        return f"which is {record.state}: {record.message}"
    if is_dirty:
        return "which is not at its newest commit yet"
    if record.health not in GOOD:
        told = f": {record.unhealthy[0].object}: {record.unhealthy[0].reason}" if record.unhealthy else ""
        return f"which is {record.health}{told}"
    return ""


def unapplied(job: JobRecord, applications: Iterable[str]) -> tuple[str, ...]:
    """The applications among these that will still be applied for a job: nothing is deleted before.

    One that waits for another of the same job is applied when that is healthy; one that waits for anything else may wait for long.
    """
    syncs = {sync.application: sync for sync in job.syncs}
    return tuple(name for name in sorted(applications) if _is_to_be_applied(syncs.get(name), syncs))


def _is_to_be_applied(sync: SyncRecord | None, syncs: Mapping[str, SyncRecord]) -> bool:
    if sync is None:
        return True
    if sync.state is SyncState.RUNNING:
        return sync.applied is None
    awaited = [other for name in sync.awaits if (other := syncs.get(name)) is not None]
    return sync.state is SyncState.WAITING and any(other.state in (SyncState.RUNNING, SyncState.SUCCEEDED) for other in awaited)


def verdicts(jobs: Iterable[JobRecord], *, commit: str, instance: str) -> tuple[Verdict, ...]:
    """One verdict per repository and cluster, from a commit's jobs.

    The newest job decides; of applications that it did not touch, the newest sync in an older job still counts: a manual sync of one
    does not make another's failure good.
    """
    by_repository: dict[str, list[JobRecord]] = {}
    for job in sorted(map(_as_left, jobs), key=lambda job: job.created, reverse=True):
        if job.kind in COMMIT_KINDS and job.state is not JobState.IGNORED:
            by_repository.setdefault(job.repository, []).append(job)
    return tuple(
        Verdict(repository=name, instance=instance, cluster=cluster, commit=commit, state=state, message=message)
        for name, newest_first in sorted(by_repository.items())
        for cluster, state, message in _by_cluster(newest_first)
    )


def worst(found: Sequence[Verdict]) -> Verdict:
    """What is said of a commit on its forge, where it has one status for all clusters."""
    order = (VerdictState.FAILED, VerdictState.PENDING, VerdictState.HELD, VerdictState.SUPERSEDED, VerdictState.SUCCEEDED)
    return min(found, key=lambda verdict: order.index(verdict.state))


def _as_left(job: JobRecord) -> JobRecord:
    """A rollback is about the commit that it left: that is not live where the rollback has come to something."""
    if job.kind is not JobKind.ROLLBACK:
        return job
    left = tuple(sync.model_copy(update={"state": SyncState.FAILED}) for sync in job.syncs)
    return job.model_copy(update={"state": JobState.FAILED if left else JobState.IGNORED, "syncs": left})


def _by_cluster(newest_first: Sequence[JobRecord]) -> Iterator[tuple[str, VerdictState, str]]:
    """Cluster, state and message, from the jobs of one repository; no cluster where none was reached."""
    newest = newest_first[0]
    syncs: dict[str, SyncRecord] = {}
    for job in newest_first:
        for sync in job.syncs:
            syncs.setdefault(sync.application, sync)
    clusters = sorted({sync.cluster for sync in syncs.values()})
    is_decided_by_syncs = newest.syncs and newest.state in (JobState.SUCCEEDED, JobState.HELD, JobState.FAILED)
    if not is_decided_by_syncs:
        state = _STATES.get(newest.state, VerdictState.PENDING)
        yield from ((cluster, state, newest.message) for cluster in clusters or [""])
        return
    for cluster in clusters:
        job_state, message = conclude([sync for sync in syncs.values() if sync.cluster == cluster])
        yield cluster, _STATES.get(job_state, VerdictState.PENDING), message
