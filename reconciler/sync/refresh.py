"""Looking at the live objects themselves, by a full list, instead of trusting what the watches have told.

One list a kind; then one dry run for each object whose values may differ, which settles whether they do. Values of Secrets are not
read: theirs is judged by metadata, as always.
"""

import time
from collections.abc import Container, Iterable, Sequence

from reconciler.errors import Stalled
from reconciler.events import Refreshed
from reconciler.model.objects import Document, Kind, LiveMetadata, Manifest, ObjectKey
from reconciler.plan.deviate import may_deviate
from reconciler.sync.decide import measure
from reconciler.sync.environment import Environment
from reconciler.sync.findings import compare
from reconciler.sync.source import Target

SECRET = ("", "Secret")


async def refresh(targets: Sequence[Target], environment: Environment) -> Refreshed:
    """See every object of some applications as it is, and note what differs; nothing is remembered from before.

    Raises:
        ClusterUnavailable: when the API server does not answer.
    """
    began = time.monotonic()
    keys = {key for target in targets for key in _objects(target, environment)}
    environment.others -= keys
    for key in keys:
        environment.unverifiable.pop(key, None)
        environment.proofs.pop(key, None)
    differing = 0
    for group, name in sorted({(key.group, key.kind) for key in keys}):
        if kind := environment.cluster.kinds.find(group, name):
            seen = await environment.cluster.index.relist(kind, whole=(group, name) != SECRET)
            suspects = [document for document in seen if _is_suspect(document, kind, keys, environment)]
            differing += sum([await _differs(document, kind, environment) for document in suspects])
    for target in targets:
        measure(target.name, environment)
    return Refreshed(len(keys), differing, time.monotonic() - began)


def _objects(target: Target, environment: Environment) -> Iterable[ObjectKey]:
    rendering = environment.desired.of(target.name)
    return (*(rendering.manifests if rendering else ()), *environment.cluster.index.owned_by(target.name))


def _is_suspect(document: Document, kind: Kind, keys: Container[ObjectKey], environment: Environment) -> bool:
    """Whether an object of ours that has the content of Git may have other values all the same."""
    key = LiveMetadata.of(document, kind).key
    rendering, owned = environment.desired.declares(key), environment.cluster.index.owned.get(key)
    if key not in keys or rendering is None or owned is None or (kind.group, kind.kind) == SECRET:
        return False
    manifest = rendering.manifests[key]
    return owned.applied == manifest.digest and may_deviate(manifest.document, {**document, **_named(kind, manifest)})


def _named(kind: Kind, manifest: Manifest) -> Document:
    """What the items of a list leave out."""
    return {"apiVersion": manifest.api_version, "kind": kind.kind}


async def _differs(document: Document, kind: Kind, environment: Environment) -> bool:
    """Settle it by one dry run; what the server would refuse is told by the sync itself."""
    key = LiveMetadata.of(document, kind).key
    rendering = environment.desired.declares(key)
    if rendering is None:
        return False
    manifest = rendering.manifests[key]
    try:
        live = (
            {**document, **_named(kind, manifest)}
            if manifest.version == kind.version
            else await environment.cluster.read(manifest)
        )
        return live is not None and await compare(key, live, environment)
    except Stalled:
        return False
