"""What Trueup keeps in a cluster beside the objects themselves: which kinds it ever applied, and people's intent.

One ConfigMap of kinds an instance, written before the first object of a new kind; one ConfigMap an application, while there is
an intent and the application is declared in a file: a custom resource has its intent in its own status. The ConfigMaps live in the
namespace `trueup`, which is made when it is missing.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict

import orjson
from pydantic import TypeAdapter

from reconciler.errors import ApplyRefused, ClusterUnavailable
from reconciler.kube.client import Client
from reconciler.kube.intents import ResourceIntents
from reconciler.model.declared import HOME, Instance, Name
from reconciler.model.intent import Intent
from reconciler.model.objects import Document, Kind, ObjectKey

LABEL = "trueup.dev/intent"
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)
NAMESPACE_KIND = Kind("", "v1", "Namespace", "namespaces", namespaced=False)

TRIES = 5
"""Another instance of us may write at the same moment only while a lease changes hands."""


class Records:
    """The records of one instance in one cluster."""

    def __init__(self, client: Client, instance: Instance) -> None:
        self._client = client
        self._instance = instance
        self._kinds: frozenset[tuple[str, str]] = frozenset()
        self._intents: dict[Name, Intent] | None = None
        self._changing = asyncio.Lock()
        self._in_resources: ResourceIntents | None = None

    def keep_intents_in(self, place: ResourceIntents) -> None:
        """Keep the intents of Applications that are custom resources in them."""
        self._in_resources = place

    async def kinds(self) -> frozenset[tuple[str, str]]:
        """Group and kind of everything that was ever applied."""
        document = await self._client.get(CONFIG_MAP, HOME, self._kinds_name)
        self._kinds = _kinds_of(document)
        return self._kinds

    async def add_kinds(self, kinds: Iterable[tuple[str, str]]) -> None:
        """Note kinds before their first object is applied; no request when all are known.

        Raises:
            ClusterUnavailable: when it cannot be written.
        """
        wanted = frozenset(kinds)
        if wanted <= self._kinds:
            return
        async with self._changing:
            for _ in range(TRIES):
                if wanted <= self._kinds:
                    return
                document = await self._client.get(CONFIG_MAP, HOME, self._kinds_name)
                found = _kinds_of(document) | wanted
                if await self._put(document, self._kinds_name, {"kinds": orjson.dumps(sorted(found)).decode()}, {}):
                    self._kinds = found
        if not wanted <= self._kinds:
            raise ClusterUnavailable(f"ConfigMap {HOME}/{self._kinds_name} changes faster than it can be written")

    async def intents(self) -> Mapping[Name, Intent]:
        """Every application's intent: by one list the first time, and as written since."""
        if self._intents is None:
            await self.reload_intents()
        return {**(self._intents or {}), **(self._in_resources.all() if self._in_resources else {})}

    def known(self, application: Name) -> Intent:
        """An application's intent, as it was last read or written; see `intents`."""
        found = self._in_resources.of(application) if self._in_resources is not None else None
        return found if found is not None else (self._intents or {}).get(application, Intent())

    async def reload_intents(self) -> None:
        """Take in what somebody wrote by hand."""
        async with self._changing:  # a list from before a change must not undo what is known of it
            listing = await self._client.list(CONFIG_MAP, HOME, selector=f"{LABEL}={self._instance.id}")
            found = (d["data"] for d in listing.items if d.get("data"))
            self._intents = {Name.parse(data["application"]): _intent(data.get("intent", "{}")) for data in found}

    async def change_intent(self, application: Name, change: Callable[[Intent], Intent]) -> Intent:
        """Change what is recorded, and leave what others decided meanwhile; costs nothing where nothing changes."""
        await self.intents()
        async with self._changing:
            known = self.known(application)
            if change(known) == known:
                return known
            if self._in_resources is not None and self._in_resources.has(application):
                found = await self._in_resources.change(application, change, known)
                if application in (self._intents or {}):  # it was declared in a file before
                    await self._change_intent(application, lambda _: Intent())
                return found
            return await self._change_intent(application, change)

    async def _change_intent(self, application: Name, change: Callable[[Intent], Intent]) -> Intent:
        name = f"trueup-intent-{self._instance.id}-{application.namespace}.{application.name}"
        for _ in range(TRIES):
            document = await self._client.get(CONFIG_MAP, HOME, name)
            wanted = change(_intent(((document or {}).get("data") or {}).get("intent", "{}")))
            if wanted == Intent():
                is_written = document is None or await self._drop(document)
            else:
                data = {"application": str(application), "intent": orjson.dumps(asdict(wanted)).decode()}
                is_written = await self._put(document, name, data, {LABEL: self._instance.id})
            if is_written:
                self._remember(application, wanted)
                return wanted
        raise ClusterUnavailable(f"ConfigMap {HOME}/{name} changes faster than it can be written")

    def _remember(self, application: Name, intent: Intent) -> None:
        if self._intents is not None and intent != Intent():
            self._intents[application] = intent
        elif self._intents is not None:
            self._intents.pop(application, None)

    @property
    def _kinds_name(self) -> str:
        return f"trueup-kinds-{self._instance.id}"

    async def _put(self, current: Document | None, name: str, data: Mapping[str, str], labels: Mapping[str, str]) -> bool:
        """Write a ConfigMap, if nobody wrote it since it was read."""
        metadata = {"name": name, "namespace": HOME, "labels": dict(labels)}
        document: Document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
        manager = self._instance.manager
        try:
            if current is None:
                await self._client.create(CONFIG_MAP, document, manager=manager)
            else:
                metadata["resourceVersion"] = current["metadata"]["resourceVersion"]
                await self._client.replace(CONFIG_MAP, document, manager=manager)
        except ApplyRefused as error:
            if error.code == 404:
                await self._make_home()
            elif error.code != 409:
                raise
            return False
        return True

    async def _make_home(self) -> None:
        """Make our namespace; another first sync, or another instance, may do so at the same moment."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}}
        try:
            await self._client.create(NAMESPACE_KIND, namespace, manager=self._instance.manager)
        except ApplyRefused as error:
            if error.code != 409:
                raise

    async def _drop(self, document: Document) -> bool:
        metadata = document["metadata"]
        key = ObjectKey.of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        try:
            await self._client.delete(CONFIG_MAP, key, uid=metadata["uid"], resource_version=metadata["resourceVersion"])
        except ApplyRefused as error:
            if error.code != 409:
                raise
            return False
        return True


def _kinds_of(document: Document | None) -> frozenset[tuple[str, str]]:
    text = ((document or {}).get("data") or {}).get("kinds", "[]")
    return frozenset((group, kind) for group, kind in orjson.loads(text))


def _intent(text: str) -> Intent:
    return _INTENT.validate_json(text)


_INTENT = TypeAdapter(Intent)
