"""Pull requests of all forges, by the same table: what they are, who may command, and one comment that is found again."""

import pytest

from jobs.forges.clients import conversations
from jobs.forges.conversation import Pull
from jobs.orders import Standing
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Forge
from tests.servers.bitbucket_pulls import uuid_of
from tests.servers.forges import APIS, TOKEN, on_forge
from trueup.sandbox.forge_pulls import StoredPull

REPOSITORY, SHA = "acme/shop", "a" * 40
GITHUBS, GITLABS = "refs/pull/7/head", "refs/merge-requests/7/head"
REF = {
    Forge.GITHUB: GITHUBS,
    Forge.GITLAB: GITLABS,
    Forge.GITEA: GITHUBS,
    Forge.FORGEJO: GITHUBS,
    Forge.BITBUCKET: "refs/heads/topic",
    Forge.BITBUCKET_DC: "refs/pull-requests/7/from",
    Forge.AZURE: "refs/heads/topic",
}
PATH = {Forge.AZURE: "org/acme/_git/shop"}
COMMENT = {Forge.AZURE: "{}/1"}
"""How a comment's id is told where it is none of its own."""
PERSON = {Forge.BITBUCKET: lambda name: f"The {name} {uuid_of(name)}"}
"""What somebody is called in a job, where it is not his name alone."""
REACTIONS = {Forge.BITBUCKET: [], Forge.BITBUCKET_DC: ["thumbsup", "thumbsdown"], Forge.AZURE: ["like"]}
OF_ITS_OWN_BRANCHES = {Forge.BITBUCKET: "", Forge.AZURE: SHA}
"""Forges whose repositories do not have the commits of forks; and the head that they tell of those."""


@pytest.fixture(params=list(REF))
def shop(request, forge_server):
    return on_forge(forge_server.url + APIS.get(request.param, ""), request.param, path=PATH.get(request.param, ""))


@pytest.fixture
def api(session, shop):
    return conversations(session)[shop.forge]


@pytest.fixture
def pulls(forge_server):
    forge_server.pulls.open(REPOSITORY, StoredPull(7, SHA, "topic"))
    return forge_server.pulls


@pytest.mark.parametrize(
    ("stored", "is_fork", "is_open"),
    [
        pytest.param(StoredPull(7, SHA, "topic"), False, True, id="of the repository"),
        pytest.param(StoredPull(7, SHA, "topic", fork="mallory/shop"), True, True, id="from a fork"),
        pytest.param(StoredPull(7, SHA, "topic", fork=None), True, True, id="from a fork that is gone"),
        pytest.param(StoredPull(7, SHA, "topic", state="closed"), False, False, id="closed"),
    ],
)
async def test_what_a_pull_request_is(api, shop, forge_server, stored, is_fork, is_open):  # noqa: PLR0917
    forge_server.pulls.open(REPOSITORY, stored)
    head, ref = SHA, REF[shop.forge]
    if is_fork and shop.forge in OF_ITS_OWN_BRANCHES:
        head, ref = OF_ITS_OWN_BRANCHES[shop.forge], ""
    wanted = Pull(7, head, ref, "refs/heads/main", is_fork, is_open)
    assert await api.pull(shop, 7, TOKEN) == wanted
    assert await api.open_pulls(shop, TOKEN) == ([wanted] if is_open else [])


async def test_many_are_read_page_by_page(api, shop, forge_server):
    for number in range(1, 251):
        forge_server.pulls.open(REPOSITORY, StoredPull(number, SHA, "topic"))
    assert [pull.number for pull in await api.open_pulls(shop, TOKEN)] == list(range(250, 0, -1))


async def test_a_comment_is_written_found_and_edited(api, shop, pulls):
    assert await api.find_comment(shop, 7, "<!-- mark -->", TOKEN) == ""
    for number in range(120):
        pulls.say(REPOSITORY, 7, "ada", f"nice {number}; somebody quotes <!-- mark -->")
    written = await api.write_comment(shop, 7, "<!-- mark -->\none", TOKEN)
    assert await api.find_comment(shop, 7, "<!-- mark -->", TOKEN) == written
    assert await api.edit_comment(shop, 7, written, "<!-- mark -->\ntwo", TOKEN)
    assert [c.body for c in pulls.comments(REPOSITORY, 7)][-1] == "<!-- mark -->\ntwo"
    await api.react(shop, 7, written, TOKEN, is_good=True)
    await api.react(shop, 7, written, TOKEN, is_good=False)
    assert pulls.comments(REPOSITORY, 7)[-1].reactions == REACTIONS.get(shop.forge, ["rocket", "confused"])


async def test_what_is_gone_or_another_s_is_not_edited(api, shop, pulls):
    planted = pulls.say(REPOSITORY, 7, "mallory", "<!-- mark -->")
    for comment in (planted.id, 4711):
        assert not await api.edit_comment(shop, 7, COMMENT.get(shop.forge, "{}").format(comment), "x", TOKEN)
    assert planted.body == "<!-- mark -->"


@pytest.mark.parametrize(
    ("permission", "standing"),
    [("admin", Standing.MAINTAINS), ("write", Standing.WRITES), ("read", Standing.NONE), ("none", Standing.NONE)],
)
async def test_who_may_command(api, shop, pulls, permission, standing):
    pulls.permissions = {"other": "admin", "ada": permission, "adam": "admin"}
    called = PERSON.get(shop.forge, str)
    assert await api.standing(shop, called("ada"), TOKEN) is standing
    assert await api.standing(shop, called("stranger"), TOKEN) is Standing.NONE


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (403, {"Retry-After": "30"}, ForgeUnavailable), (429, {}, ForgeUnavailable), (502, {}, ForgeUnavailable),
        (401, {}, Stalled), (404, {}, Stalled), (422, {}, Stalled), (301, {"Location": "https://evil.example"}, Stalled),
    ],
)  # fmt: skip
async def test_a_refusal_says_what_happens_next(api, shop, forge_server, pulls, status, headers, error):  # noqa: PLR0917
    forge_server.failures = [(status, headers)]
    with pytest.raises(error) as raised:
        await api.write_comment(shop, 7, "x", TOKEN)
    assert TOKEN not in str(raised.value)
    if status in (401, 404):
        assert "spec.pullRequests.secretRef" in str(raised.value)
    assert not pulls.comments(REPOSITORY, 7)
