"""Requests to an API server: raw JSON over kubernetes-asyncio's session, errors raised and translated once.

The library's own dynamic client returns errors as if they were answers, and its typed models cost five times as much.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, MutableSequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from reconciler.errors import ApplyRefused, ClusterUnavailable, Transient, TrueupError
from reconciler.kube.config import Access, Session, open_session, unreachable
from reconciler.kube.refusal import refusal
from reconciler.kube.said import Answer, Attempt, warnings_of
from reconciler.model.declared import Instance
from reconciler.model.objects import Document, Kind, Manifest, ObjectKey
from reconciler.plan.marks import MASKED
from reconciler.plan.redact import secret_values
from reconciler.settings import ReconcilerSettings

PAGE = 500
"""Objects of one page of a list: 35 ms of the API server's time."""

WATCH_LINE_BYTES = 16 * 1024 * 1024
"""One event carries one object; etcd takes 1.5 MiB, managedFields not counted."""

APPLY = "application/apply-patch+yaml"
VERBS = {"GET": "read", "POST": "create", "PUT": "replace", "PATCH": "change", "DELETE": "delete"}

JSON = "application/json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

PROPAGATION = "Background"
"""Always said: left out, a Job's pods stay behind without an owner."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a kind, and the state of the cluster that it is from."""

    items: tuple[Document, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: Document


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content: str = JSON
    accept: str = JSON
    key: ObjectKey | None = None
    """The object that it is about, for messages."""

    @property
    def attempt(self) -> Attempt:
        """What it tries to do, for messages."""
        verb = "apply" if self.content == APPLY else VERBS[self.method]
        is_secret = self.key is not None and (self.key.group, self.key.kind) == ("", "Secret")
        has_secrets = self.body is not None and (is_secret or MASKED.encode() in self.body)
        sent = orjson.loads(self.body) if has_secrets and self.body else None
        return Attempt(verb, self.key, secret_values(sent) if isinstance(sent, dict) else frozenset())


class Client:
    """One API server. At most `concurrency` requests at once, watches not counted; obeys Retry-After."""

    def __init__(self, session: Session, instance: Instance, settings: ReconcilerSettings) -> None:
        self._session = session
        self.host = str(session.api.configuration.host).rstrip("/")
        self._slots = asyncio.Semaphore(settings.api_concurrency)
        self._timeout = aiohttp.ClientTimeout(total=settings.api_timeout)
        self._agent = f"trueup/0.1 ({instance.id})"
        self._paused_until = 0.0

    async def get(self, kind: Kind, namespace: str, name: str, *, metadata_only: bool = False) -> Document | None:
        """One object; None when it is not there."""
        return await self._look(Call("GET", kind.path(namespace, name), accept=METADATA if metadata_only else JSON))

    async def get_at(self, kind: Kind, namespace: str, name: str, resource_version: str) -> Document | None:
        """One object as it was at a version of its own; None when the server does not tell: it forgets within minutes.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions-in-lists
        """
        query = {
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": resource_version,
            "resourceVersionMatch": "Exact",
        }
        try:
            page = await self._ask(Call("GET", kind.path(namespace), query))
        except ApplyRefused:
            return None
        return next(iter(page.get("items") or ()), None)

    async def list(
        self, kind: Kind, namespace: str = "", *, selector: str = "", metadata_only: bool = False, cached: bool = False
    ) -> Listing:
        """All objects of a kind, page by page; `cached` asks the server's cache, which may be behind."""
        accept = METADATA_LIST if metadata_only else JSON
        query = {"labelSelector": selector} | ({"resourceVersion": "0"} if cached else {"limit": str(PAGE)})
        items: list[Document] = []
        while True:
            page = await self._ask(Call("GET", kind.path(namespace), query, accept=accept))
            items += page.get("items") or ()
            if not (more := page["metadata"].get("continue")):
                return Listing(tuple(items), page["metadata"].get("resourceVersion", ""))
            query["continue"] = more

    async def list_page(self, kind: Kind) -> Listing:
        """At most one object of a kind, by its metadata: what matters is the state that it is from."""
        page = await self._ask(Call("GET", kind.path(), {"limit": "1"}, accept=METADATA_LIST))
        return Listing(tuple(page.get("items") or ()), page["metadata"].get("resourceVersion", ""))

    async def list_in(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> tuple[Document, ...]:
        """The first page of a kind's objects in one namespace."""
        page = await self._ask(Call("GET", kind.path(namespace), {"limit": str(PAGE), **query}))
        return tuple(page.get("items") or ())

    async def apply(  # noqa: PLR0913 - what an apply is asked for has this many sides
        self,
        kind: Kind,
        manifest: Manifest,
        *,
        manager: str,
        force: bool,
        dry_run: bool = False,
        warned: MutableSequence[str] | None = None,
    ) -> Document:
        """Server-side apply; the answer is the metadata, or the whole object of a dry run.

        Args:
            kind: as the server serves it.
            manifest: what is applied.
            manager: who applies it.
            force: whether fields of other managers are taken.
            dry_run: whether it is only tried.
            warned: what the server warns of is put here: versions that are deprecated, fields that do nothing.

        Raises:
            ApplyRefused: with the server's reason; a `FieldConflict` where other managers hold fields.
        """
        key = manifest.key
        query = {"fieldManager": manager, "force": str(force).lower(), "fieldValidation": "Strict"}
        accept, path = METADATA, kind.path(key.namespace, key.name)
        if dry_run:
            query["dryRun"], accept = "All", JSON
        call = Call("PATCH", path, query, manifest.body, APPLY, accept, key)
        answer = await self._exchange(call)
        if warned is not None:
            warned.extend(warnings_of(answer, call.attempt))
        return self._document(answer, call)

    async def patch(self, kind: Kind, key: ObjectKey, operations: object, *, manager: str) -> Document:
        """A JSON patch; the answer is the metadata."""
        query, body, path = {"fieldManager": manager}, orjson.dumps(operations), kind.path(key.namespace, key.name)
        return await self._ask(Call("PATCH", path, query, body, "application/json-patch+json", METADATA, key))

    async def merge(
        self, kind: Kind, key: ObjectKey, change: Document, *, manager: str, subresource: str = ""
    ) -> Document | None:
        """A merge patch, with the uid or resourceVersion in it only of that very object; None when it is gone."""
        query, body, path = {"fieldManager": manager}, orjson.dumps(change), kind.path(key.namespace, key.name, subresource)
        return await self._look(Call("PATCH", path, query, body, "application/merge-patch+json", JSON, key))

    async def create(self, kind: Kind, document: Document, *, manager: str) -> Document:
        """Create one object.

        Raises:
            ApplyRefused: also when it exists.
        """
        key = ObjectKey.of(document)
        return await self._ask(Call("POST", kind.path(key.namespace), {"fieldManager": manager}, orjson.dumps(document), key=key))

    async def replace(self, kind: Kind, document: Document, *, manager: str) -> Document:
        """Replace one object; with a resourceVersion in it, only if nobody wrote it since."""
        key = ObjectKey.of(document)
        path = kind.path(key.namespace, key.name)
        return await self._ask(Call("PUT", path, {"fieldManager": manager}, orjson.dumps(document), key=key))

    async def delete(
        self, kind: Kind, key: ObjectKey, *, uid: str, resource_version: str = "", propagation: str = PROPAGATION
    ) -> bool:
        """Delete exactly the object that was seen, unchanged where its version is named; False when it is gone already.

        Raises:
            ApplyRefused: with code 409 when it is another object now, or has changed.
        """
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {}),
        }
        path = kind.path(key.namespace, key.name)
        return await self._look(Call("DELETE", path, body=orjson.dumps(options), key=key)) is not None

    async def raw(self, path: str, *, accept: str = JSON) -> Document | None:
        """GET any path; None when there is nothing."""
        return await self._look(Call("GET", path, accept=accept))

    @asynccontextmanager
    async def watch(  # noqa: PLR0913 - what a watch is asked for has this many sides
        self,
        kind: Kind,
        *,
        resource_version: str,
        metadata_only: bool,
        timeout_seconds: int,
        selector: str = "",
        namespace: str = "",
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """The events since a state of the cluster, until the server ends the watch.

        Raises:
            ClusterUnavailable: when the connection breaks or falls silent.
            ApplyRefused: with code 410 when the state is too old.
        """
        query = {
            "watch": "1",
            "labelSelector": selector,
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(timeout_seconds),
        }
        call = Call("GET", kind.path(namespace), query, accept=METADATA if metadata_only else JSON)
        async with self._send(call, aiohttp.ClientTimeout(total=timeout_seconds + 30, sock_connect=10)) as response:
            if response.status != 200:
                raise refusal(Answer(response.status, await response.read()), Attempt("watch"))
            yield self._events(response)

    async def _events(self, response: aiohttp.ClientResponse) -> AsyncIterator[WatchEvent]:
        pending = b""
        try:
            async for chunk in response.content.iter_any():
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    if line:
                        event = orjson.loads(line)
                        yield WatchEvent(event["type"], event["object"])
                if len(pending) > WATCH_LINE_BYTES:
                    raise ClusterUnavailable(f"{self.host}: a watch event is larger than {WATCH_LINE_BYTES >> 20} MiB")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise unreachable(self.host, error) from error

    async def _ask(self, call: Call) -> Document:
        """The answer to a request; everything but 2xx is an error."""
        return self._document(await self._exchange(call), call)

    def _document(self, answer: Answer, call: Call) -> Document:
        if answer.status >= 300:
            raise self._refusal(answer, call)
        document: Document = orjson.loads(answer.body)
        return document

    async def _look(self, call: Call) -> Document | None:
        """The answer to a request; None when the object is not there."""
        answer = await self._exchange(call)
        if answer.status == 404 and _is_absence(answer.body):
            return None
        return self._document(answer, call)

    async def _exchange(self, call: Call) -> Answer:
        async with self._slots:
            if (seconds := self._paused_until - time.monotonic()) > 0:
                await asyncio.sleep(seconds)
            async with self._send(call, self._timeout) as response:
                warnings = tuple(response.headers.getall("Warning", ()))
                return Answer(response.status, await response.read(), response.headers.get("Retry-After", ""), warnings)

    def _refusal(self, answer: Answer, call: Call) -> TrueupError:
        error = refusal(answer, call.attempt)
        if answer.status == 429 and isinstance(error, Transient) and error.retry_seconds:
            self._paused_until = time.monotonic() + error.retry_seconds
        return error

    @asynccontextmanager
    async def _send(self, call: Call, limit: aiohttp.ClientTimeout) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"User-Agent": self._agent, "Accept": call.accept}
        if call.body is not None:
            headers["Content-Type"] = call.content
        parameters: list[Any] = []
        session = self._session
        await session.api.update_params_for_auth(headers, parameters, ["BearerToken"])
        try:
            async with session.http.request(
                call.method, self.host + call.path, params=call.query, headers=headers, data=call.body, timeout=limit,
                proxy=session.proxy, server_hostname=session.api.configuration.tls_server_name,
            ) as response:  # fmt: skip
                try:
                    yield response
                finally:
                    _hang_up(response)
        except TimeoutError as error:
            raise ClusterUnavailable(f"{call.attempt}{self.host} did not answer within {limit.total:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self.host, error) from error


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """End a connection whose answer is not read to its end: TLS would wait for the server's farewell, though nobody else does."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


def _is_absence(answer: bytes) -> bool:
    """Whether a 404 says that an object is not there, rather than that the path is not served."""
    try:
        status = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return False
    return isinstance(status, dict) and status.get("reason") == "NotFound"


@asynccontextmanager
async def connect(access: Access, instance: Instance, settings: ReconcilerSettings) -> AsyncIterator[Client]:
    """A client for one cluster."""
    async with open_session(access) as session:
        yield Client(session, instance, settings)
