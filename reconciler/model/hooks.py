"""What makes an object a hook: when it takes part in a sync, when it is deleted, how long it may take. Only values."""

import enum
from dataclasses import dataclass


class Phase(enum.StrEnum):
    """When a hook runs."""

    PRE_SYNC = "pre-sync"
    """Before anything is applied."""
    POST_SYNC = "post-sync"
    """When everything is applied and healthy, and before anything is deleted."""
    SYNC_FAILED = "sync-failed"
    """When the sync has failed."""
    PRE_DELETE = "pre-delete"
    """Before everything that the application has is deleted."""

    @property
    def reason(self) -> str:
        """Why a step runs a hook of it, as reports say."""
        return f"{self} hook"


class Removal(enum.StrEnum):
    """When a hook's object is deleted."""

    BEFORE_CREATION = "before-creation"
    """Before it runs again."""
    SUCCEEDED = "succeeded"
    """As soon as it has succeeded."""
    FAILED = "failed"
    """As soon as it has failed."""


@dataclass(frozen=True, slots=True)
class Hook:
    """What an object's annotations say of it as a hook."""

    phases: frozenset[Phase]
    removals: frozenset[Removal] = frozenset({Removal.BEFORE_CREATION})
    timeout_seconds: float | None = None
    """How long a run may take; None: as long as the application's syncs."""
