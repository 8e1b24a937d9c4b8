"""A rare look at every kind that a cluster serves: for objects that carry our label where nobody watches for them.

What carries the label without being Owned is a stray, and is reported. What *is* owned, of a kind that nobody follows, means that
the record of kinds was lost: those kinds are followed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.errors import TrueupError
from reconciler.kube.client import Client
from reconciler.model.declared import Instance
from reconciler.model.objects import Kind, LiveMetadata, ObjectKey
from reconciler.plan.claim import ClaimState, claim
from reconciler.plan.marks import selector

NEEDED = frozenset({"list", "watch"})
"""What a kind must offer to have objects that could be ours: reviews and the like are only made."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at every kind came to."""

    strays: frozenset[ObjectKey]
    unrecorded: tuple[Kind, ...]
    """Kinds with objects of ours that nobody follows."""
    failed: tuple[str, ...]
    """Kinds that could not be listed, each with the reason."""


async def search(client: Client, kinds: Iterable[Kind], followed: Iterable[Kind], instance: Instance) -> Found:
    """List the metadata of every kind that is not followed, by our label; one request a kind."""
    known = {(kind.group, kind.kind) for kind in followed}
    strays: set[ObjectKey] = set()
    unrecorded: list[Kind] = []
    failed: list[str] = []
    for kind in kinds:
        if (kind.group, kind.kind) in known or not kind.verbs >= NEEDED:
            continue
        try:
            listing = await client.list(kind, selector=selector(instance), metadata_only=True, cached=True)
        except TrueupError as error:
            failed.append(f"{kind.kind}: {error}")
            continue
        found = [(live.key, claim(live, instance).state) for live in (LiveMetadata.of(item, kind) for item in listing.items)]
        strays.update(key for key, state in found if state is ClaimState.STRAY)
        if any(state is ClaimState.OWNED for _, state in found):
            unrecorded.append(kind)
    return Found(frozenset(strays), tuple(unrecorded), tuple(failed))
