"""An object whose fields cannot be changed, deleted and made anew: only where its annotation asks for it, and only ours."""

import asyncio
import dataclasses

from reconciler.errors import ApplyRefused, Waiting
from reconciler.kube.apply import Writer
from reconciler.kube.client import PROPAGATION
from reconciler.kube.refusal import Unchangeable
from reconciler.model.declared import Application
from reconciler.model.objects import Document, LiveMetadata, Manifest
from reconciler.model.options import PruneRule
from reconciler.model.outcome import Step
from reconciler.plan.cascade import taken_along
from reconciler.plan.claim import claim
from reconciler.plan.marks import PRUNE
from reconciler.plan.prune import HOW_TO_KEEP, PROTECTED
from reconciler.sync.environment import Environment

PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Between the looks whether it is gone; the last one for ever. Without finalizers it is gone at once."""

TRIES = 3
"""An object that changes between our look at it and its deletion is looked at again, this often."""

ORPHAN = "Orphan"
"""Its pods stay, and the new object takes them over."""


async def recreated(
    step: Step, manifest: Manifest, application: Application, environment: Environment, refused: Unchangeable
) -> tuple[Step, LiveMetadata]:
    """Delete exactly the object that is there, wait until it is gone, and make it anew.

    Raises:
        Unchangeable: when its kind takes data along, and nobody allowed that; and when it would take along what is to stay.
        Waiting: when it is not gone in time, with what it waits for; and when it is not the application's any more.
    """
    key = manifest.key
    if (key.group, key.kind) in PROTECTED and manifest.options.prune is not PruneRule.ALLOW:
        raise Unchangeable(f"{refused}; it takes data along, so that needs {PRUNE}: {PruneRule.ALLOW} too", refused.fields)
    index = environment.cluster.index
    going = [owned] if (owned := index.owned.get(key)) else []
    if along := taken_along(going, index.owned, environment.cluster.kinds).get(key):
        raise Unchangeable(f"{refused}; it would take {along[0]} along; {HOW_TO_KEEP}", refused.fields)
    await _delete(manifest, application, environment)
    index.doomed(key)
    live = await _made_anew(manifest, application.sync.timeout_seconds, environment.writer(application))
    return dataclasses.replace(step, reason=why_anew(refused)), live


def why_anew(refused: Unchangeable) -> str:
    """For people: what is done about a field that cannot be changed."""
    return f"deleted and made anew, since {', '.join(refused.fields) or 'a field'} cannot be changed"


async def _delete(manifest: Manifest, application: Application, environment: Environment) -> None:
    cluster, key = environment.cluster, manifest.key
    kind = cluster.kinds.find(key.group, key.kind, manifest.version)
    for attempt in range(TRIES):
        document = (
            await cluster.client.get(kind, key.namespace, key.name, metadata_only=not _has_pods_to_keep(manifest))
            if kind
            else None
        )
        if document is None or kind is None:
            return
        metadata = document["metadata"]
        if claim(LiveMetadata.of(document, kind), environment.instance).application != application.name:
            raise Waiting(f"{key} went to somebody else since it was seen")
        try:
            await environment.writer(application).delete(
                key,
                uid=metadata["uid"],
                resource_version=metadata["resourceVersion"],
                propagation=_propagation(manifest, document),
            )
        except ApplyRefused as error:
            if error.code != 409 or attempt == TRIES - 1:
                raise
        else:
            return


async def _made_anew(manifest: Manifest, timeout_seconds: float, writer: Writer) -> LiveMetadata:
    loop = asyncio.get_running_loop()
    deadline, number = loop.time() + timeout_seconds, 0
    while True:
        if live := await writer.create(manifest):
            return live
        if loop.time() >= deadline:
            old = await writer.look(manifest.key)
            finalizers = ", ".join(old.live.finalizers) if old else ""
            held_by = f"; it waits for its finalizers {finalizers}" if finalizers else ""
            raise Waiting(f"{manifest.key} is being deleted to be made anew{held_by}")
        await asyncio.sleep(PAUSES[min(number, len(PAUSES) - 1)])
        number += 1


def _has_pods_to_keep(manifest: Manifest) -> bool:
    return (manifest.key.group, manifest.key.kind) == ("apps", "StatefulSet")


def _propagation(manifest: Manifest, live: Document) -> str:
    """A StatefulSet's pods and claims go on running, as long as the new one selects them."""
    selector = (live.get("spec") or {}).get("selector")
    is_kept = _has_pods_to_keep(manifest) and selector == (manifest.document.get("spec") or {}).get("selector")
    return ORPHAN if is_kept else PROPAGATION
