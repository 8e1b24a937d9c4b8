"""Rules as data: what an object may say of itself, and the verdict that follows. The first clause that holds decides.

Degraded is what its controller has given up, or what will not mend itself within seconds. What a controller tries again and
again is Progressing with its reason, so that the deadline of the sync decides: things that need one another are applied together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.health.conditions import UNOBSERVED, find, is_current, part, reason_of, steps, values
from reconciler.model.objects import Document
from reconciler.model.outcome import Health, HealthStatus

DEGRADED, HEALTHY, MISSING, PROGRESSING, SUSPENDED, UNKNOWN = (
    HealthStatus.DEGRADED, HealthStatus.HEALTHY, HealthStatus.MISSING,
    HealthStatus.PROGRESSING, HealthStatus.SUSPENDED, HealthStatus.UNKNOWN,
)  # fmt: skip

SPEAKING = ("Ready", "Available", "Healthy", "Synced", "Succeeded")
"""Conditions that tell what an object waits for that no clause speaks of."""

PHASES = ("phase", "state")
"""Fields of a status that tell the same."""


@dataclass(frozen=True, slots=True)
class Says:
    """A condition of the present generation in `status.conditions`."""

    kind: str
    status: str = "True"
    reasons: tuple[str, ...] = ()
    """One of these; none given: whatever it is."""

    def told(self, document: Document) -> str | None:
        """The condition's own words; None when it does not hold."""
        found = find(part(document, "status"), self.kind, self.status)
        if found is None or not is_current(found, document) or (self.reasons and found.get("reason") not in self.reasons):
            return None
        return reason_of(found)

    def __str__(self) -> str:
        """`Ready is False (Expired)`."""
        return f"{self.kind} is {self.status}" + (f" ({', '.join(self.reasons)})" if self.reasons else "")


@dataclass(frozen=True, slots=True)
class Has:
    """A field with one of some values; lists on its path are looked through."""

    path: str
    values: tuple[str, ...] = ()
    """Texts, `true` and `false`; none given: anything but nothing, false and empty."""
    because: str = ""
    """The path of the text that says why."""

    def told(self, document: Document) -> str | None:
        """Why, as the object says it, or else the field and its value; None when it does not hold."""
        found = [value for value in values(document, self.path) if self._holds(value)]
        if not found:
            return None
        said = [str(text) for text in (values(document, self.because) if self.because else ()) if str(text).strip()]
        return said[0].strip() if said else self.shown(found[0])

    def spoken(self, document: Document) -> str:
        """What the field says, where the rule knows it by what it says; empty when it says nothing."""
        found = values(document, self.path) if self.values else ()
        return self.shown(found[0]) if found and isinstance(found[0], str) and found[0] else ""

    def shown(self, value: Any) -> str:
        """`phase Running`, `health status Missing`, or `spec.suspend is set`."""
        names = steps(self.path)
        return (
            f"{' '.join(names[-2:] if names[-1] == 'status' else names[-1:])} {value}"
            if isinstance(value, str)
            else f"{self.path} is set"
        )

    def _holds(self, value: Any) -> bool:
        return _text(value) in self.values if self.values else bool(value)

    def __str__(self) -> str:
        """`status.phase` is Failed or Error, or `spec.suspend` is set."""
        return f"`{self.path}` is {' or '.join(self.values) if self.values else 'set'}"


@dataclass(frozen=True, slots=True)
class Clause:
    """A verdict, and what each alone leads to it."""

    verdict: HealthStatus
    tests: tuple[Says | Has, ...]

    def told(self, document: Document) -> str | None:
        """The words of the first test that holds; None when none does."""
        return next((words for test in self.tests if (words := test.told(document)) is not None), None)


@dataclass(frozen=True, slots=True)
class ConditionRule:
    """Clauses in order, and what holds when none does."""

    clauses: tuple[Clause, ...]
    otherwise: HealthStatus = PROGRESSING

    def __call__(self, document: Document) -> Health:
        """The verdict of the first clause that holds; a healthy object needs no reason."""
        if (found := self.deciding(document)) is None:
            return Health(self.otherwise, "" if self.otherwise is HEALTHY else self._waiting(document))
        clause, words = found
        return Health(clause.verdict, "" if clause.verdict is HEALTHY else words)

    def _waiting(self, document: Document) -> str:
        """What its conditions say, or else the fields that would tell it is healthy."""
        if unready := _unready(document):
            return unready
        clauses = sorted(self.clauses, key=lambda clause: clause.verdict is not HEALTHY)
        tests = [test for clause in clauses for test in clause.tests if isinstance(test, Has)]
        return next((words for test in tests if (words := test.spoken(document))), "") or waiting(document)

    def deciding(self, document: Document) -> tuple[Clause, str] | None:
        """The first clause that holds, and its words."""
        for clause in self.clauses:
            if (words := clause.told(document)) is not None:
                return clause, words
        return None

    def __str__(self) -> str:
        """For people: each verdict with what leads to it."""
        told = [f"{clause.verdict}: {' or '.join(str(test) for test in clause.tests)}" for clause in self.clauses]
        return "; ".join(told if self.otherwise is PROGRESSING else [*told, f"else {self.otherwise}"])


def when(verdict: HealthStatus, *tests: Says | Has) -> Clause:
    """A clause, as it reads in a table: `when(DEGRADED, Says("Ready", "False"))`."""
    return Clause(verdict, tests)


def rule(*clauses: Clause, otherwise: HealthStatus = PROGRESSING) -> ConditionRule:
    """A rule, as it reads in a table."""
    return ConditionRule(clauses, otherwise)


def waiting(document: Mapping[str, Any]) -> str:
    """What an object waits for, as far as it says so."""
    status = part(document, "status")
    phases = (f"{name} {status[name]}" for name in PHASES if _is_text(status, name))
    return _unready(document) or next(phases, UNOBSERVED)


def _unready(document: Mapping[str, Any]) -> str:
    """The condition that is not true, or not said of the present generation; empty when there is none."""
    status = part(document, "status")
    for kind in SPEAKING:
        if (found := find(status, kind)) is None:
            continue
        if not is_current(found, document):
            return f"{kind} is not said of generation {part(document, 'metadata').get('generation')} yet"
        if found.get("status") != "True":
            return reason_of(found)
    return ""


def _is_text(status: Mapping[str, Any], name: str) -> bool:
    return isinstance(status.get(name), str) and bool(status[name])


def _text(value: Any) -> str:
    """A value as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
