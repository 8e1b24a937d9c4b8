"""What of a job is shown, in which order and how much: what needs a person comes first, and no page grows without end."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.records import JobRecord, JobState, StepRecord, SyncRecord
from receiver.ui.words import ago, named, span
from reconciler.model.outcome import SyncState

STEPS = 2000
"""On one page."""
SYNCS = 200
"""The same."""
LEAST = 10
"""Steps of each sync, however many syncs there are."""
APPLICATIONS = 3
"""That a row of a list names."""
OBJECTS = 1000
"""That one hold names."""

URGENCY = (
    SyncState.FAILED, SyncState.HELD, SyncState.WAITING, SyncState.RUNNING, SyncState.SUPERSEDED, SyncState.SUCCEEDED,
)  # fmt: skip
"""What a person looks for first."""

_REFRESH_SECONDS = {JobState.QUEUED: 3, JobState.RUNNING: 3, JobState.WAITING: 15, JobState.HELD: 30}


def refresh_seconds(state: JobState) -> int:
    """After how long the page of a job is looked at again; 0: it will not change."""
    return _REFRESH_SECONDS.get(state, 0)


@dataclass(frozen=True, slots=True)
class RowView:
    """A job in a list."""

    job: JobRecord
    ago: str
    about: str
    """Where, who, what for and how long."""

    @classmethod
    def of(cls, job: JobRecord, now: datetime) -> "RowView":
        """The row of a job."""
        more = len(job.applications) - APPLICATIONS
        applications = ", ".join(job.applications[:APPLICATIONS]) + (f" and {more} more" if more > 0 else "")
        took = f"took {_took(job)}" if job.finished else ""
        parts = (job.repository, named(job.ref), job.actor, applications, took)
        return cls(job, ago(job.created, now), " · ".join(part for part in parts if part))


@dataclass(frozen=True, slots=True)
class StageView:
    """A stage, and how long after the job's beginning it was reached."""

    name: str
    at: datetime
    after: str
    detail: str


@dataclass(frozen=True, slots=True)
class SyncView:
    """One sync: its steps with those that failed first, and how many are left out."""

    sync: SyncRecord
    steps: Sequence[StepRecord]
    left_out: int
    took: str
    approve: str
    """The command that approves exactly what is held; empty where nothing is."""

    @classmethod
    def of(cls, sync: SyncRecord, most: int) -> "SyncView":
        """What is shown of a sync, with so many steps at most."""
        ordered = sorted(sync.steps, key=lambda step: not step.error)
        approve = f"trueup app approve {shlex.quote(sync.application)} --digest {shlex.quote(sync.held_digest)}"
        took = span(sync.finished - sync.started) if sync.started and sync.finished else ""
        return cls(sync, ordered[:most], max(len(ordered) - most, 0), took, approve if sync.held_digest else "")

    @property
    def needs_a_look(self) -> bool:
        """Whether it stands open on the page."""
        return self.sync.state is not SyncState.SUCCEEDED or bool(self.sync.unhealthy or self.sync.holds)


@dataclass(frozen=True, slots=True)
class JobView:
    """All that a job's page shows."""

    ago: str
    took: str
    stages: Sequence[StageView]
    syncs: Sequence[SyncView]
    left_out: int
    """Syncs that are not shown; none of them is more urgent than those that are."""

    @classmethod
    def of(cls, job: JobRecord, now: datetime) -> "JobView":
        """The page of a job."""
        stages = [StageView(stage.name, stage.at, span(stage.at - job.created), stage.detail) for stage in job.stages]
        ordered = sorted(job.syncs, key=lambda sync: URGENCY.index(sync.state))[:SYNCS]
        most = max(STEPS // max(len(ordered), 1), LEAST)
        syncs = [SyncView.of(sync, most) for sync in ordered]
        return cls(ago(job.created, now), _took(job), stages, syncs, len(job.syncs) - len(ordered))


def _took(job: JobRecord) -> str:
    """From a job's beginning to its end; empty while it is not final."""
    return span(job.finished - job.created) if job.finished else ""
