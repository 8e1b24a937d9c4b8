"""The client of one API server: its requests, its deadlines, and its patience. What the server does with them is `tests/contract`'s."""

import asyncio
import contextlib
import time

import orjson
import pytest
from aiohttp import web

from reconciler.errors import ApplyRefused, ClusterUnavailable
from reconciler.kube.client import connect
from reconciler.kube.config import Access
from reconciler.model.declared import Instance
from reconciler.model.objects import Kind, Manifest, ObjectKey
from reconciler.plan.marks import MASKED
from reconciler.settings import ReconcilerSettings
from tests.servers.loopback import answering

MAPS = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)
KEY = ObjectKey("", "ConfigMap", "shop", "a")
PATH = "/api/v1/namespaces/shop/configmaps/a"
CONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'URL'}}]
users: [{name: u, user: {token: t0ken}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
"""


class Api:
    """A server that answers whatever it is told to, and remembers what it was asked."""

    def __init__(self):
        self.seen, self.answers, self.at_once, self.most = [], [], 0, 0
        self.hold = None

    async def answer(self, request):
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.seen.append((request, await request.read()))
        if self.hold:
            await self.hold.wait()
        self.at_once -= 1
        status, body, *headers = self.answers.pop(0) if self.answers else (200, {"metadata": {}})
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(status=status, body=raw, content_type="application/json", headers=dict(*headers))


@pytest.fixture
async def api(tmp_path):
    told = Api()
    async with answering(told.answer) as url:
        (tmp_path / "config").write_text(CONFIG.replace("URL", url))
        yield told


@contextlib.asynccontextmanager
async def opened(tmp_path, **settings):
    made = ReconcilerSettings(KUBECONFIG=tmp_path / "config", **settings)
    async with connect(Access.of(made), Instance("blue"), made) as client:
        yield client


def refused(code, reason, message="no"):
    return code, {"kind": "Status", "code": code, "reason": reason, "message": message}


async def test_every_request_says_who_asks(api, tmp_path):
    async with opened(tmp_path) as client:
        await client.get(MAPS, "shop", "a")
    request, _ = api.seen[0]
    assert (request.method, request.path) == ("GET", PATH)
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["User-Agent"] == "trueup/0.1 (blue)"


async def test_an_apply_is_strict_and_asks_for_metadata_only(api, tmp_path):
    manifest = Manifest(KEY, "v1", b'{"a":1}', "v1:x")
    async with opened(tmp_path) as client:
        await client.apply(MAPS, manifest, manager="trueup-blue", force=True)
        await client.apply(MAPS, manifest, manager="trueup-blue", force=False, dry_run=True)
    (first, body), (second, _) = api.seen
    assert (first.method, first.path, body) == ("PATCH", PATH, b'{"a":1}')
    assert dict(first.query) == {"fieldManager": "trueup-blue", "force": "true", "fieldValidation": "Strict"}
    assert first.headers["Content-Type"] == "application/apply-patch+yaml"
    assert "PartialObjectMetadata" in first.headers["Accept"]
    assert dict(second.query) == {"fieldManager": "trueup-blue", "force": "false", "fieldValidation": "Strict", "dryRun": "All"}
    assert "PartialObjectMetadata" not in second.headers["Accept"]


async def test_values_that_an_object_says_are_masked_are_told_by_no_refusal(api, tmp_path):
    document = {"metadata": {"name": "a", "annotations": {MASKED: "data.a"}}, "data": {"a": "hunter2", "b": "plain"}}
    api.answers = [refused(400, "BadRequest", 'data.a is "hunter2", data.b "plain"; Invalid value: "another"')]
    async with opened(tmp_path) as client:
        with pytest.raises(ApplyRefused) as caught:
            await client.apply(MAPS, Manifest(KEY, "v1", orjson.dumps(document), "v1:x"), manager="trueup-blue", force=True)
    assert str(caught.value) == 'apply shop/ConfigMap/a: data.a is "***", data.b "plain"; Invalid value: ***'


@pytest.mark.parametrize(("version", "preconditions"), [("", {"uid": "u"}), ("7", {"uid": "u", "resourceVersion": "7"})])
async def test_a_deletion_is_of_exactly_the_object_that_was_seen(api, tmp_path, version, preconditions):
    async with opened(tmp_path) as client:
        assert await client.delete(MAPS, KEY, uid="u", resource_version=version)
    options = orjson.loads(api.seen[0][1])
    assert options["preconditions"] == preconditions
    assert options["propagationPolicy"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        pytest.param(refused(404, "NotFound"), None, id="it is not there"),
        pytest.param((200, {"metadata": {"name": "a"}}), {"metadata": {"name": "a"}}, id="it is there"),
    ],
)
async def test_one_object_or_none(api, tmp_path, answer, found):
    api.answers = [answer]
    async with opened(tmp_path) as client:
        assert await client.get(MAPS, "shop", "a") == found


@pytest.mark.parametrize(
    "answer", [(404, b"404 page not found"), (404, {"reason": "Other"}), (404, [1])], ids=["a page", "a reason", "a list"]
)
async def test_a_path_that_is_not_served_is_no_absence(api, tmp_path, answer):
    api.answers = [answer]
    async with opened(tmp_path) as client:
        with pytest.raises((ApplyRefused, ClusterUnavailable)):
            await client.get(MAPS, "shop", "a")


async def test_a_list_is_read_page_by_page(api, tmp_path):
    api.answers = [
        (200, {"metadata": {"continue": "more"}, "items": [1]}),
        (200, {"metadata": {"resourceVersion": "9"}, "items": [2, 3]}),
    ]
    async with opened(tmp_path) as client:
        listing = await client.list(MAPS, "shop", selector="a=b")
    assert (listing.items, listing.resource_version) == ((1, 2, 3), "9")
    assert [request.query.get("continue") for request, _ in api.seen] == [None, "more"]
    assert {request.query["labelSelector"] for request, _ in api.seen} == {"a=b"}


async def test_the_servers_cache_is_asked_without_pages(api, tmp_path):
    async with opened(tmp_path) as client:
        await client.list(MAPS, cached=True, metadata_only=True)
    assert dict(api.seen[0][0].query) == {"labelSelector": "", "resourceVersion": "0"}


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_requests_at_once_than_is_allowed(api, tmp_path, limit):
    api.hold = asyncio.Event()
    async with opened(tmp_path, api_concurrency=limit) as client:
        asked = [asyncio.create_task(client.get(MAPS, "shop", str(number))) for number in range(10)]
        await asyncio.sleep(0.1)
        api.hold.set()
        await asyncio.gather(*asked)
    assert (api.most, len(api.seen)) == (limit, 10)


async def test_a_server_that_asks_for_patience_is_left_alone_by_all(api, tmp_path):
    api.answers = [(*refused(429, "TooManyRequests"), {"Retry-After": "1"})]
    async with opened(tmp_path) as client:
        with pytest.raises(ClusterUnavailable) as error:
            await client.get(MAPS, "shop", "a")
        assert error.value.retry_seconds == 1.0
        began = time.monotonic()
        await client.get(MAPS, "shop", "b")
        assert time.monotonic() - began > 0.9


async def test_a_server_that_does_not_answer_in_time_is_unavailable(api, tmp_path):
    api.hold = asyncio.Event()
    async with opened(tmp_path, api_timeout=0.1) as client:
        with pytest.raises(ClusterUnavailable, match=r"did not answer within 0\.1 s"):
            await client.get(MAPS, "shop", "a")
    api.hold.set()


async def test_a_server_that_is_not_there_is_named(tmp_path, unused_tcp_port):
    (tmp_path / "config").write_text(CONFIG.replace("URL", f"http://127.0.0.1:{unused_tcp_port}"))
    async with opened(tmp_path) as client:
        with pytest.raises(ClusterUnavailable, match=f"http://127.0.0.1:{unused_tcp_port} does not answer"):
            await client.raw("/version")
