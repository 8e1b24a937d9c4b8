"""The HTTP side: from a request to a handler, and from whatever it raises to a Status.

One catch-all route, since custom resources come and go. A refusal is answered as such; anything unforeseen is logged and answered
with a plain 500, never with a traceback.
"""

import hmac
import logging
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from trueup.sandbox import bodies, deletion, discovery, openapi, reads, watch
from trueup.sandbox.kinds import Kinds
from trueup.sandbox.patch import APPLY, JSON_PATCH, MERGE, STRATEGIC, patched
from trueup.sandbox.paths import TRUE, Deletion, Options, Target, parse_deletion, parse_options, parse_path
from trueup.sandbox.scale import applied_replicas, scale_of, scaled
from trueup.sandbox.status import NoSuchPath, Refused, bad_request, method_not_allowed, unsupported_media_type
from trueup.sandbox.store import Store
from trueup.sandbox.views import View, parse_accept, shown, shown_list
from trueup.sandbox.writes import Answer, Writes

logger = logging.getLogger(__name__)

OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATCHES = (APPLY, MERGE, JSON_PATCH, STRATEGIC)
ACCEPTED = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
MOST_REQUESTS = 100_000
CLIENT_CLOSED = (ConnectionResetError, ConnectionAbortedError)


class Request(NamedTuple):
    """What is remembered of a request, to be counted by tests. `verb` as in an audit log: get, list, watch, apply, patch..."""

    user_agent: str
    verb: str
    resource: str
    subresource: str
    is_dry_run: bool


class Server:
    """Answers requests to one cluster."""

    def __init__(self, store: Store, kinds: Kinds, writes: Writes, *, token: str, bookmark_seconds: float) -> None:
        self._store = store
        self._kinds = kinds
        self._writes = writes
        self._token = token
        self._bookmark_seconds = bookmark_seconds
        self.requests: deque[Request] = deque(maxlen=MOST_REQUESTS)
        self.silent: set[str] = set()
        """Groups of aggregated APIs whose server is away."""

    def counts(self) -> Counter[Request]:
        """How often each kind of request came."""
        return Counter(self.requests)

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application(client_max_size=bodies.LIMIT_BYTES)
        application.router.add_route("*", "/{path:.*}", self.handle)
        return application

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        try:
            return await self._answer(request)
        except Refused as refused:
            return _status(refused)
        except web.HTTPRequestEntityTooLarge:
            message = f"Request entity too large: limit is {bodies.LIMIT_BYTES}"
            return _status(Refused(413, "RequestEntityTooLarge", message))
        except RecursionError:
            return _status(bad_request("the document nests too deeply"))
        except CLIENT_CLOSED:
            raise
        except Exception:  # the outermost: clients get a Status that says whose fault it is
            logger.exception("sandbox.request_failed method=%s path=%s", request.method, request.path)
            return _status(Refused(500, "InternalError", "Internal error occurred: the sandbox has a defect; its log says more"))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if path in OPEN_PATHS:
            return web.Response(text="ok") if path != "/version" else _json(discovery.VERSION)
        self._authenticate(request)
        if path.startswith(("/api/", "/apis/")) and path.count("/") > 2 + path.startswith("/apis/"):
            return await self._resource(request, path)
        if request.method != "GET":
            raise method_not_allowed()
        return self._document(request, path)

    def _authenticate(self, request: web.Request) -> None:
        """A token that is given must be right; none is needed on loopback, since kubectl sends none over plain http.

        https://github.com/kubernetes/client-go, `tools/clientcmd/client_config.go`: credentials are read for TLS only. The host is
        looked at so that no web page can reach the sandbox under a name of its own.
        """
        given = request.headers.get("Authorization")
        if given is None:
            is_allowed = request.url.host in LOOPBACK
        else:
            token = given.removeprefix("Bearer ").encode("utf-8", "surrogateescape")
            is_allowed = hmac.compare_digest(token, self._token.encode())
        if not is_allowed:
            raise Refused(401, "Unauthorized", "Unauthorized")

    def _document(self, request: web.Request, path: str) -> web.Response:
        """Discovery and OpenAPI."""
        accept = request.headers.get("Accept", "")
        if path in ("/api", "/apis") and discovery.is_aggregated(accept):
            document = discovery.aggregated(self._kinds, is_core=path == "/api", silent=self.silent)
            return _json(document, content_type=discovery.AGGREGATED_TYPE)
        match path.split("/")[1:]:
            case ["api"]:
                return _json(discovery.core_versions(request.host))
            case ["apis"]:
                return _json(discovery.group_list(self._kinds))
            case ["api", version]:
                return _json(discovery.resource_list(self._kinds, "", version))
            case ["apis", group]:
                return _json(discovery.group(self._kinds, group))
            case ["apis", group, version]:
                return _json(discovery.resource_list(self._kinds, group, version))
            case ["openapi", "v3"]:
                return _json(openapi.index(self._kinds))
            case ["openapi", "v3", *rest]:
                return _json(openapi.document(self._kinds, "/".join(rest)))
            case _:
                raise NoSuchPath

    async def _resource(self, request: web.Request, path: str) -> web.StreamResponse:
        target = parse_path(self._kinds, path)
        view = parse_accept(request.headers.get("Accept", ""))
        body = await request.read() if request.body_exists else b""
        self._remember(request, target)
        match request.method:
            case "GET" | "HEAD":
                return await self._get(request, target, view)
            case "POST" if not target.name:
                options = self._options(request, "CreateOptions")
                document = _parse(request, body, target)
                _refuse_duplicates(body, document, options, target)
                return _written(self._writes.create(target, document, options), view, target)
            case "PUT" if target.name:
                return self._put(request, target, view, body)
            case "PATCH" if target.name:
                return self._patch(request, target, view, body)
            case "DELETE" if not target.subresource:
                asked = parse_deletion(request.query, _parse(request, body, target) if body else None)
                return self._delete(request, target, view, asked)
            case _:
                raise method_not_allowed()

    async def _get(self, request: web.Request, target: Target, view: View) -> web.StreamResponse:
        if not target.name or (
            request.query.get("watch") in TRUE and not target.subresource and "fieldSelector" in request.query
        ):
            if request.query.get("watch") in TRUE:
                return await self._watch(request, target, view)
            documents, metadata = reads.page(self._store, target, request.query)
            return _encoded(shown_list(view, target.resource, documents, metadata), view)
        document = self._store.get(target.resource.collection, target.namespace, target.name)
        if document is None:
            raise target.missing()
        if target.subresource == "scale":
            return _encoded(scale_of(target, document), view)
        return _encoded(shown(view, target.resource, document), view)

    async def _watch(self, request: web.Request, target: Target, view: View) -> web.StreamResponse:
        asked = watch.parse_watch(target, view, request.query)
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
        await response.prepare(request)
        lines = watch.lines(self._store, asked, self._bookmark_seconds)
        try:
            async for chunk in lines:
                if chunk:
                    await response.write(chunk)
            await response.write_eof()
        except CLIENT_CLOSED:
            pass  # the client has heard enough
        finally:
            await lines.aclose()  # type: ignore[attr-defined]  # an async generator, by its signature an iterator
        return response

    def _put(self, request: web.Request, target: Target, view: View, body: bytes) -> web.Response:
        options = self._options(request, "UpdateOptions")
        document = _parse(request, body, target)
        _refuse_duplicates(body, document, options, target)
        if target.subresource == "scale":
            live = self._live(target)
            answer = self._writes.replace(target, scaled(target, live, document), options)
            return _encoded(scale_of(target, answer.document), view)
        return _written(self._writes.replace(target, document, options), view, target)

    def _patch(self, request: web.Request, target: Target, view: View, body: bytes) -> web.Response:
        options = self._options(request, "PatchOptions")
        content_type = request.content_type
        if content_type not in PATCHES:
            raise unsupported_media_type("415: Unsupported Media Type")
        if content_type == APPLY:
            return self._apply(target, view, body, options)
        try:
            patch = bodies.parse_json(body)
        except ValueError as error:
            raise bad_request(f"error decoding patch: {error}") from error
        if target.subresource == "scale":
            live = self._live(target)
            changed = patched(target.resource, content_type, scale_of(target, live), patch)
            answer = self._writes.replace(target, scaled(target, live, changed), options)
            return _encoded(scale_of(target, answer.document), view)
        return _written(self._writes.patch(target, content_type, patch, options), view, target)

    def _apply(self, target: Target, view: View, body: bytes, options: Options) -> web.Response:
        try:
            applied = bodies.parse_yaml(body)
        except ValueError as error:
            raise bad_request(f"error encoding patch: {error}") from error
        warnings = bodies.duplicate_keys(body) if options.validation in ("Strict", "Warn") and not _is_plain(body) else []
        if warnings and options.validation == "Strict":
            listed = "\n".join(f"  {warning}" for warning in warnings)
            raise bad_request(f"error strict decoding patch: error converting YAML to JSON: yaml: unmarshal errors:\n{listed}")
        if target.subresource == "scale":
            applied = applied_replicas(target, applied)
        answer = self._writes.apply(target, applied, options)
        answer.warnings += warnings
        if target.subresource == "scale":
            return _encoded(scale_of(target, answer.document), view)
        return _written(answer, view, target)

    def _delete(self, request: web.Request, target: Target, view: View, asked: Deletion) -> web.Response:
        if target.name:
            gone = deletion.delete(self._store, target, asked)
            is_status = gone.get("kind") == "Status"
            return _encoded(gone if is_status else shown(view, target.resource, gone), view)
        documents, metadata = reads.page(self._store, target, request.query)
        for document in documents:
            place = document["metadata"]
            each = Target(target.resource, place.get("namespace", ""), place["name"])
            deletion.delete(self._store, each, asked)
        return _encoded(shown_list(view, target.resource, documents, metadata), view)

    def _live(self, target: Target) -> dict[str, Any]:
        live = self._store.get(target.resource.collection, target.namespace, target.name)
        if live is None:
            raise target.missing()
        return live

    def _options(self, request: web.Request, kind: str) -> Options:
        return parse_options(request.query, request.headers.get("User-Agent", ""), kind)

    def _remember(self, request: web.Request, target: Target) -> None:
        query = request.query
        match request.method:
            case "GET" | "HEAD":
                verb = "watch" if query.get("watch") in TRUE else "get" if target.name else "list"
            case "POST":
                verb = "create"
            case "PUT":
                verb = "update"
            case "PATCH":
                verb = "apply" if request.content_type == APPLY else "patch"
            case "DELETE":
                verb = "delete" if target.name else "deletecollection"
            case other:
                verb = other.lower()
        name = f"{target.resource.plural}.{target.resource.group}".rstrip(".")
        agent = request.headers.get("User-Agent", "")
        self.requests.append(Request(agent, verb, name, target.subresource, "dryRun" in query))


def _parse(request: web.Request, body: bytes, target: Target) -> Any:
    """The body in the encoding that its header names; JSON when it names none."""
    kind = target.resource.kind
    content_type = request.headers.get("Content-Type", "application/json").partition(";")[0].strip()
    try:
        if content_type in bodies.YAML_TYPES:
            return bodies.parse_yaml(body)
        if content_type in ("application/json", "application/octet-stream"):
            return bodies.parse_json(body)
    except ValueError as error:
        shown_body = body[:256].decode(errors="replace") or "<empty>"
        why = "unexpected end of JSON input" if not body.strip() else str(error)
        message = f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind"
        raise bad_request(f"{message}; json parse error: {why} ({shown_body})") from error
    raise Refused(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {ACCEPTED}",
    )


def _is_plain(body: bytes) -> bool:
    """Is it JSON in which no field can stand twice unnoticed? A cheap guess: JSON without a repeated key."""
    return body.lstrip()[:1] == b"{" and not bodies.duplicates(body)


def _refuse_duplicates(body: bytes, document: Any, options: Options, target: Target) -> None:
    if options.validation == "Strict" and isinstance(document, dict) and (found := bodies.duplicates(body)):
        resource = target.resource
        listed = ", ".join(f'duplicate field "{path}"' for path in found)
        head = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise bad_request(f"{head}: strict decoding error: {listed}")


def _written(answer: Answer, view: View, target: Target) -> web.Response:
    response = _encoded(shown(view, target.resource, answer.document), view, status=answer.code)
    for warning in answer.warnings:
        response.headers.add("Warning", f"299 - {orjson.dumps(warning).decode()}")
    return response


def _encoded(document: Mapping[str, Any], view: View, status: int = 200) -> web.Response:
    return web.Response(body=view.encode(document), status=status, content_type=view.content_type)


def _json(document: Mapping[str, Any], content_type: str = "application/json") -> web.Response:
    return web.Response(body=orjson.dumps(document), headers={"Content-Type": content_type})


def _status(refused: Refused) -> web.Response:
    if refused.is_plain:
        return web.Response(text=str(refused), status=refused.code)
    return web.Response(body=orjson.dumps(refused.status()), status=refused.code, content_type="application/json")
