"""Statuses of every forge, spoken with servers that answer as the documented APIs do; GitHub's and GitLab's own ways have their files."""

import asyncio
from dataclasses import replace

import pytest

from jobs.forges import api as api_room
from jobs.forges.bitbucket import KEY_LENGTH, key_of
from jobs.forges.clients import clients
from jobs.forges.forge import Full, Status, StatusState
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Forge
from tests.servers.forges import TOKEN, on_forge

SHA = "a" * 40
LINK = "https://trueup.example/api/v1/jobs/1"
STATES = [StatusState(state) for state in ("pending", "success", "failure", "error")]
BUILDS = ["INPROGRESS", "SUCCESSFUL", "FAILED"]

FORGES = {
    Forge.GITHUB: ("", "", ["pending", "success", "failure", "error"]),
    Forge.GITLAB: ("", "", ["pending", "success", "failed", "failed"]),
    Forge.GITEA: ("/api/v1", "", ["pending", "success", "failure", "error"]),
    Forge.FORGEJO: ("/api/v1", "", ["pending", "success", "failure", "error"]),
    Forge.BITBUCKET: ("/2.0", "", [*BUILDS, "STOPPED"]),
    Forge.BITBUCKET_DC: ("/rest/api/latest", "scm/acme/shop", [*BUILDS, "CANCELLED"]),
    Forge.AZURE: ("", "org/acme/_git/shop", ["pending", "succeeded", "failed", "error"]),
}
"""Where each API is beneath the server, the path of its repositories, and its words for our four states."""

WITH_LINK = (Forge.BITBUCKET, Forge.BITBUCKET_DC)
"""They take no status without one."""


@pytest.fixture(params=FORGES)
def forge(request):
    return request.param


@pytest.fixture
def shop(forge_server, forge):
    beneath, path, _ = FORGES[forge]
    return on_forge(forge_server.url + beneath, forge, path=path)


@pytest.fixture
def client(session, forge):
    return clients(session)[forge]


def said(client, shop, state=StatusState.SUCCESS, *, context="trueup", description="2 applications are live", link=LINK):
    return client.post_status(shop, SHA, Status(StatusState(state), context, description, link), TOKEN)


async def test_each_state_in_the_forges_words(client, shop, forge_server, forge):
    for number, state in enumerate(STATES):
        await said(client, shop, state, context=f"trueup/{number}")
    posted = forge_server.statuses("acme/shop", SHA)
    assert [status.state for status in posted] == FORGES[forge][2]
    assert {(status.description, status.target_url, status.token) for status in posted} == {
        ("2 applications are live", LINK, TOKEN)
    }


async def test_a_status_without_a_public_address_and_with_a_long_text(client, shop, forge_server, forge):
    await said(client, shop, description="x y" * 1000, link="")
    (posted,) = forge_server.statuses("acme/shop", SHA)
    assert len(posted.description) == (140 if forge is Forge.GITHUB else 255)
    assert posted.description.endswith("…")
    assert posted.target_url.endswith(f"/commits/{SHA}") is (forge in WITH_LINK)
    assert bool(posted.target_url) is (forge in WITH_LINK)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "told", "seconds"),
    [
        (500, {}, ForgeUnavailable, "answered 500", None),
        (503, {"Retry-After": "7"}, ForgeUnavailable, "answered 503", 7),
        (429, {"Retry-After": "9"}, ForgeUnavailable, "answered 429", 9),
        (429, {}, ForgeUnavailable, "answered 429", 60),
        (403, {"Retry-After": "30"}, ForgeUnavailable, "answered 403", 30),
        (401, {}, Stalled, "the token of spec.commitStatus.secretRef needs", None),
        (403, {}, Stalled, "the token of spec.commitStatus.secretRef needs", None),
        (404, {}, Stalled, "the token of spec.commitStatus.secretRef needs", None),
        (400, {}, Stalled, "answered 400: .*not now", None),
        (422, {}, Stalled, "answered 422: .*not now", None),
        (302, {"Location": "http://127.0.0.1:1/"}, Stalled, "has moved", None),
    ],
)
async def test_refusals_are_sorted_by_what_happens_next(client, shop, forge_server, status, headers, kind, told, seconds):  # noqa: PLR0917
    forge_server.failures = [(status, headers)]
    with pytest.raises(kind, match=f"(?s){told}") as caught:
        await said(client, shop)
    assert TOKEN not in str(caught.value)
    assert getattr(caught.value, "retry_seconds", None) == seconds
    assert forge_server.statuses("acme/shop", SHA) == []


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (Forge.GITHUB, "This SHA and context has reached the maximum number of statuses."),
        (Forge.GITLAB, "The number of jobs has exceeded the limit"),
    ],
)
async def test_a_commit_that_is_full_is_told_apart(client, shop, forge_server, forge, message):
    forge_server.failures, forge_server.message = [(422, {})], message
    if forge is Forge.GITHUB:
        forge_server.message, forge_server.errors = (
            "Validation Failed",
            [{"resource": "Status", "code": "custom", "message": message}],
        )
    with pytest.raises(Full, match="it is not asked again for a day"):
        await said(client, shop)


async def test_what_is_left_pending_is_found(client, shop, forge_server):
    commits = [digit * 40 for digit in "1234"]
    forge_server.commits["acme/shop"] = commits
    for commit, states in zip(commits, (["pending"], ["pending", "success"], [], ["failure"]), strict=True):
        for state in states:
            await client.post_status(shop, commit, Status(StatusState(state), "trueup/prod", "x", LINK), TOKEN)
    await client.post_status(shop, commits[2], Status(StatusState.PENDING, "another", "x", LINK), TOKEN)
    assert await client.pending(shop, "refs/heads/feature/a&b", "trueup/prod", TOKEN) == [commits[0]]
    assert all("a%26b" in request for request in forge_server.requests if "feature" in request)


@pytest.mark.parametrize("link", [LINK, ""], ids=["link", "no link"])
async def test_the_forge_is_asked_whether_it_has_a_status(client, shop, link):
    wanted = Status(StatusState.FAILURE, "trueup/" + "long" * 10, "x y" * 1000, link)
    others = [
        replace(wanted, description="why"),
        replace(wanted, state=StatusState.PENDING),
        replace(wanted, context="trueup/dev"),
    ]
    assert not await client.has(shop, SHA, wanted, TOKEN), "there is none"
    for status in [*others, wanted]:
        await client.post_status(shop, SHA, status, TOKEN)
    assert [await client.has(shop, SHA, status, TOKEN) for status in (wanted, *others)] == [True, False, False, True]
    await client.post_status(shop, SHA, others[1], TOKEN)
    assert not await client.has(shop, SHA, wanted, TOKEN), "a newer one stands over it"


@pytest.mark.parametrize("forge", [Forge.GITHUB, Forge.GITEA])
async def test_what_is_left_pending_beneath_a_hundred_statuses_of_others_is_found(client, shop, forge_server):
    forge_server.commits["acme/shop"] = [SHA]
    await said(client, shop, "pending")
    for number in range(120):
        await said(client, shop, context=f"other/{number}")
    assert await client.pending(shop, "refs/heads/main", "trueup", TOKEN) == [SHA]
    assert await client.pending(shop, "refs/heads/main", "nobody's", TOKEN) == []


@pytest.mark.parametrize("forge", [Forge.GITEA, Forge.BITBUCKET, Forge.BITBUCKET_DC, Forge.AZURE])
async def test_silence_meets_the_deadline(client, shop, forge_server, monkeypatch):
    forge_server.silent = asyncio.Event()
    monkeypatch.setattr(api_room, "ANSWER_SECONDS", 0.1)
    with pytest.raises(ForgeUnavailable, match=r"no answer within 0.1 s"):
        await said(client, shop)


@pytest.mark.parametrize("forge", [Forge.AZURE])
async def test_a_page_to_sign_in_means_that_the_token_is_none(client, shop):
    with pytest.raises(Stalled, match=r"answered 401: sign in; the token of spec.commitStatus.secretRef needs"):
        await client.post_status(shop, SHA, Status(StatusState.PENDING, "trueup", "x"), "lapsed")


@pytest.mark.parametrize("forge", [Forge.BITBUCKET])
async def test_a_context_longer_than_a_key_is_shortened_and_stays_its_own(client, shop, forge_server):
    contexts = ["x" * 60 + "/a", "x" * 60 + "/b", "y" * 40]
    for context in contexts:
        await said(client, shop, "pending", context=context)
    keys = [status.context for status in forge_server.statuses("acme/shop", SHA)]
    assert len(set(keys)) == 3
    assert keys == [key_of(context) for context in contexts]
    assert {len(key) for key in keys} == {KEY_LENGTH}
    forge_server.commits["acme/shop"] = [SHA]
    assert await client.pending(shop, "refs/heads/main", contexts[0], TOKEN) == [SHA]


@pytest.mark.parametrize(
    ("forge", "path", "asked"),
    [
        (Forge.BITBUCKET_DC, "scm/acme/shop", "/projects/acme/repos/shop/commits/"),
        (Forge.BITBUCKET_DC, "bitbucket/scm/~ada/shop", "/projects/~ada/repos/shop/commits/"),
        (Forge.BITBUCKET_DC, "acme/shop", "/projects/acme/repos/shop/commits/"),
        (Forge.AZURE, "org/my project/_git/shop", "/org/my%20project/_apis/git/repositories/shop/commits/"),
        (Forge.AZURE, "org/_git/shop", "POST /org/shop/_apis/git/repositories/shop/commits/"),
        (Forge.AZURE, "v3/org/project/shop", "/org/project/_apis/git/repositories/shop/commits/"),
        (Forge.AZURE, "tfs/collection/project/_git/shop", "/tfs/collection/project/_apis/git/repositories/shop/commits/"),
    ],
)
async def test_repositories_by_their_addresses(session, forge_server, forge, path, asked):
    forge_server.failures = [(500, {})]
    with pytest.raises(ForgeUnavailable):
        await said(clients(session)[forge], on_forge(forge_server.url, forge, path=path))
    assert asked in forge_server.requests[0]


@pytest.mark.parametrize(("path", "project"), [("project/_git/shop", "project"), ("_git/shop", "shop")])
async def test_repositories_of_azures_older_host(session, forge_server, path, project):
    forge_server.failures = [(500, {})]
    repository = replace(on_forge(forge_server.url, Forge.AZURE), scope=f"acme.visualstudio.com/{path}")
    with pytest.raises(ForgeUnavailable):
        await said(clients(session)[Forge.AZURE], repository)
    assert f"POST /{project}/_apis/git/repositories/shop/commits/" in forge_server.requests[0]


@pytest.mark.parametrize(("forge", "path"), [(Forge.BITBUCKET_DC, "shop"), (Forge.AZURE, "shop"), (Forge.AZURE, "v3/shop")])
async def test_an_address_that_is_none_of_the_forge_is_said(session, forge_server, forge, path):
    with pytest.raises(Stalled, match=r"^trueup/shop: spec.url "):
        await said(clients(session)[forge], on_forge(forge_server.url, forge, path=path))


async def test_a_name_and_its_token_go_by_basic(session, forge_server):
    shop = on_forge(f"{forge_server.url}/2.0", Forge.BITBUCKET)
    await clients(session)[Forge.BITBUCKET].post_status(
        shop, SHA, Status(StatusState.PENDING, "trueup", "x"), "ada@example.com:t"
    )
    assert [status.token for status in forge_server.statuses("acme/shop", SHA)] == ["ada@example.com:t"]
