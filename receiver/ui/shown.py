"""What of a job is shown, in which order and how much: what needs a person comes first, and no page grows without end."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.records import JobKind, JobRecord, JobState, StepRecord, SyncRecord
from receiver.ui.words import ago, named, span
from reconciler.model.outcome import Action, SyncState

STEPS = 2000
"""On one page."""
SYNCS = 200
"""The same."""
LEAST = 10
"""Steps of each sync, however many syncs there are."""
APPLICATIONS = 3
"""That a row of a list names."""
STEPS_A_SECOND = 1000
"""For each so many a page is looked at a second later: 20,000 take 0.6 s to read and to show."""
OBJECTS = 1000
"""That one hold names."""

URGENCY = (
    SyncState.FAILED, SyncState.HELD, SyncState.WAITING, SyncState.RUNNING, SyncState.SUPERSEDED, SyncState.SUCCEEDED,
)  # fmt: skip
"""What a person looks for first."""

_PLANS = frozenset({JobKind.PLAN, JobKind.DIFF})
"""Jobs that change nothing; they say what would be."""

_APPROVED_OTHERWISE = frozenset({*_PLANS, JobKind.REMOVAL})

_REFRESH_SECONDS = {JobState.QUEUED: 3, JobState.RUNNING: 3, JobState.WAITING: 15, JobState.HELD: 30}


def refresh_seconds(job: JobRecord) -> int:
    """After how long the page of a job is looked at again, later for a large one, which takes long to make; 0: it will not change."""
    least = _REFRESH_SECONDS.get(job.state, 0)
    return least and max(least, sum(len(sync.steps) for sync in job.syncs) // STEPS_A_SECOND)


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
    """One sync: its steps with those that failed first, without those that its holds name, and how many are left out."""

    sync: SyncRecord
    steps: Sequence[StepRecord]
    left_out: int
    took: str
    approve: str
    """The command that approves exactly what is held; empty where nothing is, or the message has another."""

    @classmethod
    def of(cls, sync: SyncRecord, most: int, kind: JobKind) -> "SyncView":
        """What is shown of a sync, with so many steps at most."""
        held = {name for hold in sync.holds for name in hold.objects}
        told = [step for step in sync.steps if step.action is not Action.HOLD or step.object not in held]
        ordered = sorted(told, key=lambda step: not step.error)
        approve = f"trueup app approve {shlex.quote(sync.application)} --digest {shlex.quote(sync.held_digest)}"
        took = span(sync.finished - sync.started) if sync.started and sync.finished else ""
        is_held = sync.held_digest and kind not in _APPROVED_OTHERWISE
        return cls(sync, ordered[:most], max(len(ordered) - most, 0), took, approve if is_held else "")

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
    is_plan: bool
    """Whether it only says what would be done."""
    left_out: int
    """Syncs that are not shown; none of them is more urgent than those that are."""

    @classmethod
    def of(cls, job: JobRecord, now: datetime) -> "JobView":
        """The page of a job."""
        stages = [StageView(stage.name, stage.at, span(stage.at - job.created), stage.detail) for stage in job.stages]
        ordered = sorted(job.syncs, key=lambda sync: URGENCY.index(sync.state))[:SYNCS]
        most = max(STEPS // max(len(ordered), 1), LEAST)
        syncs = [SyncView.of(sync, most, job.kind) for sync in ordered]
        return cls(ago(job.created, now), _took(job), stages, syncs, job.kind in _PLANS, len(job.syncs) - len(ordered))


def _took(job: JobRecord) -> str:
    """From a job's beginning to its end; empty while it is not final."""
    return span(job.finished - job.created) if job.finished else ""
