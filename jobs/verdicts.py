"""What is said of a commit as a whole, and of a job, from what its syncs came to. Pure."""

from collections.abc import Iterable, Sequence

from jobs.records import JobKind, JobRecord, JobState, SyncRecord, Verdict, VerdictState
from reconciler.model.outcome import SyncState

COMMIT_KINDS = frozenset({JobKind.PUSH, JobKind.POLL, JobKind.RECOVERED, JobKind.MANUAL, JobKind.DECLARED, JobKind.APPROVAL})
"""Jobs that decide about a commit; drift and diffs say nothing about it."""

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
    return f"{len(done)} applications healthy, {count} object{'' if count == 1 else 's'} changed"


def verdicts(jobs: Iterable[JobRecord], *, commit: str, instance: str) -> tuple[Verdict, ...]:
    """One verdict per repository and cluster, from a commit's jobs: the newest that decides wins."""
    found: dict[str, Verdict] = {}
    for job in sorted(jobs, key=lambda job: job.created, reverse=True):
        if job.kind not in COMMIT_KINDS or job.state is JobState.IGNORED or job.repository in found:
            continue
        cluster = ",".join(sorted({sync.cluster for sync in job.syncs}))
        state = _STATES.get(job.state, VerdictState.PENDING)
        found[job.repository] = Verdict(
            repository=job.repository, instance=instance, cluster=cluster, commit=commit, state=state, message=job.message
        )
    return tuple(found[name] for name in sorted(found))
