"""The front door: what is taken in, what is refused and with which status, never a 5xx for what a sender does.

Left out: what each provider understands (tests/receiver/providers), and what many or large or slow bodies do (test_flood).
"""

import asyncio
import hashlib
import hmac
import json
import time

import pytest
import structlog

from jobs.derive import Purpose
from jobs.keys import DELIVERY_SECONDS
from jobs.records import ScopeRecord
from receiver import app, webhooks
from tests.servers.front_door import (
    ADDRESS,
    GITLAB_TOKEN,
    KEY,
    SCOPE,
    SECRET,
    front_door,
    push_of,
    secret_of,
    signed,
)
from trueup.demo.example import push_payload

GITLAB_ADDRESS = f"/webhooks/gitlab/{SCOPE}"
OTHER_KEY = "ef" * 32


def gitlab_push(commit: str = "c" * 40) -> bytes:
    project = {"git_http_url": f"https://{SCOPE}.git", "path_with_namespace": "acme/shop"}
    return json.dumps(
        {"ref": "refs/heads/main", "before": "0" * 40, "after": commit, "user_username": "ada", "project": project}
    ).encode()


async def test_a_signed_push_is_stored_and_answered_with_its_address(door):
    answer = await door.send(push_of(), signed(push_of(), delivery="d-1"))
    assert (answer.status, answer.json["state"]) == (202, "queued")
    assert answer.headers["Location"] == answer.json["url"] == f"/api/v1/jobs/{answer.json['id']}"
    job = (await door.ask("GET", answer.json["url"])).json
    assert (job["repository"], job["ref"], job["commit"], job["actor"]) == ("trueup/shop", "refs/heads/main", "a" * 40, "ada")
    assert job["delivery"] == {
        "provider": "github", "id": "d-1", "event": "push", "key": 0, "generation": 0, "repository_id": "1", "renamed": "",
    }  # fmt: skip
    assert [stage["name"] for stage in job["stages"]] == ["received"]


async def test_the_same_delivery_again_is_the_same_job_in_its_present_state(door):
    first = await door.send(push_of(), signed(push_of(), delivery="d1"))
    await door.front.jobs.transition(first.json["id"], "succeeded", "live")
    again = await door.send(push_of(), signed(push_of(), delivery="d1"))
    assert (first.status, again.status) == (202, 200)
    assert again.json == {"id": first.json["id"], "url": first.json["url"], "state": "succeeded"}
    assert again.headers["Location"] == first.json["url"]


async def test_a_delivery_is_remembered_for_three_days(door, redis, keys):
    await door.send(push_of(), signed(push_of(), delivery="d1"))
    left = await redis.ttl(keys.delivery("github", f"{SCOPE} d1"))
    assert DELIVERY_SECONDS == 3 * 24 * 3600
    assert DELIVERY_SECONDS - 60 < left <= DELIVERY_SECONDS


async def test_without_a_delivery_id_the_body_is_known_again(door):
    headers = signed(push_of())
    del headers["X-GitHub-Delivery"]
    answers = [await door.send(push_of(), headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 200]
    job = (await door.ask("GET", answers[0].json["url"])).json
    assert job["delivery"]["id"] == hashlib.sha256(push_of()).hexdigest()


async def test_one_delivery_id_at_two_forges_is_two_jobs(door):
    first = await door.send(push_of(), signed(push_of(), delivery="d1"))
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": GITLAB_TOKEN, "Idempotency-Key": "d1"}
    second = await door.send(gitlab_push(), headers, GITLAB_ADDRESS)
    assert (first.status, second.status) == (202, 202)


async def test_fifty_equal_deliveries_at_once_are_one_job(door):
    answers = await asyncio.gather(*(door.send(push_of(), signed(push_of(), delivery="d2")) for _ in range(50)))
    assert sorted(answer.status for answer in answers) == [200] * 49 + [202]
    assert len({answer.json["id"] for answer in answers}) == 1


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
async def test_refusals(door, address, headers, status):
    answer = await door.send(push_of(), {**signed(push_of()), **headers}, address)
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("address", "generation", "status"),
    [
        pytest.param("/webhooks/github/git.example", 0, 202, id="the whole host"),
        pytest.param("/webhooks/github/git.example/acme", 0, 202, id="an organisation"),
        pytest.param("/webhooks/github/GIT.example/Acme/Shop.git/", 0, 202, id="written otherwise"),
        pytest.param("/webhooks/github/git.example/acm", 0, 401, id="half an organisation"),
        pytest.param("/webhooks/github/git", 0, 401, id="half a host"),
        pytest.param("/webhooks/github/git.example/acme/shop", 1, 401, id="another generation"),
        pytest.param("/webhooks/github/git.example/acme/shop", 3, 202, id="the generation that is declared"),
    ],
)
async def test_each_scope_has_a_secret_of_its_own(door, address, generation, status):
    scope = address.removeprefix("/webhooks/github/").lower().strip("/").removesuffix(".git")
    declared = ScopeRecord(scope=SCOPE, provider="github", repository="trueup/shop", generation=3 if generation else 0)
    await door.front.applications.publish_scopes([declared])
    secret = secret_of("github", Purpose.HMAC, scope=scope, generation=generation).hex().encode()
    assert (await door.send(push_of(), signed(push_of(), secret=secret), address)).status == status


async def test_the_secret_of_an_organisation_opens_no_other_address(door):
    secret = secret_of("github", Purpose.HMAC, scope="git.example/acme").hex().encode()
    assert (await door.send(push_of(), signed(push_of(), secret=secret))).status == 401


async def test_a_key_is_rotated_while_both_verify(valkey, keys):
    old = secret_of("github", Purpose.HMAC, key=OTHER_KEY).hex().encode()
    async with front_door(valkey.url, keys, webhook_keys=(KEY, OTHER_KEY)) as door:
        for secret, number in ((SECRET, 0), (old, 1)):
            answer = await door.send(push_of(), signed(push_of(), secret=secret))
            assert (await door.ask("GET", answer.json["url"])).json["delivery"]["key"] == number
    async with front_door(valkey.url, keys) as door:
        assert (await door.send(push_of(), signed(push_of(), secret=old))).status == 401


async def test_a_secret_chosen_by_hand_opens_its_scope_only(valkey, keys):
    chosen = b"correct horse battery staple"
    async with front_door(valkey.url, keys, webhook_secrets={SCOPE: chosen.decode()}) as door:
        answer = await door.send(push_of(), signed(push_of(), secret=chosen))
        assert (await door.ask("GET", answer.json["url"])).json["delivery"]["key"] == -1
        headers = signed(push_of(), secret=chosen)
        assert (await door.send(push_of(), headers, "/webhooks/github/git.example/acme")).status == 401


async def test_the_sha1_signature_is_not_accepted(door):
    headers = signed(push_of())
    del headers["X-Hub-Signature-256"]
    headers["X-Hub-Signature"] = "sha1=" + hmac.new(SECRET, push_of(), hashlib.sha1).hexdigest()
    assert (await door.send(push_of(), headers)).status == 401


@pytest.mark.parametrize("event", ["issues", "", "pull_request_review", "x" * 4000])
async def test_authentic_but_uninteresting_is_2xx(door, event):
    answer = await door.send(push_of(), signed(push_of(), event=event))
    assert (answer.status, answer.json["state"]) == (202, "ignored")
    message = (await door.ask("GET", answer.json["url"])).json["message"]
    assert "means nothing" in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("body", "event", "told"),
    [
        pytest.param(b"{}", "ping", "it works", id="ping"),
        pytest.param(push_of(after="0" * 40), "push", "was deleted", id="branch deleted"),
        pytest.param(
            push_of(repository={"clone_url": "https://git.example/acme/store.git", "full_name": "acme/store"}), "push",
            "git.example/acme/store within git.example/acme/shop; if trueup/shop was renamed, write its new address in spec.url",
            id="renamed",
        ),
        pytest.param(
            push_of(repository={"clone_url": "https://evil.example/acme/shop.git", "full_name": "acme/shop"}), "push",
            "no Repository is declared for evil.example/acme/shop", id="of another host",
        ),
    ],
)  # fmt: skip
async def test_nothing_to_do_is_a_job_that_says_why(door, body, event, told):
    answer = await door.send(body, signed(body, event=event))
    assert (answer.status, answer.json["state"]) == (202, "ignored")
    assert told in (await door.ask("GET", answer.json["url"])).json["message"]
    assert await door.front.redis.exists(door.front.keys.queue) == 0


STORE = "https://git.example/acme/store.git"
SHOP_ID = ScopeRecord(scope=SCOPE, provider="github", repository="trueup/shop", repository_id="1")


def renamed(url=STORE, repository_id=1):
    return push_of(repository={"id": repository_id, "clone_url": url, "full_name": "acme/store"})


@pytest.mark.parametrize(
    ("records", "address", "body", "repository"),
    [
        pytest.param([SHOP_ID], ADDRESS, renamed(), "trueup/shop", id="by its own hook"),
        pytest.param([SHOP_ID], "/webhooks/github/git.example/acme", renamed(), "trueup/shop", id="by its organisation's"),
        pytest.param([SHOP_ID], ADDRESS, renamed("https://git.example/other/store"), "trueup/shop", id="to another owner"),
        pytest.param([SHOP_ID], ADDRESS, renamed(repository_id=2), "", id="another id"),
        pytest.param([SHOP_ID], ADDRESS, renamed(repository_id=None), "", id="no id"),
        pytest.param([SHOP_ID], ADDRESS, renamed("https://evil.example/acme/store"), "", id="the same id at another host"),
        pytest.param(
            [SHOP_ID.model_copy(update={"repository_id": ""})], ADDRESS, renamed(repository_id=""), "", id="while nothing is known"
        ),
        pytest.param(
            [SHOP_ID, SHOP_ID.model_copy(update={"scope": "git.example/acme/store", "repository": "trueup/store"})],
            "/webhooks/github/git.example/acme", renamed(), "trueup/store", id="two of one id: by the address",
        ),
        pytest.param(
            [SHOP_ID.model_copy(update={"scope": f"{SCOPE}/within", "repository": "trueup/other"}), SHOP_ID],
            ADDRESS, renamed(), "trueup/shop", id="two of one id: whose hook it is",
        ),
        pytest.param(
            [SHOP_ID, SHOP_ID.model_copy(update={"scope": "git.example/other/shop", "repository": "trueup/other", "repository_id": "2"})],
            ADDRESS, renamed(repository_id=2), "", id="the id of one outside the hook's scope",
        ),
    ],
)  # fmt: skip
async def test_a_renamed_repository_is_known_by_its_id(door, records, address, body, repository):
    await door.front.applications.publish_scopes(records)
    scope = address.removeprefix("/webhooks/github/")
    headers = signed(body, secret=secret_of("github", Purpose.HMAC, scope=scope).hex().encode())
    job = (await door.ask("GET", (await door.send(body, headers, address)).json["url"])).json
    assert (job["repository"], job["state"]) == (repository, "queued" if repository else "ignored")
    if repository == "trueup/shop":
        assert job["scope"] == SCOPE, "where it is declared"
        assert "write its new address in spec.url" in job["stages"][0]["detail"]
    assert bool(job["delivery"]["renamed"]) is (repository == "trueup/shop")


async def test_an_id_is_believed_of_nobody_who_has_not_the_secret(door):
    await door.front.applications.publish_scopes([SHOP_ID])
    assert (await door.send(renamed(), signed(renamed(), secret=b"guessed"))).status == 401


def mutations(value, path=()):
    """Every place of a payload, with something of another type in it."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from mutations(child, (*path, key))


@pytest.mark.parametrize("odd", [None, [], {}, 1, "", True, [[]], "\ud800"], ids=repr)
async def test_type_confusion_in_every_field_is_2xx(door, odd):
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
        assert (await door.send(body, signed(body))).status == 202, path


async def test_gitlab_token_and_signature_must_both_be_right(door):
    body = gitlab_push()
    base = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": GITLAB_TOKEN}
    assert (await door.send(body, base, GITLAB_ADDRESS)).status == 202
    wrong = {**base, "webhook-id": "m", "webhook-timestamp": f"{time.time():.0f}", "webhook-signature": "v1,AAAA"}
    assert (await door.send(body, wrong, GITLAB_ADDRESS)).status == 401
    assert (await door.send(body, {**base, "X-Gitlab-Token": "x"}, GITLAB_ADDRESS)).status == 401


@pytest.mark.parametrize("scopes", [None, []], ids=["no worker has said yet", "nothing is declared"])
async def test_without_a_table_of_scopes_forges_are_asked_to_come_again(valkey, keys, scopes):
    async with front_door(valkey.url, keys, has_scopes=False) as door:
        if scopes is not None:
            await door.front.applications.publish_scopes(scopes)
        answer = await door.send(push_of(), signed(push_of()))
        assert answer.status == (503 if scopes is None else 401)
        assert ("Retry-After" in answer.headers) is (scopes is None)


SIGNED = b"X-Hub-Signature-256: " + signed(b"{}")["X-Hub-Signature-256"].encode() + b"\r\n"


def http(*headers: bytes, path: bytes = ADDRESS.encode(), body: bytes = b"Content-Length: 2\r\n\r\n{}") -> bytes:
    """A signed request, byte by byte."""
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: x", SIGNED.strip(), *headers]
    return b"\r\n".join(lines) + b"\r\n" + body


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        pytest.param(http(b"X-GitHub-Delivery: \xff\xfe\xed\xa0\x80"), {202}, id="a delivery id that is no text"),
        pytest.param(http(b"X-GitHub-Event: \xff\xfe\xed\xa0\x80"), {202}, id="an event that is no text"),
        pytest.param(http(b"Content-Type: \xff/\xfe; charset=\xff"), {202}, id="a type that is no text"),
        pytest.param(http(b"X-Request-ID: \xff"), {202}, id="a request id that is no text"),
        pytest.param(http(b"Content-Encoding: identity"), {202}, id="an encoding that is none"),
        pytest.param(http(b"Content-Encoding: br"), {415}, id="an encoding that is not known"),
        pytest.param(http(b"Content-Encoding: identity", b"Content-Encoding: gzip"), {415}, id="a second encoding"),
        pytest.param(http(b"Content-Encoding: identity, gzip"), {415}, id="two encodings in one"),
        pytest.param(http(body=b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), {202}, id="chunks"),
        pytest.param(http(body=b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), {400}, id="broken chunks"),
        pytest.param(
            http(body=b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), {400},
            id="two lengths",
        ),
        pytest.param(http(body=b"Content-Length: -2\r\n\r\n{}"), {400}, id="a length below nothing"),
        pytest.param(http(body=b"Content-Length: 9" + b"9" * 30 + b"\r\n\r\n{}"), {400}, id="a length beyond numbers"),
        pytest.param(http(body=b"Content-Length: 99999999999\r\n\r\n{}"), {413}, id="a length beyond the limit"),
        pytest.param(http(body=b"\r\n"), {401}, id="no body: its signature is another"),
        pytest.param(http(path=b"/webhooks/github/git.example/%00"), {401}, id="a scope with a zero byte"),
        pytest.param(http(path=b"/webhooks/github/git.example/%ff%fe"), {401}, id="a scope that is no text"),
        pytest.param(http(path=b"/webhooks/github/git.example/%25%32%65"), {401}, id="a scope encoded twice"),
        pytest.param(http(path=b"/webhooks/github//git.example//acme"), {401}, id="a scope with empty parts"),
        pytest.param(http(path=b"/webhooks/github/" + b"a" * 9000), {400}, id="an endless scope"),
        pytest.param(http(path=b"/webhooks/%ff/x"), {404}, id="a provider that is no text"),
        pytest.param(http(b"X-A: " + b"a" * 9000), {400}, id="an endless header"),
        pytest.param(http(*(b"X-%d: a" % number for number in range(3000))), {400}, id="endless headers"),
        pytest.param(http(b"Expect: nonsense"), {417}, id="an expectation"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}, id="TLS"),
    ],
)  # fmt: skip
async def test_no_request_is_too_odd(door, request_bytes, statuses):
    answer = await door.raw(request_bytes)
    assert int(answer.split(b" ", 2)[1]) in statuses, answer


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_method_is_told_the_right_one(door, method):
    answer = await door.ask(method, ADDRESS)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "body", [b"Content-Length: 200\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"], ids=["length", "chunks"]
)
async def test_a_sender_that_leaves_in_the_middle_is_no_crash(door, body, caplog):
    with structlog.testing.capture_logs() as lines:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(http(body=body))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.close()
        await asyncio.sleep(0.1)
        assert (await door.send(push_of(), signed(push_of()))).status == 202
    assert not [line for line in lines if line["log_level"] == "error"]
    assert not caplog.records


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(http(b"Content-Encoding: gzip"), id="encoded"),
        pytest.param(http(b"X-A: " + b"a" * 9000), id="an endless header"),
        pytest.param(http(body=b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), id="broken chunks"),
    ],
)
async def test_what_anybody_may_send_does_not_fill_the_log_with_tracebacks(door, request_bytes, caplog):
    await door.raw(request_bytes)
    assert (await door.send(push_of(), signed(push_of()))).status == 202
    assert not caplog.records


async def test_chunks_that_break_later_are_the_senders_fault(door, monkeypatch):
    monkeypatch.setattr(webhooks, "READ_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(http(body=b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"))
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.write(b"zz\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read(1000)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("part", [b"", b"POST /webhooks/github/x HTTP/1.1\r\nX-A: "], ids=["nothing", "half a head"])
async def test_a_silent_connection_is_closed(valkey, keys, monkeypatch, part):
    monkeypatch.setattr(app, "IDLE_SECONDS", 0.2)
    async with front_door(valkey.url, keys) as door:
        assert await door.raw(part) == b""


@pytest.mark.parametrize(("address", "told"), [(ADDRESS, "delivery.received"), ("/webhooks/gogs/x", "request.finished")])
async def test_every_webhook_has_one_line_in_the_log(door, address, told):
    with structlog.testing.capture_logs() as lines:
        await door.send(push_of(), signed(push_of()), address)
    assert [line["event"] for line in lines] == [told]
