"""Looking after objects that no watch tells of: those that others made, and that we make only where they are missing.

They do not carry our label, so nobody tells when they go. One GET of metadata each, at the sweep, is what that costs.
"""

from collections.abc import Collection
from dataclasses import dataclass

from reconciler.errors import Stalled
from reconciler.model.objects import ObjectKey
from reconciler.sync.environment import Environment


@dataclass(frozen=True, slots=True)
class Probed:
    """What a look at the objects of others came to."""

    looked_at: int
    """How many requests it took."""
    missing: Collection[ObjectKey]
    """Those that are gone, and that we are to make now."""


async def probe(environment: Environment) -> Probed:
    """See which objects of others are gone; one GET each, and none for what nobody desires any more.

    Raises:
        ClusterUnavailable: when the API server does not answer.
    """
    looked_at, missing = 0, []
    for key in sorted(environment.others):
        rendering, kind = environment.desired.declares(key), environment.cluster.kinds.find(key.group, key.kind)
        if rendering is None or kind is None:
            environment.others.discard(key)
            continue
        looked_at += 1
        try:
            found = await environment.cluster.client.get(kind, key.namespace, key.name, metadata_only=True)
        except Stalled:
            continue  # refused: it is judged as it was met
        if found is None:
            environment.others.discard(key)
            missing.append(key)
    return Probed(looked_at, missing)
