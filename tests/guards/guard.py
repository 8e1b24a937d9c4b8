"""A guard against a deletion that nobody meant, how it is taken out, and the tests that fail then."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Guard:
    """One line of defence."""

    name: str
    says: str
    """The rule, in words."""
    module: str
    """Its path in the repository."""
    old: str
    """The guard, as it stands there exactly once."""
    new: str
    """The same place without it."""
    tests: tuple[str, ...]
    """Tests that fail without it: paths below tests/, and their names."""

    @property
    def dotted(self) -> str:
        """The module as it is imported."""
        return self.module.removesuffix(".py").replace("/", ".")

    def taken_out(self) -> str:
        """The module's source without the guard.

        Raises:
            LookupError: when the guard does not stand there exactly once.
        """
        source = (ROOT / self.module).read_text()
        if source.count(self.old) != 1:
            raise LookupError(f"{self.name}: {self.module} has {source.count(self.old)} times: {self.old}")
        return source.replace(self.old, self.new)
