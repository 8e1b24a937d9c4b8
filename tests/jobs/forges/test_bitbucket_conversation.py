"""What is Bitbucket's own about pull requests: short hashes and links to pages in Cloud, versions and old servers in Data Center.

Left out: what all forges have in common (test_conversation).
"""

import pytest

from jobs.forges.bitbucket_conversation import BitbucketConversation
from jobs.forges.bitbucket_dc_conversation import TRIES, BitbucketDataCenterConversation
from jobs.orders import Standing
from jobs.planned import LONGEST, Form
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Forge
from tests.servers.bitbucket_pulls import uuid_of
from tests.servers.forges import APIS, TOKEN, on_forge
from trueup.sandbox.forge_pulls import StoredPull

REPOSITORY, SHA = "acme/shop", "a" * 40


@pytest.fixture(autouse=True)
def pulls(forge_server):
    forge_server.pulls.open(REPOSITORY, StoredPull(7, SHA, "topic"))
    return forge_server.pulls


@pytest.fixture
def cloud(session):
    return BitbucketConversation(session)


@pytest.fixture
def in_cloud(forge_server):
    return on_forge(forge_server.url + APIS[Forge.BITBUCKET], Forge.BITBUCKET)


@pytest.fixture
def center(session):
    return BitbucketDataCenterConversation(session)


@pytest.fixture
def at_server(forge_server):
    return on_forge(forge_server.url + APIS[Forge.BITBUCKET_DC], Forge.BITBUCKET_DC, path="scm/acme/shop")


async def test_the_commit_of_a_branch_that_is_gone_is_none(cloud, in_cloud, monkeypatch):
    monkeypatch.setattr("tests.servers.bitbucket_pulls.SHORT", 0)
    assert (await cloud.pull(in_cloud, 7, TOKEN)).commit == ""


async def test_a_hash_that_is_whole_is_asked_about_no_further(cloud, in_cloud, forge_server, monkeypatch):
    monkeypatch.setattr("tests.servers.bitbucket_pulls.SHORT", 40)
    assert (await cloud.pull(in_cloud, 7, TOKEN)).commit == SHA
    assert forge_server.requests == ["GET /2.0/repositories/acme/shop/pullrequests/7"]


@pytest.mark.parametrize(
    ("person", "standing"),
    [
        pytest.param(f"ada {uuid_of('w399')}", Standing.WRITES, id="on the last page"),
        pytest.param(uuid_of("w0"), Standing.WRITES, id="without a name"),
        pytest.param(f"w0 {uuid_of('w0')} {uuid_of('eve')}", Standing.NONE, id="who is called as another"),
        pytest.param("w0", Standing.NONE, id="a name"),
        pytest.param("", Standing.NONE, id="nobody"),
    ],
)
async def test_somebody_is_known_by_his_uuid(cloud, in_cloud, pulls, person, standing):
    pulls.permissions = {f"w{number}": "write" for number in range(400)} | {"eve": "read"}
    assert await cloud.standing(in_cloud, person, TOKEN) is standing


async def test_more_than_can_be_looked_through_may_nothing(cloud, in_cloud, pulls, forge_server):
    pulls.permissions = {f"w{number}": "write" for number in range(2500)}
    assert await cloud.standing(in_cloud, uuid_of("w2499"), TOKEN) is Standing.NONE
    assert len(forge_server.requests) == 20


async def test_a_token_that_may_not_look_up_people_says_what_it_needs(cloud, in_cloud, bitbucket_pulls):
    bitbucket_pulls.may_look_up = False
    with pytest.raises(Stalled, match=r"spec.pullRequests.secretRef .* needs the scope `account`.* an account that administers"):
        await cloud.standing(in_cloud, uuid_of("ada"), TOKEN)


async def test_a_comment_that_was_deleted_is_neither_found_nor_edited(cloud, in_cloud, pulls):
    written = await cloud.write_comment(in_cloud, 7, "[mark]: #", TOKEN)
    pulls.comments(REPOSITORY, 7)[0].body = ""
    assert await cloud.find_comment(in_cloud, 7, "[mark]: #", TOKEN) == ""
    assert not await cloud.edit_comment(in_cloud, 7, written, "two", TOKEN)


async def test_what_is_left_of_others_is_passed_over(cloud, in_cloud, center, at_server, monkeypatch):
    """Comments without words, and permissions of accounts that are gone."""
    lines = {
        "/comments": [{"id": 1, "content": None}, {"id": 2, "content": {"raw": "[mark]: #"}}],
        "/permissions/": [{"permission": "admin", "user": None}, {"permission": "write", "user": {"uuid": "{7}"}}],
        "/activities": [{"action": "COMMENTED", "comment": {"id": 1}}, {"action": "COMMENTED", "comment": {"id": 2, "text": "[mark]: #"}}],
    }  # fmt: skip

    async def call(_, __, ___, path, *____):
        return {"values": next(found for part, found in lines.items() if part in path)}

    monkeypatch.setattr("jobs.forges.api.Api.call", call)
    assert await cloud.find_comment(in_cloud, 7, "[mark]: #", TOKEN) == "2"
    assert await center.find_comment(at_server, 7, "[mark]: #", TOKEN) == "2"
    assert await cloud.standing(in_cloud, "ada {7}", TOKEN) is Standing.WRITES
    assert await cloud.standing(in_cloud, "", TOKEN) is Standing.NONE


async def test_the_longest_comment_fits(cloud, in_cloud, center, at_server, pulls):
    text = "x" * LONGEST[Form.PLAIN]
    await cloud.write_comment(in_cloud, 7, text, TOKEN)
    await center.write_comment(at_server, 7, text, TOKEN)
    assert [comment.body for comment in pulls.comments(REPOSITORY, 7)] == [text, text]


@pytest.mark.parametrize("times", range(TRIES))
async def test_a_comment_is_edited_in_the_version_that_it_is_in(center, at_server, pulls, bitbucket_pulls, times):
    written = await center.write_comment(at_server, 7, "one", TOKEN)
    bitbucket_pulls.edited_meanwhile = times
    assert await center.edit_comment(at_server, 7, written, "two", TOKEN)
    assert await center.edit_comment(at_server, 7, written, "three", TOKEN)
    assert pulls.comments(REPOSITORY, 7)[0].body == "three"


async def test_a_comment_that_others_keep_changing_is_tried_later(center, at_server, pulls, bitbucket_pulls):
    written = await center.write_comment(at_server, 7, "one", TOKEN)
    bitbucket_pulls.edited_meanwhile = TRIES
    with pytest.raises(ForgeUnavailable, match=f"comment {written} is being changed by others"):
        await center.edit_comment(at_server, 7, written, "two", TOKEN)
    assert pulls.comments(REPOSITORY, 7)[0].body == "one"


async def test_a_server_without_reactions_shows_nothing(center, at_server, pulls, bitbucket_pulls):
    bitbucket_pulls.has_reactions = False
    said = pulls.say(REPOSITORY, 7, "ada", "/trueup plan")
    await center.react(at_server, 7, str(said.id), TOKEN, is_good=True)
    assert said.reactions == []


@pytest.mark.parametrize(("status", "error"), [(401, Stalled), (403, Stalled), (502, ForgeUnavailable)])
async def test_a_reaction_that_is_refused_is_told(center, at_server, forge_server, status, error):
    forge_server.failures = [(status, {})]
    with pytest.raises(error):
        await center.react(at_server, 7, "1001", TOKEN, is_good=True)


@pytest.mark.parametrize(
    ("person", "standing"),
    [
        pytest.param("ada", Standing.WRITES, id="of whose name others are the longer"),
        pytest.param("ADA", Standing.WRITES, id="in another case"),
        pytest.param("ad", Standing.NONE, id="a beginning of others' names"),
        pytest.param("ada150", Standing.MAINTAINS, id="an administrator"),
        pytest.param("", Standing.NONE, id="nobody"),
    ],
)
async def test_only_who_is_called_exactly_so_is_meant(center, at_server, pulls, person, standing):
    pulls.permissions = {f"ada{number}": "admin" for number in range(151)} | {"ada": "write"}
    assert await center.standing(at_server, person, TOKEN) is standing


async def test_an_account_that_is_switched_off_may_nothing(center, at_server, pulls, monkeypatch):
    pulls.permissions = {"ada": "admin"}
    monkeypatch.setattr("tests.servers.bitbucket_pulls.ACTIVE", False)
    assert await center.standing(at_server, "ada", TOKEN) is Standing.NONE
