"""Looking after objects that no watch tells enough of, at the sweep.

Those that others made, and that we make only where they are missing, do not carry our label, so nobody tells when they go: one GET of
metadata each. Those of an API that keeps no record of who owns which field tell by no metadata what was changed: one GET of the whole
object each, and one dry run for each whose values may differ, which settles whether they do.
"""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from reconciler.errors import Stalled
from reconciler.model.objects import ObjectKey
from reconciler.plan.deviate import may_deviate
from reconciler.sync.environment import Environment
from reconciler.sync.findings import compare


@dataclass(frozen=True, slots=True)
class Probed:
    """What a look at these objects came to."""

    looked_at: int
    """How many objects were asked for."""
    changed: Collection[ObjectKey]
    """Those that are gone, and that we are to make now; and those whose values are not as desired."""


async def probe(environment: Environment) -> Probed:
    """See which objects are gone or changed; nothing is asked about what nobody desires any more.

    Raises:
        ClusterUnavailable: when the API server does not answer.
    """
    looked_at, changed = 0, []
    for key in sorted({*environment.others, *environment.unrecorded}):
        if environment.desired.declares(key) is None or environment.cluster.kinds.find(key.group, key.kind) is None:
            _forget(key, environment)
            continue
        looked_at += 1
        try:
            is_changed = await (_look(key, environment) if key in environment.unrecorded else _is_gone(key, environment))
        except Stalled:
            continue  # refused: it is judged as it was met
        if is_changed:
            changed.append(key)
    return Probed(looked_at, changed)


async def _is_gone(key: ObjectKey, environment: Environment) -> bool:
    kind = environment.cluster.kinds.find(key.group, key.kind)
    if kind is None or await environment.cluster.client.get(kind, key.namespace, key.name, metadata_only=True):
        return False
    _forget(key, environment)
    return True


async def _look(key: ObjectKey, environment: Environment) -> bool:
    """Compare the values of an object with what is desired; whether they differ, or it is gone."""
    rendering, seen = environment.desired.declares(key), environment.unrecorded[key]
    if rendering is None or rendering.manifests[key].digest != seen.digest:
        return False  # the next sync sends it anyway
    manifest = rendering.manifests[key]
    live = await environment.cluster.read(manifest)
    if live is None:
        _forget(key, environment)
        return True
    differs = may_deviate(manifest.document, live) and await compare(key, live, environment)
    proof = environment.proofs.pop(key, None) if differs else None
    environment.unrecorded[key] = dataclasses.replace(seen, drift=(proof.drift,) if proof else ())
    return proof is not None


def _forget(key: ObjectKey, environment: Environment) -> None:
    environment.others.discard(key)
    environment.unrecorded.pop(key, None)
