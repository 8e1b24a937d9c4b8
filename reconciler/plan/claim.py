"""Whose an object is. *Owned* needs three witnesses: our Apply entry, our label in it, and an owner annotation that names it.

Each witness alone can be copied: labels by the endpoints controllers, managedFields by a restored backup, annotations by a clone
under another name.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.model.declared import Instance, Name
from reconciler.model.objects import LiveMetadata, ManagerEntry
from reconciler.plan.marks import APPLICATION, APPLIED, INSTANCE, OWNER, parse_owner


class ClaimState(enum.Enum):
    """Whose an object is."""

    OWNED = "owned"
    STRAY = "stray"
    """Carries our label without being Owned: reported, never deleted."""
    COPY = "copy"
    """Made by a controller from an object of ours, labels and all: nobody's business."""
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose an object is, and which application declared it."""

    state: ClaimState
    application: Name | None = None
    """Only of Owned objects; it may no longer exist."""


def our_entry(live: LiveMetadata, manager: str) -> ManagerEntry | None:
    """Our Apply entry in managedFields; an Update under our name is somebody else's."""
    return next((e for e in live.managers if e.manager == manager and e.operation == "Apply" and not e.subresource), None)


def claim(live: LiveMetadata, instance: Instance) -> Claim:
    """Whose an object is."""
    if live.labels.get(INSTANCE) != instance.id:
        return Claim(ClaimState.UNRELATED)
    entry = our_entry(live, instance.manager)
    owner = parse_owner(live.annotations.get(OWNER, ""))
    holds_label = entry is not None and f"f:{INSTANCE}" in entry.fields.get("f:metadata", {}).get("f:labels", {})
    if not holds_label or owner is None or owner[1] != live.key:
        return Claim(ClaimState.COPY if _is_copy(live) else ClaimState.STRAY)
    return Claim(ClaimState.OWNED, owner[0])


def released(metadata: Mapping[str, Any], live: LiveMetadata, manager: str) -> list[Mapping[str, Any]]:
    """The JSON patch that takes all three witnesses off an object and leaves its content as it is."""
    ours = our_entry(live, manager)
    kept = [raw for raw, entry in zip(metadata.get("managedFields") or (), live.managers, strict=True) if entry is not ours]
    marks = [
        f"/metadata/{field}/{name.replace('/', '~1')}"
        for field, names in (("labels", (INSTANCE, APPLICATION)), ("annotations", (OWNER, APPLIED)))
        for name in names
        if name in (metadata.get(field) or {})
    ]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": kept},
        *({"op": "remove", "path": path} for path in marks),
    ]


def _is_copy(live: LiveMetadata) -> bool:
    """ReplicaSets, EndpointSlices and their like name their owner; Endpoints do not, and have their Service's labels."""
    return bool(live.owners) or (live.key.group, live.key.kind) == ("", "Endpoints")
