"""Asking the cluster, once and at the end, why an object is not healthy: what it made, their pods, and the last events."""

from collections.abc import Mapping

from reconciler.errors import TrueupError
from reconciler.health.reasons import BETWEEN, WITH_PODS, Evidence, newest, pods_of, selector_of, worst_pod
from reconciler.health.reasons import explain as sentence
from reconciler.kube.client import Client
from reconciler.model.objects import Document, Kinds, ObjectKey
from reconciler.plan.redact import redact_message, secret_values


async def explain(client: Client, kinds: Kinds, key: ObjectKey) -> str:
    """Why an object is not healthy; empty when nobody says more than its verdict, or it may not be asked for."""
    try:
        return await _Inquiry(client, kinds).explain(key)
    except TrueupError:
        return ""  # the verdict stands without its reason


class _Inquiry:
    """At most six requests: the object, what it made, the pods of that, and the events of each."""

    def __init__(self, client: Client, kinds: Kinds) -> None:
        self._client = client
        self._kinds = kinds

    async def explain(self, key: ObjectKey) -> str:
        """The sentence about one object."""
        kind = self._kinds.find(key.group, key.kind)
        found = await self._client.get(kind, key.namespace, key.name) if kind else None
        if kind is None or found is None:
            return "it is gone" if kind else ""
        document = {**found, "apiVersion": kind.api_version, "kind": kind.kind}
        between = await self._between(key, document)
        pods = await self._pods(between or document)
        subjects = (worst_pod(pods), between, document)
        told = sentence(Evidence(document, between, pods, await self._events(subjects)))
        return redact_message(told, secret_values(document))

    async def _between(self, key: ObjectKey, document: Document) -> Document | None:
        if (wanted := BETWEEN.get((key.group, key.kind))) is None:
            return None
        return newest(document, await self._list(*wanted, key.namespace, selector_of(document)))

    async def _pods(self, document: Document) -> tuple[Document, ...]:
        group = document["apiVersion"].rpartition("/")[0]
        selector = selector_of(document)
        if (group, document["kind"]) not in WITH_PODS or not selector:
            return ()
        return pods_of(document, await self._list("", "Pod", document["metadata"]["namespace"], selector))

    async def _events(self, subjects: tuple[Document | None, ...]) -> Mapping[str, tuple[Document, ...]]:
        found: dict[str, tuple[Document, ...]] = {}
        for metadata in (subject["metadata"] for subject in subjects if subject is not None):
            query = {"fieldSelector": f"involvedObject.uid={metadata['uid']}"}
            # events of what has no namespace are kept in `default`
            found[metadata["uid"]] = await self._list("", "Event", metadata.get("namespace") or "default", **query)
        return found

    async def _list(self, group: str, name: str, namespace: str, labels: str = "", **query: str) -> tuple[Document, ...]:
        kind = self._kinds.find(group, name)
        if kind is None:
            return ()
        asked = {**query, "labelSelector": labels} if labels else query
        listed = await self._client.list_in(kind, namespace, asked)
        return tuple({**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in listed)
