"""Fights: something that changes an object again and again after it was put back. Pure; times are seconds of a monotonic clock."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Drift

PATIENCE = 10
"""Repairs of one object that are done at once, without a quiet time between; then somebody fights us, and each waits longer."""

QUIET_SECONDS = 60.0
"""An object that stays as it was put back for so long, after the pause, has peace."""

LONGEST_SECONDS = 300.0

KEPT = 30
"""Repairs of one object that are remembered: more change nothing, the pause is at its longest."""


@dataclass(frozen=True, slots=True)
class Fight:
    """An object that something else keeps changing."""

    key: ObjectKey
    opponents: tuple[str, ...]
    """Managers of the fields that were changed, as far as the server says; empty when it does not."""
    repairs: int
    """Within the last `span_seconds`."""
    span_seconds: float
    pause_seconds: float
    """Before the next repair."""

    def __str__(self) -> str:
        who = f" by {', '.join(self.opponents)}" if self.opponents else ""
        return (
            f"{self.key} was changed{who} {self.repairs} times in {self.span_seconds:.0f} s; "
            f"the next repair waits {self.pause_seconds:.0f} s. Stop the other writer, or leave the field out of Git"
        )


class Fights:
    """The repairs of one cluster's objects."""

    def __init__(self) -> None:
        self._repairs: dict[ObjectKey, deque[float]] = {}

    def repaired(self, key: ObjectKey, now: float) -> None:
        """An object was put back."""
        self._repairs.setdefault(key, deque(maxlen=KEPT)).append(now)

    def over(self, key: ObjectKey, drift: Iterable[Drift], now: float) -> Fight | None:
        """The fight over an object; None while its repairs are few."""
        times = self._repairs.get(key)
        if times is None:
            return None
        if now - times[-1] > QUIET_SECONDS + _pause(len(times)):
            del self._repairs[key]
            return None
        if len(times) < PATIENCE:
            return None
        opponents = sorted({field.manager for finding in drift for field in finding.fields if field.manager})
        return Fight(key, tuple(opponents), len(times), now - times[0], _pause(len(times)))


def _pause(repairs: int) -> float:
    """Doubles with every repair beyond patience; none before."""
    return 0.0 if repairs < PATIENCE else min(2.0 ** (repairs - PATIENCE), LONGEST_SECONDS)
