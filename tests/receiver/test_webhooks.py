"""The front door against everything but a right signature: the right refusal, never a 5xx, and memory that stays flat."""

import asyncio
import hashlib
import hmac
import json
import random
import secrets

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from jobs.records import ScopeRecord
from receiver.app import create_app
from receiver.front import FRONT
from receiver.keys import Purpose, derive_secret
from receiver.settings import ReceiverSettings
from receiver.webhooks import Budget
from trueup.demo.example import push_payload

KEY = "cd" * 32
TOKEN = "t0ken"
SCOPE = "git.example/acme/shop"
ADDRESS = f"/webhooks/github/{SCOPE}"
SECRET = derive_secret(bytes.fromhex(KEY), "github", Purpose.HMAC, SCOPE, 0).hex().encode()


@pytest.fixture
async def client(valkey, keys):
    settings = ReceiverSettings(
        instance=keys.instance, webhook_keys=(KEY,), body_limit=1024 * 1024,
        api_tokens=(f"test:viewer:{hashlib.sha256(TOKEN.encode()).hexdigest()}",),
    )  # fmt: skip
    app = create_app(settings, valkey.url)
    async with TestClient(TestServer(app)) as client:
        await app[FRONT].applications.publish_scopes(
            [ScopeRecord(scope=SCOPE, provider=p, repository="trueup/shop") for p in ("github", "gitlab")]
        )
        yield client


def body_of(commit: str = "a" * 40) -> bytes:
    return json.dumps(push_payload(commit, "0" * 40, f"https://{SCOPE}.git")).encode()


def signed(body: bytes, *, event: str = "push", delivery: str = "", secret: bytes = SECRET) -> dict[str, str]:
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or secrets.token_hex(8),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
        "Content-Type": "application/json",
    }


async def send(client, body: bytes, headers: dict[str, str], address: str = ADDRESS):
    async with client.post(address, data=body, headers=headers) as response:
        return response.status, await response.json(content_type=None), response.headers


async def test_a_signed_push_is_stored_and_answered_with_its_address(client):
    status, answer, headers = await send(client, body_of(), signed(body_of()))
    assert (status, answer["state"]) == (202, "queued")
    assert headers["Location"] == answer["url"] == f"/api/v1/jobs/{answer['id']}"
    async with client.get(answer["url"], headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        job = await response.json()
    assert (job["repository"], job["ref"], job["commit"], job["actor"]) == ("trueup/shop", "refs/heads/main", "a" * 40, "ada")
    assert job["delivery"]["key"] == 0


async def test_the_same_delivery_again_is_the_same_job(client):
    first = await send(client, body_of(), signed(body_of(), delivery="d1"))
    again = await send(client, body_of(), signed(body_of(), delivery="d1"))
    assert (first[0], again[0]) == (202, 200)
    assert first[1]["id"] == again[1]["id"]


async def test_fifty_equal_deliveries_at_once_are_one_job(client):
    answers = await asyncio.gather(*(send(client, body_of(), signed(body_of(), delivery="d2")) for _ in range(50)))
    assert sorted(status for status, _, _ in answers) == [200] * 49 + [202]
    assert len({answer["id"] for _, answer, _ in answers}) == 1


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        pytest.param("/webhooks/gogs/x/y", {}, 404, id="unknown provider"),
        pytest.param(ADDRESS, {"Content-Encoding": "gzip"}, 415, id="encoded body"),
        pytest.param("/webhooks/github/git.example/acme/other", {}, 401, id="unknown scope"),
        pytest.param("/webhooks/github/git.example/acme/shop-evil", {}, 401, id="scope that only begins alike"),
        pytest.param("/webhooks/github/git.example/%2e%2e/shop", {}, 401, id="scope with dots"),
        pytest.param(ADDRESS, {"X-Hub-Signature-256": ""}, 401, id="no signature"),
        pytest.param(ADDRESS, {"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401, id="wrong signature"),
        pytest.param(ADDRESS, {"X-Hub-Signature-256": "sha256=\xff\xfe"}, 401, id="odd bytes"),
        pytest.param(ADDRESS, {"X-Hub-Signature-256": "x" * 4000}, 401, id="long signature"),
    ],
)
async def test_refusals(client, address, headers, status):
    assert (await send(client, body_of(), {**signed(body_of()), **headers}, address))[0] == status


async def test_the_sha1_signature_is_not_accepted(client):
    body = body_of()
    headers = signed(body)
    del headers["X-Hub-Signature-256"]
    headers["X-Hub-Signature"] = "sha1=" + hmac.new(SECRET, body, hashlib.sha1).hexdigest()
    assert (await send(client, body, headers))[0] == 401


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_past_the_limit_is_not_read_to_its_end(client, has_length):
    size = 26 * 1024 * 1024
    sent = 0

    async def chunks():
        nonlocal sent
        while sent < size:
            sent += 65536
            yield b"x" * 65536

    headers = signed(b"") | ({"Content-Length": str(size)} if has_length else {})
    async with client.post(ADDRESS, data=chunks(), headers=headers) as response:
        assert response.status == 413
    assert sent < 8 * 1024 * 1024


async def test_a_body_past_the_limit_that_arrives_with_its_head_is_refused_too(valkey, keys):
    app = create_app(ReceiverSettings(instance=keys.instance, webhook_keys=(KEY,), body_limit=100), valkey.url)
    async with TestServer(app) as server:
        scope = ScopeRecord(scope=SCOPE, provider="github", repository="trueup/shop")
        await app[FRONT].applications.publish_scopes([scope])
        reader, writer = await asyncio.open_connection(server.host, server.port)
        head = f"POST {ADDRESS} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode() + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"413"
        writer.close()


async def test_bodies_past_the_budget_wait_for_their_turn():
    budget, order = Budget(10), []

    async def read(name, size):
        async with budget.reserved(size):
            order.append(name)
            await asyncio.sleep(0)
            order.append(name.upper())

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for name, size in (("a", 6), ("b", 6), ("c", 4), ("d", 10)):
            group.create_task(read(name, size))
    assert sorted(order) == sorted("aAbBcCdD")
    assert order.index("b") > order.index("A")
    assert order.index("d") > max(order.index(name) for name in "ABC")


@pytest.mark.parametrize(("address", "told"), [(ADDRESS, "delivery.received"), ("/webhooks/gogs/x", "request.finished")])
async def test_every_webhook_has_one_line_in_the_log(client, address, told):
    with structlog.testing.capture_logs() as lines:
        await send(client, body_of(), signed(body_of()), address)
    assert [line["event"] for line in lines] == [told]


@pytest.mark.parametrize("event", ["issues", "", "pull_request", "\x7f"])
async def test_authentic_but_uninteresting_is_2xx(client, event):
    body = body_of()
    status, answer, _ = await send(client, body, signed(body, event=event.replace("\x7f", "x")))
    assert (status, answer["state"]) == (202, "ignored")


async def test_a_ping_is_answered(client):
    status, answer, _ = await send(client, b"{}", signed(b"{}", event="ping"))
    assert (status, answer["state"]) == (202, "ignored")


def mutations(value, path=()):
    """Every place of a payload, with something of another type in it."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from mutations(child, (*path, key))


@pytest.mark.parametrize("odd", [None, [], {}, 1, "", True, [[]], "\ud800"], ids=repr)
async def test_type_confusion_in_every_field_is_2xx(client, odd):
    original = push_payload("b" * 40, "0" * 40, f"https://{SCOPE}.git")
    for path in mutations(original):
        payload = json.loads(json.dumps(original))
        target = payload
        for part in path[:-1]:
            target = target[part]
        if path:
            target[path[-1]] = odd
        else:
            payload = odd
        body = json.dumps(payload).encode()
        status, _, _ = await send(client, body, signed(body))
        assert status == 202, path


async def test_random_bodies_with_a_right_signature_are_2xx(client):
    random_ = random.Random(7)
    for batch in range(20):
        bodies = [random_.randbytes(random_.randrange(200)) for _ in range(25)]
        answers = await asyncio.gather(*(send(client, body, signed(body)) for body in bodies))
        assert {status for status, _, _ in answers} <= {200, 202}, batch


async def test_gitlab_token_and_signature_must_both_be_right(client):
    body = json.dumps(
        {"ref": "refs/heads/main", "before": "0" * 40, "after": "c" * 40, "user_username": "ada",
         "project": {"git_http_url": f"https://{SCOPE}.git", "path_with_namespace": "acme/shop"}}
    ).encode()  # fmt: skip
    token = derive_secret(bytes.fromhex(KEY), "gitlab", Purpose.TOKEN, SCOPE, 0).hex()
    base = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": token}
    address = f"/webhooks/gitlab/{SCOPE}"
    assert (await send(client, body, base, address))[0] == 202
    wrong = {**base, "webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    assert (await send(client, body, wrong, address))[0] == 401
    assert (await send(client, body, {**base, "X-Gitlab-Token": "x"}, address))[0] == 401


async def test_without_a_table_of_scopes_forges_are_asked_to_come_again(valkey, keys):
    app = create_app(ReceiverSettings(instance=keys.instance, webhook_keys=(KEY,)), valkey.url)
    async with TestClient(TestServer(app)) as client:
        status, _, headers = await send(client, body_of(), signed(body_of()))
    assert status == 503
    assert headers["Retry-After"]


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        pytest.param("/healthz", "", 200, id="health needs no token"),
        pytest.param("/readyz", "", 200, id="readiness neither"),
        pytest.param("/openapi.json", "", 200, id="the document neither"),
        pytest.param("/api/v1/jobs", "", 401, id="no token"),
        pytest.param("/api/v1/jobs", "wrong", 401, id="unknown token"),
        pytest.param("/api/v1/jobs", TOKEN, 200, id="jobs"),
        pytest.param("/api/v1/jobs?state=nonsense", TOKEN, 400, id="unknown state"),
        pytest.param("/api/v1/jobs/nonsense", TOKEN, 404, id="no job id"),
        pytest.param("/api/v1/jobs/01m832s9v90eg4qd5rnekstmc6", TOKEN, 410, id="a job that is gone"),
        pytest.param("/api/v1/commits/abc", TOKEN, 400, id="short hash"),
        pytest.param(f"/api/v1/commits/{'a' * 40}", TOKEN, 200, id="unknown commit"),
        pytest.param("/api/v1/applications/trueup/none", TOKEN, 404, id="no application"),
        pytest.param("/nowhere", TOKEN, 404, id="no route"),
    ],
)
async def test_the_api_answers_with_problems(client, path, token, status):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with client.get(path, headers=headers) as response:
        assert response.status == status
        if status >= 400:
            assert response.content_type == "application/problem+json"
            assert (await response.json(content_type=None))["status"] == status


async def test_forbidden_looks_like_absent(client):
    async with client.post("/api/v1/applications/trueup/web/sync", headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        assert response.status == 404
