"""GitHub's API, spoken with a server that answers like it."""

import asyncio

import pytest

from jobs.forges import forge, github
from jobs.forges.forge import Status, StatusState
from jobs.forges.github import GitHub
from reconciler.errors import ForgeUnavailable, Stalled, TrueupError
from tests.servers.forges import TOKEN, on_forge

SHA = "a" * 40
STATUS = Status(StatusState.SUCCESS, "trueup", "2 applications are live", "https://trueup.example/jobs/1")


@pytest.fixture
def client(session):
    return GitHub(session)


@pytest.fixture
def shop(forge_server):
    return on_forge(forge_server.url)


async def test_a_status_is_posted_with_token_and_link(client, shop, forge_server):
    await client.post_status(shop, SHA, STATUS, TOKEN)
    (posted,) = forge_server.statuses("acme/shop", SHA)
    assert (posted.state, posted.context, posted.description) == ("success", "trueup", "2 applications are live")
    assert (posted.target_url, posted.token) == (STATUS.target_url, TOKEN)


async def test_without_a_public_address_there_is_no_link(client, shop, forge_server):
    await client.post_status(shop, SHA, Status(StatusState.PENDING, "trueup", "x" * 500), TOKEN)
    (posted,) = forge_server.statuses("acme/shop", SHA)
    assert posted.target_url == ""
    assert len(posted.description) == forge.DESCRIPTION_LENGTH


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said"),
    [
        (500, {}, ForgeUnavailable, "answered 500"),
        (502, {}, ForgeUnavailable, "answered 502"),
        (403, {"Retry-After": "30"}, ForgeUnavailable, "answered 403"),
        (
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "1", "X-RateLimit-Reset": "1"},
            ForgeUnavailable,
            "answered 403",
        ),
        (429, {}, ForgeUnavailable, "answered 429"),
        (401, {}, Stalled, "needs the permission to write commit statuses"),
        (403, {}, Stalled, "needs the permission to write commit statuses"),
        (404, {}, Stalled, "needs the permission to write commit statuses"),
        (422, {}, Stalled, "answered 422"),
        (301, {"Location": "http://127.0.0.1:1/"}, Stalled, "has moved"),
    ],
)
async def test_refusals_are_sorted_by_what_happens_next(client, shop, forge_server, status, headers, kind, said):  # noqa: PLR0917
    forge_server.failures = [(status, headers)]
    with pytest.raises(kind, match=said) as caught:
        await client.post_status(shop, SHA, STATUS, TOKEN)
    assert str(caught.value).startswith(f"trueup/shop: {forge_server.url}/repos/acme/shop/statuses/")
    assert TOKEN not in str(caught.value)
    if headers.get("Retry-After"):
        assert caught.value.retry_seconds == 30


async def test_silence_meets_the_deadline(client, shop, forge_server, monkeypatch):
    forge_server.silent = asyncio.Event()
    monkeypatch.setattr(github, "ANSWER_SECONDS", 0.1)
    with pytest.raises(ForgeUnavailable, match=r"no answer within 0.1 s"):
        await client.post_status(shop, SHA, STATUS, TOKEN)


async def test_a_forge_that_is_down_is_waited_for(client):
    with pytest.raises(ForgeUnavailable):
        await client.post_status(on_forge("http://127.0.0.1:1"), SHA, STATUS, TOKEN)


async def test_what_is_left_pending_is_found_by_the_newest_status_of_our_context(client, shop, forge_server):
    commits = [digit * 40 for digit in "1234"]
    forge_server.commits["acme/shop"] = commits
    pending, success = (Status(state, "trueup", "x") for state in (StatusState.PENDING, StatusState.SUCCESS))
    for commit, statuses in zip(commits, ([pending], [pending, success], [success, pending], []), strict=True):
        for status in statuses:
            await client.post_status(shop, commit, status, TOKEN)
    await client.post_status(shop, commits[3], Status(StatusState.PENDING, "another", "x"), TOKEN)
    assert await client.pending(shop, "refs/heads/feature/a&b", "trueup", TOKEN) == [commits[0], commits[2]]
    assert "GET /repos/acme/shop/commits?sha=feature/a%26b&per_page=20" in forge_server.requests


async def test_an_answer_that_is_no_json_is_no_crash(client, shop, forge_server):
    forge_server.failures = [(200, {"Content-Type": "text/html"})]
    with pytest.raises(TrueupError):
        await client.pending(shop, "refs/heads/main", "trueup", TOKEN)
