"""GitLab's API, spoken with a server that answers like it."""

import asyncio

import pytest

from jobs.forges import api
from jobs.forges.forge import Status, StatusState
from jobs.forges.gitlab import GitLab
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Forge
from tests.servers.forges import TOKEN, on_forge

SHA = "a" * 40
STATUS = Status(StatusState.FAILURE, "trueup/prod", "web: refused", "https://trueup.example/jobs/1")


@pytest.fixture
def client(session):
    return GitLab(session)


@pytest.fixture
def shop(forge_server):
    return on_forge(forge_server.url, Forge.GITLAB)


@pytest.mark.parametrize(
    ("state", "posted"), [("pending", "pending"), ("success", "success"), ("failure", "failed"), ("error", "failed")]
)
async def test_states_in_the_words_of_gitlab(client, shop, forge_server, state, posted):
    await client.post_status(shop, SHA, Status(StatusState(state), "trueup", "x"), TOKEN)
    assert [status.state for status in forge_server.statuses("acme/shop", SHA)] == [posted]


async def test_a_status_is_posted_with_token_and_link_on_the_encoded_project(client, shop, forge_server):
    await client.post_status(shop, SHA, STATUS, TOKEN)
    (posted,) = forge_server.statuses("acme/shop", SHA)
    assert (posted.context, posted.target_url, posted.token) == ("trueup/prod", STATUS.target_url, TOKEN)
    assert forge_server.requests == [f"POST /projects/acme%2Fshop/statuses/{SHA}"]


async def test_a_status_that_is_there_already_is_as_good(client, shop, forge_server):
    for _ in range(2):
        await client.post_status(shop, SHA, STATUS, TOKEN)
    assert len(forge_server.statuses("acme/shop", SHA)) == 1


async def test_why_a_commit_waits_is_told_though_it_is_pending_already(client, shop, forge_server):
    held = [Status(StatusState.PENDING, "trueup", f"held: {why}") for why in ("approve it", "approve the other")]
    syncing = Status(StatusState.PENDING, "trueup", "syncing")
    for status in (syncing, syncing, *held):
        await client.post_status(shop, SHA, status, TOKEN)
    posted = [(status.state, status.description) for status in forge_server.statuses("acme/shop", SHA)]
    assert posted == [("pending", "syncing"), ("running", "held: approve it")]
    assert [await client.has(shop, SHA, status, TOKEN) for status in held] == [True, False]
    forge_server.commits["acme/shop"] = [SHA]
    assert await client.pending(shop, "refs/heads/main", "trueup", TOKEN) == [SHA]
    await client.post_status(shop, SHA, Status(StatusState.SUCCESS, "trueup", "live"), TOKEN)
    assert forge_server.statuses("acme/shop", SHA)[-1].state == "success"


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said"),
    [
        (500, {}, ForgeUnavailable, "answered 500"),
        (429, {"Retry-After": "9"}, ForgeUnavailable, "answered 429"),
        (401, {}, Stalled, "needs the scope `api` and at least the role Developer"),
        (404, {}, Stalled, "needs the scope `api` and at least the role Developer"),
        (400, {}, Stalled, "answered 400"),
        (422, {}, Stalled, "answered 422"),
        (302, {"Location": "http://127.0.0.1:1/"}, Stalled, "has moved"),
    ],
)
async def test_refusals_are_sorted_by_what_happens_next(client, shop, forge_server, status, headers, kind, said):  # noqa: PLR0917
    forge_server.failures = [(status, headers)]
    with pytest.raises(kind, match=said) as caught:
        await client.post_status(shop, SHA, STATUS, TOKEN)
    assert TOKEN not in str(caught.value)
    if headers.get("Retry-After"):
        assert caught.value.retry_seconds == 9


async def test_silence_meets_the_deadline(client, shop, forge_server, monkeypatch):
    forge_server.silent = asyncio.Event()
    monkeypatch.setattr(api, "ANSWER_SECONDS", 0.1)
    with pytest.raises(ForgeUnavailable, match=r"no answer within 0.1 s"):
        await client.post_status(shop, SHA, STATUS, TOKEN)


async def test_what_is_left_pending_is_found(client, shop, forge_server):
    commits = [digit * 40 for digit in "123"]
    forge_server.commits["acme/shop"] = commits
    for commit, states in zip(commits, (["pending"], ["pending", "success"], []), strict=True):
        for state in states:
            await client.post_status(shop, commit, Status(StatusState(state), "trueup/prod", "x"), TOKEN)
    await client.post_status(shop, commits[2], Status(StatusState.PENDING, "another", "x"), TOKEN)
    assert await client.pending(shop, "refs/heads/main", "trueup/prod", TOKEN) == [commits[0]]
