"""One cluster, as its holder sees it: identity, kinds, what is owned, the writer and the records."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from reconciler.errors import ClusterUnavailable
from reconciler.health.declared import Rulebook
from reconciler.kube.appearances import Appearances
from reconciler.kube.apply import Writer
from reconciler.kube.client import Client, connect
from reconciler.kube.config import Access
from reconciler.kube.discovery import discover
from reconciler.kube.owned import OwnedIndex
from reconciler.kube.records import NAMESPACE_KIND, Records
from reconciler.kube.strays import Found, search
from reconciler.model.declared import Instance
from reconciler.model.objects import Document, Kind, Kinds, Manifest, ObjectKey
from reconciler.settings import ReconcilerSettings


class Cluster:
    """Made by `open_cluster`."""

    def __init__(self, client: Client, instance: Instance, uid: str, kinds: Kinds, *, rulebook: Rulebook) -> None:
        self.client = client
        self.uid = uid
        """The uid of the namespace `kube-system`: the cluster's identity, whatever its name or address."""
        self.kinds = kinds
        self.index = OwnedIndex(client, instance, rulebook)
        self.writer = Writer(client, self.index, lambda: self.kinds, instance)
        self.records = Records(client, instance)
        self.appearances = Appearances(client, self.rediscover)
        self._instance = instance
        self._strays_elsewhere: frozenset[ObjectKey] = frozenset()

    async def resume(self) -> None:
        """Follow every kind that was ever applied; returns when everything owned is known: one list a kind."""
        recorded = await self.records.kinds()
        found = (self.kinds.find(group, kind) for group, kind in recorded)
        await self.index.follow(kind for kind in found if kind is not None)

    async def follow(self, kinds: Iterable[Kind]) -> None:
        """Follow more kinds, noted in the cluster first; nothing happens for those that are followed."""
        wanted = tuple(kinds)
        await self.records.add_kinds((kind.group, kind.kind) for kind in wanted)
        await self.index.follow(wanted)

    @property
    def strays(self) -> frozenset[ObjectKey]:
        """Objects that carry our label and are not Owned; of kinds that nobody follows as the last search found them."""
        return frozenset(self.index.strays) | self._strays_elsewhere

    async def search(self) -> Found:
        """Look at every kind, and follow those that hold something of ours again; one request a kind."""
        found = await search(self.client, tuple(self.kinds), self.index.kinds, self._instance)
        self._strays_elsewhere = found.strays
        await self.follow(found.unrecorded)
        return found

    async def read(self, manifest: Manifest) -> Document | None:
        """The whole live object that a manifest is about; None when it is not there, or its kind is not served."""
        key = manifest.key
        kind = self.kinds.find(key.group, key.kind, manifest.version)
        return await self.client.get(kind, key.namespace, key.name) if kind else None

    async def read_at(self, manifest: Manifest, resource_version: str) -> Document | None:
        """The whole object as it was; None when it was not there, or nobody remembers."""
        key = manifest.key
        kind = self.kinds.find(key.group, key.kind, manifest.version)
        return await self.client.get_at(kind, key.namespace, key.name, resource_version) if kind else None

    async def rediscover(self) -> Kinds:
        """Ask again what is served."""
        self.kinds = await discover(self.client)
        return self.kinds


async def identity(client: Client) -> str:
    """The uid of the namespace `kube-system`.

    Raises:
        ClusterUnavailable: when the server has no such namespace, or does not answer.
    """
    document = await client.get(NAMESPACE_KIND, "", "kube-system", metadata_only=True)
    if document is None:
        raise ClusterUnavailable(f"{client.host} has no namespace kube-system yet; is it a cluster?")
    uid: str = document["metadata"]["uid"]
    return uid


@asynccontextmanager
async def open_cluster(access: Access, instance: Instance, settings: ReconcilerSettings) -> AsyncIterator[Cluster]:
    """A cluster that answers; its watches end with the block.

    Raises:
        ClusterUnavailable: when it does not answer.
        Stalled: when it is not configured.
    """
    async with connect(access, instance, settings) as client:
        rulebook = Rulebook(settings.health_rules)
        cluster = Cluster(client, instance, await identity(client), await discover(client), rulebook=rulebook)
        try:
            yield cluster
        finally:
            await cluster.index.close()
