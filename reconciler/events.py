"""What a sync says while it works: frozen events, handed to an observer.

The core never logs and never counts; `jobs.observe` turns these into log lines, metrics and stored progress.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.model.declared import Name
from reconciler.model.hooks import Phase
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Drift, Health, Hold, Revision, StepResult, SyncReport


@dataclass(frozen=True, slots=True)
class SyncStarted:
    """A sync of one application to one revision begins."""

    application: Name
    revision: Revision
    commits: tuple[str, ...] = ()
    """One for each source; none where they are not known yet."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The documents are there."""

    application: Name
    revision: Revision
    objects: int
    seconds: float
    versions: tuple[str, ...] = ()
    """What a range of versions means, one for each source; empty where the revision says it all."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The live objects themselves were looked at."""

    objects: int
    differing: int
    """How many have other values than their metadata made believe."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Planned:
    """It is decided what to do, counted by action."""

    application: Name
    revision: Revision
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class StepFinished:
    """One object was created, updated, deleted, refused or deferred."""

    application: Name
    result: StepResult
    seconds: float


@dataclass(frozen=True, slots=True)
class HookStarted:
    """A hook runs from now on; its end is a `StepFinished`."""

    application: Name
    phase: Phase
    key: ObjectKey


@dataclass(frozen=True, slots=True)
class Applied:
    """Everything was applied; health is waited for from here on."""

    application: Name
    revision: Revision
    changed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Healthy:
    """Everything is applied and healthy; what is no longer declared is deleted from here on."""

    application: Name
    revision: Revision


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """An object that is waited for has another health than before."""

    application: Name
    key: ObjectKey
    health: Health


@dataclass(frozen=True, slots=True)
class DriftFound:
    """An object left what was desired."""

    application: Name
    drift: Drift


@dataclass(frozen=True, slots=True)
class PruneHeld:
    """A guard refused deletions."""

    application: Name
    hold: Hold


@dataclass(frozen=True, slots=True)
class SyncFinished:
    """A sync ended, however it ended."""

    report: SyncReport
    seconds: float


Event: TypeAlias = (
    SyncStarted
    | Rendered
    | Refreshed
    | Planned
    | HookStarted
    | StepFinished
    | Applied
    | Healthy
    | HealthChanged
    | DriftFound
    | PruneHeld
    | SyncFinished
)

Observer: TypeAlias = Callable[[Event], None]
"""Must not block and must not raise."""
