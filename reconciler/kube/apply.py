"""The one seam that every write to a cluster passes: it knows what is allowed, retries what may pass, and feeds the index."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reconciler.errors import ApplyRefused, ClusterUnavailable, NotAllowed, Waiting
from reconciler.kube.client import Client
from reconciler.kube.owned import OwnedIndex
from reconciler.model.declared import Instance
from reconciler.model.objects import Document, Kind, Kinds, LiveMetadata, ManagerEntry, Manifest, ObjectKey
from reconciler.model.outcome import Awaited
from reconciler.plan.claim import our_entry
from reconciler.plan.drift import united
from reconciler.plan.ignore import left_to_others, without

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""Pauses between the tries of one write, at least what Retry-After says; then the job tries again later."""

UNCONVERTIBLE = "invalid group/version"
"""How the server says that an entry in managedFields is at a version that is no longer served; then nobody can apply.
https://github.com/kubernetes/kubernetes/issues/111937"""

RELEASES = 5
"""Tries to take a finalizer out of an object that its controller writes at the same time."""

CHANGED = frozenset({404, 409, 422})
"""How the server says that an object is gone, or another one than was seen; 422 is a test of a JSON patch that failed."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an application may touch; None is everything."""

    namespaces: frozenset[str] | None = None
    kinds: frozenset[tuple[str, str]] | None = None

    def check(self, key: ObjectKey) -> None:
        """Raise where an object lies outside.

        Raises:
            NotAllowed: naming the object.
        """
        if self.namespaces is not None and key.namespace not in self.namespaces:
            raise NotAllowed(
                f"{key}: the application may not touch {f'namespace {key.namespace}' if key.namespace else 'the cluster'}"
            )
        if self.kinds is not None and (key.group, key.kind) not in self.kinds:
            raise NotAllowed(f"{key}: the application may not touch objects of kind {key.kind}")


EVERYTHING = Allowance()


class Writer:
    """Writes to one cluster, as one instance."""

    def __init__(self, client: Client, index: OwnedIndex, kinds: Callable[[], Kinds], instance: Instance) -> None:
        self._client = client
        self._index = index
        self._kinds = kinds
        self._manager = instance.manager

    async def apply(self, manifest: Manifest, *, force: bool, allowance: Allowance = EVERYTHING) -> LiveMetadata:
        """Server-side apply of one object; one request.

        Raises:
            ApplyRefused: with the server's reason; a `FieldConflict` where other managers hold fields and *force* is off.
            ClusterUnavailable: when several tries failed.
            Waiting: when the cluster does not serve the kind.
        """
        allowance.check(manifest.key)
        kind = self._kind(manifest.key, manifest.version)
        sent = self._sent(manifest)

        async def send() -> Document:
            return await self._client.apply(kind, sent, manager=self._manager, force=force)

        with self._index.applying(manifest.key):
            try:
                answer = await _retried(send)
            except ClusterUnavailable as error:
                if UNCONVERTIBLE not in str(error):
                    raise
                await self._mend_versions(kind, manifest.key)
                answer = await _retried(send)
            live = LiveMetadata.of(answer, kind)
            self._index.saw(live, kind)
        return live

    async def dry_run(self, manifest: Manifest) -> Document:
        """What the object would be after an apply; changes nothing."""
        kind = self._kind(manifest.key, manifest.version)
        return await self._client.apply(kind, self._sent(manifest), manager=self._manager, force=True, dry_run=True)

    async def delete(self, key: ObjectKey, *, uid: str, resource_version: str = "", allowance: Allowance = EVERYTHING) -> bool:
        """Delete exactly the object that was seen, unchanged where its version is named; False when it was gone already.

        Raises:
            ApplyRefused: with code 409 when it is another object now, or has changed: decide again.
        """
        allowance.check(key)
        kind = self._kind(key)
        return await _retried(lambda: self._client.delete(kind, key, uid=uid, resource_version=resource_version))

    async def take_over(self, live: LiveMetadata, entries: Sequence[ManagerEntry], allowance: Allowance = EVERYTHING) -> None:
        """Make the fields of other entries ours, so that the apply that follows removes what is not desired; one request."""
        allowance.check(live.key)
        kind = self._kind(live.key)
        current = await self._client.get(kind, live.key.namespace, live.key.name, metadata_only=True)
        if current is None:
            return
        fresh = LiveMetadata.of(current, kind)
        ours = our_entry(fresh, self._manager)
        doomed = {(entry.manager, entry.operation, entry.subresource) for entry in entries}
        theirs = [entry for entry in fresh.managers if (entry.manager, entry.operation, entry.subresource) in doomed]
        if ours is None or not theirs:
            return
        kept = [
            {**raw, "fieldsV1": united(ours.fields, [entry.fields for entry in theirs])} if entry is ours else raw
            for raw, entry in zip(current["metadata"]["managedFields"], fresh.managers, strict=True)
            if entry not in theirs
        ]
        operations = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": fresh.resource_version},
            {"op": "replace", "path": "/metadata/managedFields", "value": kept},
        ]
        with self._index.applying(live.key):
            await _retried(lambda: self._client.patch(kind, live.key, operations, manager=self._manager))

    async def release(self, key: ObjectKey, finalizer: str, allowance: Allowance = EVERYTHING) -> None:
        """Take a finalizer out of an object; nothing when it is not there."""
        allowance.check(key)
        kind = self._kind(key)
        for _ in range(RELEASES):
            current = await self._client.get(kind, key.namespace, key.name, metadata_only=True)
            finalizers = ((current or {}).get("metadata") or {}).get("finalizers") or []
            if current is None or finalizer not in finalizers:
                return
            operations = [
                {"op": "test", "path": "/metadata/resourceVersion", "value": current["metadata"]["resourceVersion"]},
                {"op": "remove", "path": f"/metadata/finalizers/{finalizers.index(finalizer)}"},
            ]
            try:
                with self._index.applying(key):
                    await _retried(lambda: self._client.patch(kind, key, operations, manager=self._manager))  # noqa: B023 - awaited here
            except ApplyRefused as error:
                if error.code not in CHANGED:
                    raise
            else:
                return
        raise ClusterUnavailable(f"{key} changes faster than its finalizer can be taken out")

    async def ensure_namespace(self, name: str) -> None:
        """Create a namespace that is missing. It is nobody's: it is never pruned."""
        kind = self._kind(ObjectKey("", "Namespace", "", name))
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            await _retried(lambda: self._client.create(kind, document, manager=self._manager))
        except ApplyRefused as error:
            if error.reason != "AlreadyExists":
                raise

    def _sent(self, manifest: Manifest) -> Manifest:
        """The manifest without the fields that others own by right."""
        known = self._index.live(manifest.key)
        return without(manifest, left_to_others(known, self._manager)) if known else manifest

    async def _mend_versions(self, kind: Kind, key: ObjectKey) -> None:
        """Point managedFields entries at a version that is served."""
        current = await self._client.get(kind, key.namespace, key.name, metadata_only=True)
        if current is None:
            return
        operations: list[dict[str, object]] = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": current["metadata"]["resourceVersion"]}
        ]
        for index, entry in enumerate(current["metadata"].get("managedFields") or ()):
            version = entry.get("apiVersion", "").rpartition("/")[2]
            if self._kinds().find(key.group, key.kind, version) is None:
                path = f"/metadata/managedFields/{index}/apiVersion"
                operations.append({"op": "replace", "path": path, "value": kind.api_version})
        await self._client.patch(kind, key, operations, manager=self._manager)

    def _kind(self, key: ObjectKey, version: str | None = None) -> Kind:
        kind = self._kinds().find(key.group, key.kind, version)
        if kind is None:
            wanted = Awaited(kinds=frozenset({(key.group, key.kind, version or "")}))
            raise Waiting(f"{key}: the cluster does not serve {key.group or 'core'} {key.kind}", awaited=wanted)
        return kind


async def _retried(send: Callable[[], Awaitable[T]]) -> T:
    """Try a write again while the server may recover; the last failure is the caller's."""
    for pause in RETRY_SECONDS:
        try:
            return await send()
        except ClusterUnavailable as error:
            if UNCONVERTIBLE in str(error):
                raise
            await asyncio.sleep(max(pause, error.retry_seconds or 0.0))
    return await send()
