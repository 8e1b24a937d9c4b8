"""What people say of one object in its annotations: how it is applied, whether it may go, when it takes part.

Only values. They are read by `plan.options`, which knows the annotations of other tools too.
"""

import enum
from dataclasses import dataclass

from reconciler.model.policy import ForeignPolicy


class ApplyMode(enum.StrEnum):
    """How an object is applied."""

    MERGE = "merge"
    """By server-side apply: what is declared is ours, what others add beside it is a matter of `spec.sync.foreign`."""
    REPLACE = "replace"
    """As a whole: what anybody adds beside it is taken out."""
    IF_ABSENT = "if-absent"
    """Made when it is missing, and never touched after that."""
    IGNORE = "ignore"
    """Neither applied nor deleted."""


class PruneRule(enum.StrEnum):
    """What is done with an object that is no longer in Git."""

    GUARDED = ""
    """It is deleted, within the guards."""
    ALLOW = "allow"
    """It is deleted without an approval, also where its kind takes data along."""
    CONFIRM = "confirm"
    """Its deletion is held until a person approves it."""
    NEVER = "never"
    """It is left."""


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """Everything that the annotations of one object ask for; the defaults are those of an object without any."""

    apply: ApplyMode = ApplyMode.MERGE
    prune: PruneRule = PruneRule.GUARDED
    outlives: bool = False
    """Left when its Application is removed, whatever `spec.sync.deletionPolicy` says."""
    recreate: bool = False
    """Deleted and made anew where a change of a field is not possible otherwise."""
    foreign: ForeignPolicy | None = None
    """What is done about fields that others put beside ours; None: what the application says."""
    wave: int = 0
    is_hook: bool = False
    """Whether it takes part in syncs instead of being kept true; `plan.hookmarks` reads how."""

    @property
    def is_left_alone(self) -> bool:
        """Whether it is not ours to care for, unless we made it."""
        return self.apply in (ApplyMode.IGNORE, ApplyMode.IF_ABSENT)


PLAIN = ObjectOptions()
"""Of an object that says nothing; shared, since nearly all are so."""
