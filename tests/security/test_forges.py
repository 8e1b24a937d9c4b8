"""Answers of forges that are none: each ends in a named error, at once, and other repositories' hooks are cared for all the same."""

import itertools

import pytest
from aiohttp import web

from jobs.derive import Purpose
from jobs.forges import forge as forge_room
from jobs.forges import hooks
from jobs.forges.clients import clients, conversations, hook_clients
from jobs.forges.deployers import deployers
from jobs.forges.forge import Status, StatusState
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.hooks import Desk, Wish
from jobs.report import Report
from reconciler.errors import Stalled, Transient
from reconciler.model.declared import Forge
from tests.servers.forges import TOKEN, on_forge

pytestmark = pytest.mark.long

WISH = Wish("https://trueup.example/webhooks/x", dict.fromkeys(Purpose, "secret-canary"))
JSON = "application/json"
DEEP = b"[" * 200_000

BODIES = {
    "nothing": b"",
    "null": b"null",
    "a number": b"7",
    "a word": b'"hook"',
    "an object": b'{"message": [1]}',
    "nulls": b"[null]",
    "numbers": b"[1, 2]",
    "lists": b"[[]]",
    "hooks without id": b'[{"url": "u"}]',
    "ids that are objects": b'[{"id": {"a": 1}, "config": {"url": WISH}, "url": WISH}]',
    "config as a word": b'[{"id": 1, "config": "x", "events": "push"}]',
    "config as a list": b'[{"id": 1, "config": [1], "events": 7}]',
    "events as numbers": b'[{"id": 1, "config": {"url": "u"}, "events": [1, null, {}]}]',
    "a page of hooks": b'{"values": [{"id": 1, "uuid": "u", "url": WISH, "events": 7}], "nextPageStart": {}, "isLastPage": 0}',
    "pages of nothing": b'{"values": null, "value": null}',
    "pages of nulls": b'{"values": [null], "value": [null]}',
    "pages of objects": b'{"values": [{"hash": {}, "id": []}], "value": [{"commitId": 7}], "state": 7}',
    "check runs that are none": b'{"check_runs": [{"id": "x"}, null], "id": "x"}',
    "a check run of another kind": b'{"check_runs": [{"id": [], "name": "trueup", "external_id": "trueup:trueup/shop"}], "id": {}}',
    "a log of words": b'[{"id": 1, "status_code": "many", "response_status": [], "request_headers": "x"}]',
    "numbers without end": b'[{"id": 1, "status_code": 1' + b"0" * 5000 + b"}]",
    "infinity": b'[{"id": 1, "status_code": Infinity, "delivered_at": 7}]',
    "a date that is none": b'[{"id": 1, "status_code": 1, "delivered_at": "0001-01-01T00:00:00+23:59"}]',
    "depth": DEEP,
    "half of it": b'[{"id": 1,',
    "no text": b"\xff\xfe\x00",
    "a page": b"<html>sign in</html>",
}
TYPES = [JSON, "text/html", "application/json; charset=klingon", ""]
STATUSES = [200, 204, 299, 302, 400, 403, 418, 422, 429, 500, 599]

CASES = [
    *((200, JSON, name) for name in BODIES),
    *((422, JSON, name) for name in BODIES),
    *((status, kind, "an object") for status, kind in itertools.product(STATUSES, TYPES)),
]


@pytest.fixture
async def answering():
    """A server that answers everything with one thing."""
    told = {}

    async def answer(_: web.Request) -> web.Response:
        headers = {
            "Content-Type": told["type"],
            "Retry-After": "soon",
            "X-RateLimit-Reset": "9" * 400,
            "Link": "<<>;",
        } | told.get("headers", {})
        return web.Response(status=told["status"], body=told["body"], headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield told
    await runner.cleanup()


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(hooks, "TEST_SECONDS", 0.02)
    monkeypatch.setattr(hooks, "TEST_PAUSE_SECONDS", 0.01)


async def ends_in_words(work):
    """Anything but an error that Trueup has a name for is a defect."""
    told = "trueup/shop: "
    try:
        await work
    except (Stalled, Transient) as error:
        told = str(error)
    assert told.startswith("trueup/shop: ")
    assert len(told) < 1000
    assert TOKEN not in told
    assert "secret-canary" not in told


@pytest.mark.parametrize("forge", list(hook_clients(None)))
@pytest.mark.parametrize(("status", "kind", "body"), CASES, ids=[f"{s}-{k or 'no type'}-{b}" for s, k, b in CASES])
async def test_a_hooks_answer_that_is_none(session, answering, forge, status, kind, body):  # noqa: PLR0917
    answering |= {"status": status, "type": kind, "body": BODIES[body].replace(b"WISH", f'"{WISH.address}"'.encode())}
    desk = Desk(hook_clients(session)[forge], on_forge(answering["url"], forge), TOKEN)
    await ends_in_words(desk.care(WISH, known_id="1", has_secret=False))
    await ends_in_words(desk.verify(WISH))
    await ends_in_words(desk.remove(WISH))


@pytest.mark.parametrize("forge", [kind for kind in Forge if kind is not Forge.GENERIC])
@pytest.mark.parametrize(("status", "kind", "body"), CASES, ids=[f"{s}-{k or 'no type'}-{b}" for s, k, b in CASES])
async def test_an_answer_about_statuses_that_is_none(session, answering, forge, status, kind, body):  # noqa: PLR0917
    answering |= {"status": status, "type": kind, "body": BODIES[body]}
    repository = on_forge(answering["url"], forge, path="org/acme/_git/shop" if forge is Forge.AZURE else "")
    client = clients(session)[forge]
    await ends_in_words(client.post_status(repository, "a" * 40, Status(StatusState.PENDING, "trueup", "x"), TOKEN))
    await ends_in_words(client.pending(repository, "refs/heads/main", "trueup", TOKEN))


@pytest.mark.parametrize("forge", list(conversations(None)))
@pytest.mark.parametrize(("status", "kind", "body"), CASES, ids=[f"{s}-{k or 'no type'}-{b}" for s, k, b in CASES])
async def test_an_answer_about_pull_requests_that_is_none(session, answering, forge, status, kind, body):  # noqa: PLR0917
    answering |= {"status": status, "type": kind, "body": BODIES[body]}
    repository = on_forge(answering["url"], forge, path="org/acme/_git/shop" if forge is Forge.AZURE else "")
    api = conversations(session)[forge]
    await ends_in_words(api.pull(repository, 7, TOKEN))
    await ends_in_words(api.open_pulls(repository, TOKEN))
    await ends_in_words(api.find_comment(repository, 7, "x", TOKEN))
    await ends_in_words(api.write_comment(repository, 7, "x", TOKEN))
    await ends_in_words(api.edit_comment(repository, 7, "1/1", "x", TOKEN))
    await ends_in_words(api.react(repository, 7, "1/1", TOKEN, is_good=True))
    await ends_in_words(api.standing(repository, "ada", TOKEN))


@pytest.mark.parametrize("forge", [Forge.GITHUB, Forge.GITLAB])
@pytest.mark.parametrize(("status", "kind", "body"), CASES, ids=[f"{s}-{k or 'no type'}-{b}" for s, k, b in CASES])
async def test_an_answer_about_deployments_and_checks_that_is_none(session, answering, forge, status, kind, body):  # noqa: PLR0917
    answering |= {"status": status, "type": kind, "body": BODIES[body]}
    repository, told = on_forge(answering["url"], forge), Status(StatusState.FAILURE, "trueup", "x")
    deployer, checks = deployers(session)[forge], GitHubChecks(session)
    await ends_in_words(deployer.create(repository, "a" * 40, "refs/heads/main", "prod", TOKEN))
    await ends_in_words(deployer.finish(repository, "1", told, TOKEN))
    await ends_in_words(deployer.find(repository, "a" * 40, "prod", TOKEN))
    await ends_in_words(checks.create(repository, "a" * 40, told, Report(), TOKEN))
    await ends_in_words(checks.update(repository, "1", told, Report(), TOKEN))
    await ends_in_words(checks.newest(repository, "a" * 40, "trueup", TOKEN))
    await ends_in_words(checks.pending(repository, "refs/heads/main", "trueup", TOKEN))


@pytest.mark.parametrize("forge", list(hook_clients(None)))
async def test_an_answer_without_end_is_given_up(session, answering, forge, monkeypatch):
    monkeypatch.setattr(forge_room, "ANSWER_BYTES", 1000)
    answering |= {"status": 200, "type": JSON, "body": b"[" + b" " * 5000 + b"]"}
    with pytest.raises(Transient, match="more than 1000 bytes"):
        await hook_clients(session)[forge].hooks(on_forge(answering["url"], forge), TOKEN)
