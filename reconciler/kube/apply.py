"""The one seam that every write to a cluster passes: it knows what is allowed, retries what may pass, and feeds the index."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson

from reconciler.errors import ApplyRefused, ClusterUnavailable, NotAllowed, Waiting
from reconciler.kube.client import PROPAGATION, Client
from reconciler.kube.owned import OwnedIndex
from reconciler.model.declared import EVERYTHING, Allowance, Instance
from reconciler.model.objects import Document, FieldSet, Kind, Kinds, LiveMetadata, ManagerEntry, Manifest, ObjectKey
from reconciler.model.outcome import Awaited
from reconciler.model.policy import IgnoreRule
from reconciler.plan.allow import refusal
from reconciler.plan.claim import released
from reconciler.plan.foreign import taken_over, unmarked
from reconciler.plan.ignore import left_to_others, without

RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""Pauses between the tries of one write, at least what Retry-After says; then the job tries again later."""

MANAGERS = "/metadata/managedFields"

MISSED = "the server rejected our request due to an error in our request"
"""How the server says that the test in a JSON patch failed."""

UNCONVERTIBLE = "invalid group/version"
"""How the server says that an entry in managedFields is at a version that is no longer served; then nobody can apply.
https://github.com/kubernetes/kubernetes/issues/111937"""

RELEASES = 5
"""Tries to take a finalizer out of an object that its controller writes at the same time."""

CHANGED = frozenset({404, 409, 422})
"""How the server says that an object is gone, or another one than was seen; 422 is a test of a JSON patch that failed."""
NO_VERSION = "1"
"""A resourceVersion that no object has. An apply that names it creates what is missing, and is refused with 409 where anything is
there: the only way to create by server-side apply without a look first (seen on a real API server, tests/e2e/test_modes.py)."""

TRIES = 5
"""An object that somebody writes between our look at it and our patch is looked at again, this often."""

Choose = Callable[[ManagerEntry], tuple[FieldSet, FieldSet]]
"""Of an entry the fields that become ours, and those that stay with it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """An object's metadata, as it was a moment ago: read, and as the server wrote it."""

    live: LiveMetadata
    metadata: Document


class Writer:
    """Writes to one cluster, as one instance."""

    def __init__(
        self, client: Client, index: OwnedIndex, kinds: Callable[[], Kinds], instance: Instance, allowance: Allowance = EVERYTHING
    ) -> None:
        self._client = client
        self._index = index
        self._kinds = kinds
        self._instance = instance
        self._manager = instance.manager
        self._allowance = allowance

    def within(self, allowance: Allowance) -> "Writer":
        """The same writer, for an application that may touch no more than this.

        What it is asked for beyond that raises `NotAllowed`, naming the object.
        """
        return Writer(self._client, self._index, self._kinds, self._instance, allowance)

    async def create(self, manifest: Manifest) -> LiveMetadata | None:
        """Apply an object that is not there; None where one is, which is not touched. One request.

        Raises:
            ApplyRefused: with the server's reason.
            ClusterUnavailable: when several tries failed.
            Waiting: when the cluster does not serve the kind.
        """
        self._check(manifest.key)
        kind = self._kind(manifest.key, manifest.version)
        metadata = {**manifest.document["metadata"], "resourceVersion": NO_VERSION}
        body = orjson.dumps({**manifest.document, "metadata": metadata}, option=orjson.OPT_SORT_KEYS)
        try:
            return await self._send(kind, replace(manifest, body=body), force=False)
        except ApplyRefused as error:
            if error.code != 409:
                raise
            return None

    async def apply(
        self,
        manifest: Manifest,
        *,
        force: bool,
        rules: Iterable[IgnoreRule] = (),
        live: LiveMetadata | None = None,
    ) -> LiveMetadata:
        """Server-side apply of one object; one request.

        Args:
            manifest: what is desired.
            force: take fields that others hold.
            rules: fields that are left to others, and are not sent where others hold them.
            live: what is there, where that is known better than by what is Owned.

        Raises:
            ApplyRefused: with the server's reason; a `FieldConflict` where other managers hold fields and *force* is off.
            ClusterUnavailable: when several tries failed.
            Waiting: when the cluster does not serve the kind.
        """
        self._check(manifest.key)
        kind = self._kind(manifest.key, manifest.version)
        return await self._send(kind, self._sent(manifest, rules, live), force=force)

    async def _send(self, kind: Kind, sent: Manifest, *, force: bool) -> LiveMetadata:
        async def send() -> Document:
            return await self._client.apply(kind, sent, manager=self._manager, force=force)

        with self._index.applying(sent.key):
            try:
                answer = await _retried(send)
            except ClusterUnavailable as error:
                if UNCONVERTIBLE not in str(error):
                    raise
                await self._mend_versions(kind, sent.key)
                answer = await _retried(send)
            live = LiveMetadata.of(answer, kind)
            self._index.saw(live, kind)
        return live

    async def look(self, key: ObjectKey, version: str | None = None) -> Seen | None:
        """The metadata of an object as it is now, whoever made it; None when it is not there."""
        kind = self._kind(key, version)
        document = await self._client.get(kind, key.namespace, key.name, metadata_only=True)
        return Seen(LiveMetadata.of(document, kind), document["metadata"]) if document else None

    async def dry_run(self, manifest: Manifest, rules: Iterable[IgnoreRule] = (), *, warned: list[str] | None = None) -> Document:
        """What the object would be after an apply; changes nothing. It tells what is there, so it has the same bounds.

        What the server warns of is put into *warned*.
        """
        self._check(manifest.key)
        kind, sent = self._kind(manifest.key, manifest.version), self._sent(manifest, rules)
        return await self._client.apply(kind, sent, manager=self._manager, force=True, dry_run=True, warned=warned)

    async def delete(
        self,
        key: ObjectKey,
        *,
        uid: str,
        resource_version: str = "",
        propagation: str = PROPAGATION,
    ) -> bool:
        """Delete exactly the object that was seen, unchanged where its version is named; False when it was gone already.

        Raises:
            ApplyRefused: with code 409 when it is another object now, or has changed: decide again.
        """
        self._check(key)
        kind = self._kind(key)
        return await _retried(
            lambda: self._client.delete(kind, key, uid=uid, resource_version=resource_version, propagation=propagation)
        )

    async def take_over(self, manifest: Manifest, choose: Choose, seen: Seen | None = None) -> LiveMetadata | None:
        """Make fields of other entries ours, so that the apply that follows removes what is not desired; content stays as it is.

        Returns the object as it was before; None when it is gone. Two requests, one less where it was *seen* just now, or where nothing
        is to be taken.
        """
        self._check(manifest.key)
        kind = self._kind(manifest.key, manifest.version)
        for _ in range(TRIES):
            seen = seen or await self.look(manifest.key, manifest.version)
            if seen is None:
                return None
            raw, live = seen.metadata.get("managedFields") or [], seen.live
            wanted = taken_over(raw, live, manifest, self._manager, choose)
            operations = [{"op": "replace", "path": MANAGERS, "value": wanted}, *unmarked(live.annotations)]
            if wanted == raw or await self._patched(kind, live, operations):
                return live
            seen = None
        raise ClusterUnavailable(f"{manifest.key} changes faster than it can be taken over", retry_seconds=1.0)

    async def let_go(self, key: ObjectKey) -> None:
        """Let an object go: it stays as it is, and nothing on it says that it is ours. Two requests."""
        self._check(key)
        kind = self._kind(key)
        for _ in range(TRIES):
            seen = await self.look(key)
            if seen is None or await self._patched(kind, seen.live, released(seen.metadata, seen.live, self._manager)):
                return

    async def _patched(self, kind: Kind, live: LiveMetadata, operations: list[Mapping[str, Any]]) -> bool:
        """Whether metadata was changed; False when somebody wrote the object since it was looked at."""
        first = {"op": "test", "path": "/metadata/resourceVersion", "value": live.resource_version}
        try:
            with self._index.applying(live.key):
                answer = await _retried(lambda: self._client.patch(kind, live.key, [first, *operations], manager=self._manager))
                self._index.saw(LiveMetadata.of(answer, kind), kind)
        except ApplyRefused as error:
            if error.code == 422 and MISSED in str(error):
                return False
            raise
        return True

    async def release(self, key: ObjectKey, finalizer: str) -> None:
        """Take a finalizer out of an object; nothing when it is not there.

        That is done whatever the allowance is by now: what we keep from going must not be kept for ever.
        """
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
        """Create a namespace that is missing, for objects that may be in it. It is nobody's: it is never pruned.

        Raises:
            NotAllowed: when nothing may be in it.
        """
        if not self._allowance.has_namespace(name):
            raise NotAllowed(f"the application may not touch namespace {name}")
        kind = self._kind(ObjectKey("", "Namespace", "", name))
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        try:
            await _retried(lambda: self._client.create(kind, document, manager=self._manager))
        except ApplyRefused as error:
            if error.reason != "AlreadyExists":
                raise

    def _sent(self, manifest: Manifest, rules: Iterable[IgnoreRule], live: LiveMetadata | None = None) -> Manifest:
        """The manifest without the fields that others own by right."""
        known = live or self._index.live(manifest.key)
        return without(manifest, left_to_others(manifest, known, self._manager, rules)) if known else manifest

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

    def _check(self, key: ObjectKey) -> None:
        if reason := refusal(self._allowance, key):
            raise NotAllowed(reason)

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
