"""The verdict on one object: what holds for every kind first, then the rule of its kind.

The generic rules are those of https://github.com/kubernetes-sigs/cli-utils `pkg/kstatus/README.md`; a kind without a rule is
healthy when nothing generic speaks against it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TypeAlias

from reconciler.health import custom, kubernetes
from reconciler.health.conditions import condition, degraded, healthy, part, progressing, reason_of
from reconciler.health.operators import credentials, databases, delivery, networks, platforms, policies, volumes
from reconciler.health.static import STATIC, exists
from reconciler.model.objects import Document
from reconciler.model.outcome import HEALTH, Health, HealthMark

Rule: TypeAlias = Callable[[Document], Health]
"""What judges an object of one kind, once nothing generic has."""

FIELDS = (credentials, databases, delivery, networks, platforms, policies, volumes)

IGNORED = {HEALTH: HealthMark.IGNORE, "argocd.argoproj.io/ignore-healthcheck": "true"}
"""Annotations by which people leave an object's health out; the second one is known from Argo CD."""


def _table() -> Mapping[tuple[str, str], Rule]:
    static = [STATIC, *(field.STATIC for field in FIELDS if hasattr(field, "STATIC"))]
    found: dict[tuple[str, str], Rule] = {}
    for groups in static:
        found |= {(group, kind): exists for group, kinds in groups.items() for kind in kinds}
    for field in (kubernetes, *FIELDS):
        found |= field.RULES
    return found


RULES = _table()
"""By group and kind. `*` for a kind is every kind of the group that has no rule of its own, `*.` before a group every group that
ends so; the longest ending wins."""


def rule_of(group: str, kind: str) -> Rule:
    """The rule of a kind: its own, that of its group or of groups that end alike, or else what most custom resources agree on."""
    row = row_of(group, kind)
    return RULES[row] if row else custom.resource


@lru_cache(maxsize=4096)
def row_of(group: str, kind: str) -> tuple[str, str] | None:
    """The row of the table that a kind is judged by; None when it has none."""
    rows = ((place, name) for place in _places(group) for name in (kind, "*"))
    return next((row for row in rows if row in RULES), None)


def has_health(group: str, kind: str) -> bool:
    """Whether the status of this kind tells its health, so that whole objects must be watched; Secrets never."""
    return rule_of(group, kind) is not exists


def assess(document: Document, rule: Rule | None = None) -> Health:
    """How an object is, and why.

    Args:
        document: at least `apiVersion`, `kind` and `metadata`; of a kind whose status tells health, the whole object.
        rule: what people declared for its kind; it has the word of conditions too.
    """
    metadata = document["metadata"]
    annotations = part(metadata, "annotations")
    if any(annotations.get(name) == word for name, word in IGNORED.items()):
        return healthy("its health is ignored")
    if metadata.get("deletionTimestamp"):
        return progressing(_terminating(document))
    group, kind = document["apiVersion"].rpartition("/")[0], document["kind"]
    if rule is None and not has_health(group, kind):
        return healthy()
    if unseen := _unseen_generation(document):
        return progressing(unseen)
    if rule is None and (said := _said_of_every_kind(document)):
        return said
    return (rule or rule_of(group, kind))(document)


def _places(group: str) -> Iterator[str]:
    """`s3.aws.upbound.io`, then `*.aws.upbound.io`, `*.upbound.io`, `*.io`."""
    yield group
    while "." in group:
        group = group.partition(".")[2]
        yield f"*.{group}"


def _unseen_generation(document: Document) -> str:
    """That the controller has not looked at the newest generation; Argo Rollouts write the one they saw as text."""
    observed, generation = part(document, "status").get("observedGeneration"), document["metadata"].get("generation")
    is_number = isinstance(observed, int) or (isinstance(observed, str) and observed.isdecimal())
    is_seen = not is_number or not isinstance(generation, int) or str(observed) == str(generation)
    return "" if is_seen else f"generation {generation} not observed yet"


def _said_of_every_kind(document: Document) -> Health | None:
    """Stalled and Reconciling mean the same whoever says them."""
    if stalled := condition(document, "Stalled", "True"):
        return degraded(reason_of(stalled))
    if reconciling := condition(document, "Reconciling", "True"):
        return progressing(reason_of(reconciling))
    return None


def _terminating(document: Document) -> str:
    """What the deletion waits for, as far as the object says it; a Namespace says what is left in it."""
    for kind in ("NamespaceDeletionContentFailure", "NamespaceFinalizersRemaining", "NamespaceContentRemaining"):
        if found := condition(document, kind, "True"):
            return f"is being deleted; {reason_of(found)}"
    finalizers = ", ".join(document["metadata"].get("finalizers") or ())
    return "is being deleted" + (f"; waits for finalizer {finalizers}" if finalizers else "")
