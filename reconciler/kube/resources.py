"""The Repositories and Applications of a cluster: watched, and written to where that is ours to do: status and finalizer.

Every worker follows them, since every worker begins jobs. A cluster that does not serve the kinds has none; it is asked again now and
then. Nothing is forgotten while the cluster does not answer.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.declarations.definitions import APPLICATION, REPOSITORY
from reconciler.declarations.resources import FINALIZER, Resource, ResourceKey, read
from reconciler.errors import ApplyRefused, ClusterUnavailable, Stalled, Transient
from reconciler.kube.client import Client, WatchEvent, connect
from reconciler.kube.config import Access
from reconciler.model.declared import Instance, Name
from reconciler.model.objects import Document, Kind, ObjectKey
from reconciler.settings import ReconcilerSettings

KINDS = {kind.kind: kind for kind in (REPOSITORY, APPLICATION)}
DEFINITION = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)

WATCH_SECONDS = 290
"""How long one watch lasts; the server ends it, so that a dead connection is noticed."""

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before a broken watch is resumed; the last one for ever."""

UNSERVED_SECONDS = 15.0
"""When it is looked again whether a cluster serves the kinds, that did not before."""

Listener = Callable[[Resource], None]
"""Told of every resource that came, changed or went; it must not block and must not raise."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one watch follows."""

    kind: Kind
    namespace: str
    """Empty: all."""


async def find(access: Access, instance: Instance, settings: ReconcilerSettings) -> list[Resource] | None:
    """All of them as they are now, where the settings look for them; None when the cluster does not serve the kinds.

    Raises:
        Stalled: when the cluster cannot be spoken to, or does not let them be read.
        ClusterUnavailable: when it does not answer.
    """
    found: list[Resource] = []
    async with connect(access, instance, settings) as client:
        for kind in KINDS.values():
            for namespace in settings.resource_namespaces or ("",):
                try:
                    listing = await client.list(kind, namespace=namespace)
                except ApplyRefused as error:
                    if error.code == 404:
                        return None
                    raise
                found += (read(item, kind.kind) for item in listing.items)
    return found


class Resources:
    """The declarations of one cluster, as last seen.

    Args:
        instance: who writes.
        namespaces: where they are looked for; none: everywhere.
    """

    def __init__(self, instance: Instance, namespaces: Iterable[str] = ()) -> None:
        self._manager = instance.manager
        self._instance = instance
        self._parts = tuple(_Part(kind, namespace) for kind in KINDS.values() for namespace in (tuple(namespaces) or ("",)))
        self._known: dict[ResourceKey, Resource] = {}
        self._unread: dict[_Part, str] = dict.fromkeys(self._parts, "not read yet")
        self._client: Client | None = None
        self._listeners: list[Listener] = []
        self._progress = asyncio.Event()
        self.is_served = False
        """Whether the cluster serves the kinds, as far as it was asked."""

    @property
    def known(self) -> Mapping[ResourceKey, Resource]:
        """All of them."""
        return self._known

    @property
    def problem(self) -> str:
        """Why not all of them were read since the start; empty when all were."""
        return next((reason for reason in self._unread.values() if reason), "")

    def application(self, name: Name) -> Resource | None:
        """The Application of this name; None when there is none."""
        return self._known.get((APPLICATION.kind, name))

    def listen(self, listener: Listener) -> None:
        """Have a function called for everything that happens to them."""
        self._listeners.append(listener)

    async def wait_read(self) -> None:
        """Return when all of them were read once."""
        while self.problem:
            self._progress.clear()
            await self._progress.wait()

    async def follow_forever(self, access: Access, settings: ReconcilerSettings) -> None:
        """Keep them known until cancelled, whether or not the cluster can be reached."""
        while True:
            try:
                async with connect(access, self._instance, settings) as client, asyncio.TaskGroup() as group:
                    self._client = client
                    for part in self._parts:
                        group.create_task(self._follow(client, part))
            except (Stalled, Transient) as error:
                self._fail(self._parts, str(error))
            finally:
                self._client = None
            await asyncio.sleep(RETRY_SECONDS[-1])

    async def write_status(self, resource: Resource, status: Mapping[str, Any]) -> bool:
        """Tell how a resource is, in one request; False without one where its status says so already, or it is gone.

        What people decided stands in the status too, and is left as it is.

        Raises:
            ClusterUnavailable: when the cluster does not answer.
        """
        known = self._known.get(resource.key)
        if known is None or known.uid != resource.uid:
            return False
        old = {name: value for name, value in known.status.items() if name != "intent"}
        change = {
            **dict.fromkeys(old.keys() - status.keys()),
            **{n: v for n, v in status.items() if n != "intent" and old.get(n) != v},
        }
        return bool(change) and await self._merge(known, {"metadata": {"uid": known.uid}, "status": change}, "status")

    async def set_finalizer(self, resource: Resource, *, is_wanted: bool) -> bool:
        """Have our finalizer on a resource, or not; False when it changed meanwhile: look again.

        Raises:
            ClusterUnavailable: when the cluster does not answer.
        """
        others = [name for name in resource.finalizers if name != FINALIZER]
        wanted = [*others, FINALIZER] if is_wanted else others
        if tuple(wanted) == resource.finalizers:
            return True
        metadata = {"uid": resource.uid, "resourceVersion": resource.version, "finalizers": wanted}
        return await self._merge(resource, {"metadata": metadata})

    async def write_intent(self, resource: Resource, intent: Mapping[str, Any]) -> bool:
        """Write what people decided, if nobody wrote the resource since it was seen.

        Raises:
            ClusterUnavailable: when the cluster does not answer.
        """
        change = {**dict.fromkeys((resource.status.get("intent") or {}).keys() - intent.keys()), **intent}
        metadata = {"uid": resource.uid, "resourceVersion": resource.version}
        return await self._merge(resource, {"metadata": metadata, "status": {"intent": change}}, "status")

    async def look_again(self, resource: Resource) -> Resource | None:
        """The resource as it is now; None when it is gone.

        Raises:
            ClusterUnavailable: when the cluster does not answer.
        """
        kind = KINDS[resource.kind]
        document = await self._connected().get(kind, resource.name.namespace, resource.name.name)
        if document is None:
            return None
        return self._take(document, kind)

    async def is_definition_leaving(self) -> bool:
        """Whether the kind Application itself is being deleted: that takes every Application along, and nobody meant their objects.

        Raises:
            ClusterUnavailable: when the cluster does not answer.
            ApplyRefused: when it does not say.
        """
        document = await self._connected().get(DEFINITION, "", f"{APPLICATION.plural}.{APPLICATION.group}", metadata_only=True)
        return document is None or "deletionTimestamp" in document["metadata"]

    async def _follow(self, client: Client, part: _Part) -> None:
        """Keep one kind in one namespace known: list, watch, resume, list again when the past is forgotten."""
        version, failures = "", 0
        while True:
            try:
                if not version:
                    version = await self._list(client, part)
                failures, version = 0, await self._watch(client, part, version)
            except ApplyRefused as error:
                failures, version = failures + 1, "" if error.code in (400, 404, 410) else version
                if error.code == 404:
                    self._unserved(part)
                    await asyncio.sleep(UNSERVED_SECONDS)
                elif error.code != 410:
                    self._fail([part], str(error))
            except Transient as error:
                failures += 1
                self._fail([part], str(error))
            if failures:
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    async def _list(self, client: Client, part: _Part) -> str:
        listing = await client.list(part.kind, namespace=part.namespace)
        seen = {self._take(item, part.kind).key for item in listing.items}
        for key in [key for key in self._known if self._is_in(key, part) and key not in seen]:
            self._forget(key)
        self.is_served = True
        self._succeed(part)
        return listing.resource_version

    async def _watch(self, client: Client, part: _Part, version: str) -> str:
        watch = client.watch(
            part.kind, resource_version=version, metadata_only=False, timeout_seconds=WATCH_SECONDS, namespace=part.namespace
        )
        async with watch as events:
            async for event in events:
                if event.type == "ERROR":
                    return ""
                version = event.object["metadata"].get("resourceVersion", version)
                self._handle(event, part.kind)
        return version

    def _handle(self, event: WatchEvent, kind: Kind) -> None:
        if event.type == "DELETED":
            resource = read(event.object, kind.kind)
            known = self._known.get(resource.key)
            if known is not None and known.uid == resource.uid:
                self._forget(resource.key)
        elif event.type in ("ADDED", "MODIFIED"):
            self._take(event.object, kind)

    def _take(self, document: Document, kind: Kind) -> Resource:
        """Take in an object; what is older than what is known is no news."""
        metadata = document["metadata"]
        known = self._known.get((kind.kind, Name(metadata["namespace"], metadata["name"])))
        if known is not None and known.uid == metadata["uid"] and int(metadata["resourceVersion"]) <= int(known.version):
            return known
        resource = self._known[known.key if known else (kind.kind, Name(metadata["namespace"], metadata["name"]))] = read(
            document, kind.kind
        )
        self._tell(resource)
        return resource

    def _forget(self, key: ResourceKey) -> None:
        self._tell(self._known.pop(key))

    def _unserved(self, part: _Part) -> None:
        for key in [key for key in self._known if self._is_in(key, part)]:
            self._forget(key)
        self.is_served = False
        self._succeed(part)

    async def _merge(self, resource: Resource, change: Document, subresource: str = "") -> bool:
        kind = KINDS[resource.kind]
        key = ObjectKey(kind.group, kind.kind, resource.name.namespace, resource.name.name)
        try:
            answer = await self._connected().merge(kind, key, change, manager=self._manager, subresource=subresource)
        except ApplyRefused as error:
            if error.code == 409 or "metadata.uid" in str(error):
                return False
            raise
        if answer is not None:
            self._take(answer, kind)
        return answer is not None

    def _connected(self) -> Client:
        if self._client is None:
            raise ClusterUnavailable(f"the cluster that holds the declarations is not reached: {self.problem}")
        return self._client

    def _is_in(self, key: ResourceKey, part: _Part) -> bool:
        kind, name = key
        return kind == part.kind.kind and part.namespace in ("", name.namespace)

    def _succeed(self, part: _Part) -> None:
        self._unread[part] = ""
        self._progress.set()

    def _fail(self, parts: Iterable[_Part], reason: str) -> None:
        """Note why something is not read; what was read once stays known."""
        for part in parts:
            if self._unread[part]:
                self._unread[part] = reason

    def _tell(self, resource: Resource) -> None:
        for listener in self._listeners:
            listener(resource)
