"""One measured figure, beside a raw floor of the same run."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, and what the same machine does at best."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    cluster: str = "-"
    n: int = 1
    note: str = ""
    """What else should be known of it."""

    @property
    def ratio(self) -> float | None:
        """Value by floor."""
        return self.value / self.floor if self.floor else None

    def row(self) -> dict[str, object]:
        """As it is written to results/latest.json."""
        return {**asdict(self), "ratio": self.ratio}


def p50(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]
