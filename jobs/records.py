"""What Trueup remembers of its work, as JSON in Redis and in the API: jobs, their syncs, applications, verdicts.

Only shapes, no keys and no commands: those are in `keys` and `store`. Records may be lost; the cluster and Git hold the truth.
"""

import enum
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reconciler.model.gates import PolicyAction
from reconciler.model.intent import Pause, Quarantine, Rollback
from reconciler.model.outcome import Action, DriftKind, HealthStatus, SyncState
from reconciler.model.policy import SyncWindow


class JobKind(enum.StrEnum):
    """Why there is a job."""

    PUSH = "push"
    """A webhook said that a ref moved."""
    POLL = "poll"
    """A look at the heads found one that moved."""
    RECOVERED = "recovered"
    """A commit whose delivery never arrived, or whose record was lost."""
    MANUAL = "manual"
    """A person asked for a sync."""
    DRIFT = "drift"
    """The cluster left what was desired."""
    DECLARED = "declared"
    """A declaration appeared or changed."""
    APPROVAL = "approval"
    """A person approved held deletions."""
    DIFF = "diff"
    """A person asked what a sync would do."""
    DEPENDENCY = "dependency"
    """What an application waits for has come, and no other job goes on with it."""
    PARTIAL = "partial"
    """A person asked for a sync of a few objects."""
    PAUSE = "pause"
    """A person paused an application."""
    RESUME = "resume"
    """A person ended a pause or a rollback, or a pause has come to its end; the newest revision is synced."""
    ROLLBACK = "rollback"
    """A person, or `onFailure: rollback`, returned an application to an older revision; it is about the commit that was left."""
    REMOVAL = "removal"
    """An application is gone, and its objects are to go too."""
    PLAN = "plan"
    """A pull request is open or was changed: what its merge would change in the clusters."""
    COMMAND = "command"
    """A person wrote a command beneath a pull request."""


class JobState(enum.StrEnum):
    """Where a job is. The last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """Not now: a window, a pause, a dependency, a failure that is tried again."""
    HELD = "held"
    """Everything is applied; deletions wait for an approval."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer commit took its place."""
    IGNORED = "ignored"
    """Authentic, and nothing to do; the message says why."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself; a held job becomes final by approval or by a newer commit."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.SUPERSEDED, JobState.IGNORED})


class Record(BaseModel):
    """Base of what is stored: closed, immutable, JSON in and out."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="float")


class DeliveryRecord(Record):
    """The webhook request that a job came from."""

    provider: str
    id: str = Field(description="The provider's delivery id, or the hash of the body where it sends none.")
    event: str = Field(description="The provider's name of the event, e.g. `push`.")
    key: int = Field(description="Which of TRUEUP_WEBHOOK_KEYS verified it, 0 the newest; -1 a secret from the settings.")
    generation: int = Field(default=0, description="The generation of the derived secret that verified it.")
    repository_id: str = Field(default="", description="What the forge knows the repository by, whatever it is called.")
    renamed: str = Field(
        default="",
        description="The scope that the repository has at the forge by now, where it is another than the Repository's.",
    )


class StageRecord(Record):
    """When a job reached a stage."""

    name: str = Field(description="received, started, fetched, planned, applied, healthy, pruned, finished")
    at: datetime
    detail: str = ""


class DecisionRecord(Record):
    """What a person decided, in a job that carries it out."""

    reason: str = ""
    until: datetime | None = Field(default=None, description="When a pause ends by itself; none: until somebody resumes.")
    ends: str = Field(default="", description="What a resume ends: `pause` or `rollback`.")
    to: str = Field(default="", description="The commit to return to, or its first digits; empty: the last healthy one.")
    is_forced: bool = Field(default=False, description="Sync the newest commit though it was rolled back or is quarantined.")


class FieldRecord(Record):
    """One field that drifted; values are left out for Secrets."""

    path: str
    manager: str = ""
    at: str = ""
    desired: str = ""
    found: str = ""


class StepRecord(Record):
    """What was done to one object, and why."""

    action: Action
    object: str = Field(description="For people: `shop/Deployment/web`.")
    identity: str = Field(description="`group/kind:namespace/name`.")
    reason: str
    fields: tuple[FieldRecord, ...] = ()
    error: str = ""
    warnings: tuple[str, ...] = Field(default=(), description="What the API server warns of, in a dry run.")


class HoldRecord(Record):
    """A guard that refused deletions, and what it refused to delete."""

    guard: str
    reason: str
    objects: tuple[str, ...]


class ObjectHealthRecord(Record):
    """An object that is not healthy."""

    object: str
    status: HealthStatus
    reason: str = ""


class PolicyRecord(Record):
    """An object that a policy denies or warns of."""

    action: PolicyAction
    object: str = Field(description="For people: `shop/Deployment/web`.")
    identity: str = Field(description="`group/kind:namespace/name`.")
    rule: str = Field(description="The name of the policy.")
    message: str
    source: str = Field(default="", description="Where the object was rendered from.")


_VERSIONS = Field(
    default=(),
    description="What a range of versions meant, of a chart, an artifact or tags: one for each source, empty where the revision says it all.",
)


class SyncRecord(Record):
    """One run of one application to one revision."""

    application: str = Field(description="`namespace/name`.")
    cluster: str
    revision: str = Field(description="`main@sha1:<hex>`, of the first source.")
    commits: tuple[str, ...] = Field(default=(), description="One for each source; none where they are not known.")
    versions: tuple[str, ...] = _VERSIONS
    state: SyncState
    message: str = ""
    started: datetime | None = None
    planned: datetime | None = Field(default=None, description="When it was decided what to do.")
    applied: datetime | None = Field(default=None, description="When everything was applied; health is waited for after it.")
    healthy: datetime | None = Field(default=None, description="When everything was healthy; deletions come after it.")
    finished: datetime | None = None
    due: datetime | None = Field(default=None, description="When it is tried again; far away where only a person ends the wait.")
    steps: tuple[StepRecord, ...] = Field(default=(), description="Without objects that were left as they are.")
    kept: int = Field(default=0, description="How many objects needed nothing.")
    health: HealthStatus = HealthStatus.UNKNOWN
    unhealthy: tuple[ObjectHealthRecord, ...] = ()
    holds: tuple[HoldRecord, ...] = ()
    held_digest: str = Field(default="", description="What an approval is bound to.")
    awaits: tuple[str, ...] = Field(default=(), description="Applications, kinds and objects that it waits for, while it waits.")
    notices: tuple[str, ...] = Field(default=(), description="What people should know, though nothing is wrong.")
    policies: tuple[PolicyRecord, ...] = Field(
        default=(), description="What policies deny and warn of, at most 100, denials first."
    )


class PullRecord(Record):
    """The pull request that a job is about."""

    number: int
    base: str = Field(default="", description="What it goes into: `refs/heads/main`; empty while nobody asked the forge.")
    is_fork: bool = Field(default=False, description="Whether its commits come from a repository of other people.")
    is_asked: bool = Field(default=False, description="Whether somebody who may write to the repository asked for the plan.")
    comment: str = Field(default="", description="The forge's id of the comment with the command.")
    command: str = Field(default="", description="The command: `/trueup plan`.")


class JobRecord(Record):
    """The work that follows from one delivery, request, poll, recovery or drift finding."""

    id: str
    kind: JobKind
    state: JobState
    message: str = Field(default="", description="One line for people: why it is in this state.")
    repository: str = Field(default="", description="`namespace/name` of the Repository; empty while unknown.")
    scope: str = Field(default="", description="`host[:port]/owner/name`, from the delivery.")
    ref: str = Field(default="", description="`refs/heads/main`.")
    commit: str = ""
    before: str = Field(default="", description="What the ref was at before the push, as the payload says.")
    actor: str = Field(default="", description="Who pushed or asked.")
    delivery: DeliveryRecord | None = None
    applications: tuple[str, ...] = Field(default=(), description="What it touches, as far as known.")
    created: datetime
    updated: datetime
    finished: datetime | None = None
    attempts: int = Field(default=0, description="How often the work was begun; more than once after a crash.")
    stages: tuple[StageRecord, ...] = ()
    syncs: tuple[SyncRecord, ...] = ()
    superseded_by: str = Field(default="", description="The commit that took its place.")
    approves: str = Field(default="", description="The digest of the held deletions that an approval is bound to.")
    only: tuple[str, ...] = Field(default=(), description="The objects that were asked for; none: all of the applications.")
    refresh: bool = Field(default=False, description="Whether the live objects were listed, instead of trusting the watches.")
    decision: DecisionRecord | None = Field(default=None, description="What a person decided, where that is more than a sync.")
    cluster: str = Field(default="", description="Where objects are to be removed, as declarations call it.")
    pull: PullRecord | None = Field(default=None, description="The pull request that it is about.")
    merge: str = Field(
        default="", description="The commit that merging the pull request would make; `before` is what it goes into."
    )


class DriftRecord(Record):
    """One drift finding."""

    object: str
    identity: str
    kind: DriftKind
    fields: tuple[FieldRecord, ...] = ()
    at: datetime
    job: str = Field(default="", description="The job that repaired it; empty when it was only reported.")


class OutcomeRecord(Record):
    """What one sync of an application came to."""

    revision: str
    commits: tuple[str, ...] = Field(description="One for each source.")
    versions: tuple[str, ...] = _VERSIONS
    state: SyncState
    message: str = ""
    digest: str = Field(default="", description="Of what it rendered to; empty when it did not.")
    kind: JobKind
    actor: str = ""
    started: datetime | None = None
    committed: datetime | None = Field(
        default=None, description="When the commit was made, as it says; of what changed something."
    )
    received: datetime | None = Field(default=None, description="When Trueup knew of it.")
    planned: datetime | None = Field(default=None, description="When it was decided what to do.")
    applied: datetime | None = None
    healthy: datetime | None = None
    finished: datetime
    job: str


class OutcomeList(Record):
    """The latest outcomes of an application, newest first, at most 20."""

    items: tuple[OutcomeRecord, ...]


class WindowRecord(Record):
    """Whether sync windows permit a sync now."""

    is_open: bool
    until: datetime | None = Field(default=None, description="When it opens; none when open, or when that is too far to know.")


class SourceRecord(Record):
    """One source of an application."""

    repository: str
    path: str = ""
    ref: str = Field(default="", description="What the others call it by.")
    revision: str = Field(default="", description="What it was last synced to.")
    desired: str = Field(default="", description="What it should be at.")


class ApplicationRecord(Record):
    """How an application is, as its cluster's holder last said."""

    name: str
    repository: str
    revision: str = Field(default="", description="What it was last synced to.")
    desired: str = Field(default="", description="What it should be at.")
    path: str = ""
    sources: tuple[SourceRecord, ...] = Field(
        default=(), description="All of them; `repository`, `path` and revisions are the first's."
    )
    cluster: str = ""
    namespace: str = ""
    state: SyncState | None = None
    health: HealthStatus = HealthStatus.UNKNOWN
    message: str = ""
    objects: int = 0
    job: str = Field(default="", description="The job that last touched it.")
    held_digest: str = ""
    holds: tuple[HoldRecord, ...] = ()
    unhealthy: tuple[ObjectHealthRecord, ...] = ()
    drift: tuple[DriftRecord, ...] = Field(default=(), description="The latest findings, newest first, at most 20.")
    pause: Pause | None = Field(default=None, description="Nothing is synced or repaired until it ends.")
    rollback: Rollback | None = Field(default=None, description="It is held at an older revision.")
    quarantine: tuple[Quarantine, ...] = Field(
        default=(), description="Failed revisions that are not applied again by themselves."
    )
    windows: tuple[tuple[SyncWindow, ...], ...] = Field(default=(), description="Its sync windows, and those of the instance.")
    window: WindowRecord | None = Field(default=None, description="At the time of the answer; none without windows.")
    updated: datetime


class VerdictState(enum.StrEnum):
    """What is said of a commit as a whole."""

    PENDING = "pending"
    HELD = "held"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"

    @property
    def is_decided(self) -> bool:
        """Whether `?wait=` returns: everything but pending; held decides for now."""
        return self is not VerdictState.PENDING


class Verdict(Record):
    """One verdict on one commit per repository, instance and cluster."""

    repository: str
    instance: str
    cluster: str
    commit: str
    state: VerdictState
    message: str = ""


class ScopeRecord(Record):
    """One line of the table that jobs publish and the receiver trusts: whose webhooks are welcome."""

    scope: str
    provider: str
    repository: str = ""
    generation: Annotated[int, Field(ge=0)] = 0
    repository_id: str = ""
    """What the forge knows it by, so that it is recognised when it was renamed; empty while that is not known."""
