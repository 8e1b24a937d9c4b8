"""A few objects of an application, as people name them: `Deployment/web`, `shop/Deployment/web`, `Certificate.cert-manager.io/web`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.errors import Stalled
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Plan

SHAPE = re.compile(r"([^/\s]+/)?[^/\s]+/[^/\s]+")
"""`[namespace/]kind[.group]/name`."""

SHOWN = 5


def chosen(keys: Iterable[ObjectKey], names: Sequence[str]) -> frozenset[ObjectKey]:
    """The objects that are meant.

    Raises:
        Stalled: when a name means none of them.
    """
    known = sorted(keys)
    found: set[ObjectKey] = set()
    for name in names:
        meant = {key for key in known if _is_meant(key, name)}
        if not meant:
            there = ", ".join(str(key) for key in known[:SHOWN]) + (
                f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
            )
            raise Stalled(f"nothing is called {name}; there {'is' if len(known) == 1 else 'are'} {there or 'no objects'}")
        found |= meant
    return frozenset(found)


def narrowed(plan: Plan, keys: frozenset[ObjectKey]) -> Plan:
    """The plan for these objects only; nothing is deleted, since a part of a set of deletions is worse than none."""
    stages = (tuple(step for step in stage if step.key in keys) for stage in plan.stages)
    return replace(plan, stages=tuple(stage for stage in stages if stage), deletions=(), holds=(), hooks=())


def _is_meant(key: ObjectKey, name: str) -> bool:
    *namespace, kind, bare = name.split("/")
    kinds = (key.kind.lower(), f"{key.kind}.{key.group}".lower())
    return bare == key.name and kind.lower() in kinds and namespace in ([], [key.namespace])
