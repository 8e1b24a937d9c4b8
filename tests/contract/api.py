"""Requests to an API server as anybody may send them: nothing is retried, nothing is translated, nothing is raised."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from reconciler.kube.client import JSON, METADATA
from reconciler.kube.discovery import discover
from reconciler.model.objects import Kind, Kinds

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    code: int
    body: Any
    warnings: tuple[str, ...] = ()

    @property
    def object(self) -> Document:
        """The object; only where the request succeeded."""
        assert self.code < 300, self.body
        return self.body

    @property
    def version(self) -> str:
        return self.object["metadata"]["resourceVersion"]

    @property
    def uid(self) -> str:
        return self.object["metadata"]["uid"]

    @property
    def refusal(self) -> tuple[int, str]:
        """Code and reason; only where the request was refused."""
        assert self.code >= 400, self.body
        assert (self.body["kind"], self.body["status"], self.body["code"]) == ("Status", "Failure", self.code)
        return self.code, self.body.get("reason", "")

    @property
    def message(self) -> str:
        return self.body["message"]

    @property
    def causes(self) -> list[tuple[str, str]]:
        """Reason and field of every cause."""
        return [(cause["reason"], cause["field"]) for cause in self.body["details"]["causes"]]


class Api:
    """One API server, and the namespace in which a test works.

    Args:
        patience: seconds until something that controllers do has to be done.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, *, patience: float) -> None:
        self._session = session
        self._url = url
        self._patience = patience
        self.namespace = ""
        self.kinds = Kinds(())

    async def learn(self) -> None:
        """Find out what is served."""
        self.kinds = await discover(self)  # type: ignore[arg-type]  # all that it asks of a client is `raw`

    def kind(self, document: Mapping[str, Any]) -> Kind:
        group, _, version = document["apiVersion"].rpartition("/")
        found = self.kinds.find(group, document["kind"], version)
        assert found, f"{document['apiVersion']} {document['kind']} is not served"
        return found

    def path(self, document: Mapping[str, Any], subresource: str = "", *, is_collection: bool = False) -> str:
        """Where an object is, in this namespace unless it names another."""
        metadata = document.get("metadata", {})
        namespace = metadata.get("namespace", self.namespace)
        return self.kind(document).path(namespace, "" if is_collection else metadata["name"], subresource)

    async def send(
        self, method: str, path: str, body: Any = None, *, content: str = JSON, accept: str = JSON, **query: str
    ) -> Answer:
        """One request; the body is bytes, or is written as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Accept": accept} | ({"Content-Type": content} if data is not None else {})
        stream = None if data is None else io.BytesIO(data)
        async with self._session.request(method, self._url + path, params=query, data=stream, headers=headers) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("Content-Type", "")
            warnings = tuple(response.headers.getall("Warning", ()))
            return Answer(response.status, json.loads(text) if is_json else text, warnings)

    async def raw(self, path: str, *, accept: str = JSON) -> Document | None:
        """As our client has it, for `discover`."""
        answer = await self.send("GET", path, accept=accept)
        return answer.body if answer.code == 200 else None

    async def apply(
        self,
        document: Document,
        manager: str = "trueup",
        *,
        path: str = "",
        subresource: str = "",
        accept: str = JSON,
        **query: str,
    ) -> Answer:
        """Server-side apply."""
        path = path or self.path(document, subresource)
        query = {"fieldManager": manager, "force": "false"} | query
        return await self.send("PATCH", path, document, content=APPLY, accept=accept, **query)

    async def create(self, document: Document, manager: str = "kubectl-create", **query: str) -> Answer:
        path = self.path(document, is_collection=True)
        return await self.send("POST", path, document, **{"fieldManager": manager} | query)

    async def get(self, document: Document, subresource: str = "", *, accept: str = JSON) -> Answer:
        return await self.send("GET", self.path(document, subresource), accept=accept)

    async def metadata(self, document: Document) -> Answer:
        """Metadata only."""
        return await self.get(document, accept=METADATA)

    async def list(self, document: Document, *, accept: str = JSON, **query: str) -> Answer:
        """The collection of an object in this namespace."""
        return await self.send("GET", self.path(document, is_collection=True), accept=accept, **query)

    async def replace(self, document: Document, manager: str = "kubectl-replace", *, path: str = "", **query: str) -> Answer:
        """PUT, to another path than the document's own where one is given."""
        return await self.send("PUT", path or self.path(document), document, **{"fieldManager": manager} | query)

    async def patch(
        self,
        document: Document,
        change: Any,
        manager: str = "kubectl-edit",
        *,
        content: str = MERGE,
        subresource: str = "",
        **query: str,
    ) -> Answer:
        """Any patch but apply; for most a merge patch."""
        query = {"fieldManager": manager} | query
        return await self.send("PATCH", self.path(document, subresource), change, content=content, **query)

    async def delete(
        self, document: Document, *, uid: str = "", version: str = "", propagation: str = "", **query: str
    ) -> Answer:
        """Delete, with preconditions and a policy where they are given."""
        preconditions = {name: value for name, value in (("uid", uid), ("resourceVersion", version)) if value}
        options = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options |= {"preconditions": preconditions} if preconditions else {}
        options |= {"propagationPolicy": propagation} if propagation else {}
        return await self.send("DELETE", self.path(document), options if len(options) > 2 else None, **query)

    @asynccontextmanager
    async def watch(self, document: Document, *, accept: str = JSON, **query: str) -> AsyncIterator["Watch"]:
        """Watch the collection of an object in this namespace."""
        async with self.watch_path(self.path(document, is_collection=True), accept=accept, **query) as watch:
            yield watch

    @asynccontextmanager
    async def watch_path(self, path: str, *, accept: str = JSON, **query: str) -> AsyncIterator["Watch"]:
        """Watch any collection."""
        query = {"watch": "1", "timeoutSeconds": "60"} | query
        async with self._session.get(self._url + path, params=query, headers={"Accept": accept}) as response:
            assert response.status == 200, await response.text()
            yield Watch(response, self._patience)
            if response.connection and response.connection.transport:  # TLS would say farewell, and nobody waits for that
                response.connection.transport.abort()

    async def until(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Look until there is something to be seen; returns it."""
        ends = time.monotonic() + self._patience
        while not (seen := await look()):
            assert time.monotonic() < ends, f"not within {self._patience:g} s: {what}"
            await asyncio.sleep(0.02)
        return seen

    async def served(self, definition: Document) -> None:
        """Wait until the newest served version of a definition is served, and learn of it."""
        spec = definition["spec"]
        newest = next(version["name"] for version in reversed(spec["versions"]) if version["served"])

        async def is_served() -> bool:
            path = f"/apis/{spec['group']}/{newest}"
            answer = await self.send("GET", f"{path}/{spec['names']['plural']}", limit="1")
            return answer.code == 200 and (await self.send("GET", path)).code == 200

        await self.until(is_served, f"{definition['metadata']['name']} is served")
        await self.learn()

    async def unserve(self, definition: Document, version: str) -> None:
        """Take a version out of a definition, wait until it is served no more, and forget it."""
        current = (await self.get(definition)).object
        current["spec"]["versions"] = [each for each in current["spec"]["versions"] if each["name"] != version]
        current["status"]["storedVersions"] = [each["name"] for each in current["spec"]["versions"]]
        assert (await self.replace(current)).code == 200
        path = f"/apis/{current['spec']['group']}/{version}"

        async def is_unserved() -> bool:
            answers = [await self.send("GET", path), await self.send("GET", f"{path}/{current['spec']['names']['plural']}")]
            return all(answer.code == 404 for answer in answers)

        await self.until(is_unserved, f"{version} of {definition['metadata']['name']} is served no more")
        await self.learn()

    async def until_gone(self, document: Document) -> None:
        async def is_gone() -> bool:
            return (await self.get(document)).code == 404

        await self.until(is_gone, f"{document['kind']} {document['metadata']['name']} is gone")


class Watch:
    """The events of a watch, one by one."""

    def __init__(self, response: aiohttp.ClientResponse, patience: float) -> None:
        self._response = response
        self._patience = patience

    async def next(self) -> tuple[str, Document]:
        """The next event that is no bookmark."""
        while True:
            kind, document = await self.line()
            if kind != "BOOKMARK":
                return kind, document

    async def line(self) -> tuple[str, Document]:
        """The next event of any type."""
        async with asyncio.timeout(self._patience):
            line = await self._response.content.readuntil(b"\n")
        event = json.loads(line)
        return event["type"], event["object"]

    async def rest(self) -> list[tuple[str, Document]]:
        """Everything until the server ends the watch."""
        async with asyncio.timeout(self._patience + 5):
            lines = (await self._response.read()).splitlines()
        return [(event["type"], event["object"]) for event in map(json.loads, lines)]


def entries(document: Document) -> dict[tuple[str, str, str], Document]:
    """fieldsV1 by manager, operation and subresource."""
    found = document["metadata"].get("managedFields", ())
    return {(each["manager"], each["operation"], each.get("subresource", "")): each["fieldsV1"] for each in found}


def fields(document: Document, manager: str = "trueup", operation: str = "Apply", subresource: str = "") -> Document:
    """The fields of one manager; `{}` when it has no entry."""
    return entries(document).get((manager, operation, subresource), {})
