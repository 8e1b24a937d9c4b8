"""Rules that people declare, in CEL; and which rule judges which object.

A field that an object has not is no error: an expression that asks for it is not true. Whatever else is wrong with an expression
makes the verdict Unknown and says what: a mistake never passes as Healthy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.expressions import Absent, Expression, Subject, Unevaluable, parse, text_of
from reconciler.health.clauses import waiting
from reconciler.health.conditions import UNOBSERVED
from reconciler.health.rules import assess, has_health
from reconciler.model.declared import Application, Name
from reconciler.model.objects import Document
from reconciler.model.outcome import Health, HealthStatus
from reconciler.model.policy import HealthRule

ORDER = (
    ("suspended", HealthStatus.SUSPENDED),
    ("progressing", HealthStatus.PROGRESSING),
    ("degraded", HealthStatus.DEGRADED),
    ("healthy", HealthStatus.HEALTHY),
)
"""In which order expressions are asked: what is stopped is not judged, what is stale is not believed."""

MEND = "mend it in spec.health or TRUEUP_HEALTH_RULES"


def judge(rule: HealthRule, document: Document) -> Health:
    """The verdict of the first expression that is true; Progressing when none is."""
    subject = Subject(document)
    for name, verdict in ORDER:
        source = getattr(rule, name)
        try:
            if source and _is_true(parse(source), subject):
                return Health(verdict, _message(rule, subject) if verdict is not HealthStatus.HEALTHY else "")
        except Unevaluable as error:
            return Health(HealthStatus.UNKNOWN, f"the health rule of {rule.kind} does not fit: `{name}` {error}; {MEND}")
    return Health(HealthStatus.PROGRESSING, _message(rule, subject))


@dataclass(frozen=True)
class Rulebook:
    """Which rule judges an object: its application's, the instance's, or the built-in one of its kind."""

    common: tuple[HealthRule, ...] = ()
    """The instance's."""
    own: Mapping[Name, tuple[HealthRule, ...]] = field(default_factory=dict)
    """By application."""

    def with_own(self, applications: Mapping[Name, Application]) -> "Rulebook":
        """The same instance, with the rules of these applications."""
        return Rulebook(self.common, {name: found.health for name, found in applications.items() if found.health})

    def assess(self, document: Document, application: Name | None) -> Health:
        """How an object of an application is, and why."""
        rule = self._rule(document, application)
        return assess(document, (lambda judged: judge(rule, judged)) if rule else None)

    def has_health(self, group: str, kind: str) -> bool:
        """Whether the status of this kind tells its health to anybody, so that whole objects must be watched."""
        return has_health(group, kind) or (group, kind) in self.kinds

    @cached_property
    def kinds(self) -> frozenset[tuple[str, str]]:
        """The kinds that people declared rules for."""
        return frozenset((rule.group, rule.kind) for rules in (self.common, *self.own.values()) for rule in rules)

    def differs(self, other: "Rulebook") -> frozenset[tuple[str, str]]:
        """The kinds of which some objects are judged otherwise by the other one."""
        pairs = [(self.common, other.common)]
        pairs += [(self.own.get(name, ()), other.own.get(name, ())) for name in self.own.keys() | other.own.keys()]
        return frozenset((rule.group, rule.kind) for mine, theirs in pairs if mine != theirs for rule in (*mine, *theirs))

    def _rule(self, document: Document, application: Name | None) -> HealthRule | None:
        group, kind = document["apiVersion"].rpartition("/")[0], document["kind"]
        rules = (*(self.own.get(application, ()) if application else ()), *self.common)
        return next((rule for rule in rules if (rule.group, rule.kind) == (group, kind)), None)


def _is_true(expression: Expression, subject: Subject) -> bool:
    try:
        found = expression.evaluate(subject)
    except Absent:
        return False
    if not isinstance(found, bool):
        raise Unevaluable(f"is {type(found).__name__}, and must be true or false")
    return found


def _message(rule: HealthRule, subject: Subject) -> str:
    """What the rule says of the object, or else what the object says of itself."""
    if rule.message:
        try:
            return text_of(parse(rule.message).evaluate(subject))
        except (Absent, Unevaluable):
            pass
    said = waiting(subject.document)
    return "its expression `healthy` is not true yet" if said == UNOBSERVED else said
