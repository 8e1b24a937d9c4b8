"""What the index keeps of one owned object: hashes and small strings, a tenth of the memory of the parsed metadata."""

import contextlib
from dataclasses import dataclass

import orjson

from reconciler.model.declared import Instance, Name
from reconciler.model.objects import Kind, LiveMetadata, ManagerEntry
from reconciler.model.outcome import Drift, Health, Owned
from reconciler.plan.marks import APPLIED, DELETION, FINALIZER, INSTANCE, OWNER, PRUNE, RUN
from reconciler.plan.options import options_of


@dataclass(slots=True)
class Entry:
    """One owned object."""

    owned: Owned
    kind: Kind
    fingerprint: str
    managers: bytes
    """The managers as JSON."""
    generation: int
    health: Health | None
    ended: Health | None
    """What a Job or Pod came to; None while it has not come to its end."""


def owned_of(live: LiveMetadata, application: Name, drift: tuple[Drift, ...]) -> Owned:
    """An object of an application, as its metadata tells."""
    options = options_of(live.annotations, live.labels)
    return Owned(
        key=live.key,
        uid=live.uid,
        resource_version=live.resource_version,
        application=application,
        applied=live.annotations.get(APPLIED, ""),
        deleting=live.deleting,
        prune=options.prune,
        outlives=options.outlives,
        wave=options.wave,
        is_hook=options.is_hook,
        run=live.annotations.get(RUN, ""),
        is_kept=FINALIZER in live.finalizers,
        goes_along=DELETION in live.annotations,
        owners=live.owners,
        drift=drift,
    )


def number(resource_version: str) -> int:
    """Resource versions of one kind may be compared as numbers since 1.35, and always could.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    with contextlib.suppress(ValueError):
        return int(resource_version)
    return 0


def pack(live: LiveMetadata) -> bytes:
    """The managers of an object as they are kept."""
    return orjson.dumps([(m.manager, m.operation, m.subresource, m.api_version, m.time, m.fields) for m in live.managers])


def unpack(entry: Entry, instance: Instance) -> LiveMetadata:
    """What is kept of an object, as metadata again."""
    owned = entry.owned
    owner = f"{owned.application}:{owned.key.identity}"
    annotations = {OWNER: owner, APPLIED: owned.applied} | ({PRUNE: owned.prune} if owned.prune else {})
    return LiveMetadata(
        key=owned.key,
        api_version=entry.kind.api_version,
        uid=owned.uid,
        resource_version=owned.resource_version,
        generation=entry.generation,
        deleting=owned.deleting,
        labels={INSTANCE: instance.id},
        annotations=annotations,
        managers=tuple(ManagerEntry(*fields) for fields in orjson.loads(entry.managers)),
    )
