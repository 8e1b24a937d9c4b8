"""What is Azure DevOps' own about pull requests: who somebody is, what he may do by the permissions of a repository, comments in threads.

Left out: what all forges have in common (test_conversation).
"""

from dataclasses import replace

import pytest

from jobs.forges.azure_conversation import AzureConversation
from jobs.orders import Standing
from reconciler.errors import Stalled
from reconciler.model.declared import Forge
from tests.servers.azure_pulls import BITS, COMMENT, CONTRIBUTE, MANAGE, READ, Person
from tests.servers.forges import TOKEN, on_forge
from trueup.sandbox.forge_pulls import StoredPull

REPOSITORY = "acme/shop"
ADA = "ada@example.com"


@pytest.fixture
def api(session):
    return AzureConversation(session)


@pytest.fixture
def shop(forge_server):
    return on_forge(forge_server.url, Forge.AZURE, path="org/acme/_git/shop")


WRITER = Person(ADA)


@pytest.mark.parametrize(
    ("people", "standing"),
    [
        pytest.param([WRITER], Standing.WRITES, id="one who may contribute"),
        pytest.param([Person("Ada@Example.com")], Standing.WRITES, id="in another case"),
        pytest.param([Person(ADA, allow=BITS["admin"])], Standing.MAINTAINS, id="one who may manage permissions"),
        pytest.param([Person(ADA, allow=MANAGE)], Standing.NONE, id="who may manage permissions, and not contribute"),
        pytest.param([Person(ADA, allow=READ | COMMENT)], Standing.NONE, id="who may comment"),
        pytest.param([Person(ADA, allow=0)], Standing.NONE, id="who may nothing"),
        pytest.param([Person(ADA, deny=CONTRIBUTE)], Standing.NONE, id="denied by another of his groups"),
        pytest.param([Person(ADA, allow=BITS["admin"], deny=MANAGE)], Standing.WRITES, id="denied to manage permissions"),
        pytest.param([], Standing.NONE, id="nobody"),
        pytest.param([Person("mallory@example.com", shown=ADA)], Standing.NONE, id="another who shows that name"),
        pytest.param(
            [WRITER, Person("mallory@example.com", shown=ADA)], Standing.WRITES, id="beside another who shows that name"
        ),
        pytest.param([WRITER, Person(ADA, domain="other")], Standing.NONE, id="two of one name"),
        pytest.param([Person(ADA, is_active=False)], Standing.NONE, id="one who has left"),
        pytest.param([WRITER, Person(ADA, domain="old", is_active=False)], Standing.WRITES, id="beside one who has left"),
        pytest.param([Person(ADA, is_group=True)], Standing.NONE, id="a group of that name"),
    ],
)
async def test_who_may_command_is_who_may_contribute(api, shop, azure_pulls, people, standing):
    azure_pulls.people = people
    assert await api.standing(shop, ADA, TOKEN) is standing


@pytest.mark.parametrize(
    ("person", "standing"),
    [("CORP\\ada", Standing.WRITES), ("corp\\ADA", Standing.WRITES), ("OTHER\\ada", Standing.NONE), ("ada", Standing.NONE)],
)
async def test_on_a_server_the_domain_counts(api, shop, azure_pulls, person, standing):
    azure_pulls.people = [Person("ada", domain="CORP"), Person("ada", domain="LAB", allow=0)]
    assert await api.standing(shop, person, TOKEN) is standing


async def test_who_is_not_named_is_not_an_account_without_a_name(api, shop, azure_pulls):
    azure_pulls.people = [Person("")]
    assert await api.standing(shop, "", TOKEN) is Standing.NONE


async def test_permissions_that_are_not_told_are_none(api, shop, azure_pulls, monkeypatch):
    azure_pulls.people = [WRITER]
    monkeypatch.setattr(Person, "entry", {"descriptor": WRITER.descriptor, "allow": CONTRIBUTE, "deny": 0})
    assert await api.standing(shop, ADA, TOKEN) is Standing.NONE
    monkeypatch.setattr("tests.servers.azure_pulls.TOKEN", "repoV2/another/repository")
    monkeypatch.setattr("tests.servers.azure_pulls.GIT_REPOSITORIES", "another")
    assert await api.standing(shop, ADA, TOKEN) is Standing.NONE


async def test_the_services_are_asked_for_people_where_they_know_them(api, shop, monkeypatch):
    asked = []

    async def call(_, __, repository, *___):
        asked.append(repository.api)
        return {"value": []}

    monkeypatch.setattr("jobs.forges.api.Api.call", call)
    for host in ("https://dev.azure.com", "https://tfs.example"):
        await api.standing(replace(shop, api=host), ADA, TOKEN)
    assert asked == ["https://vssps.dev.azure.com", "https://tfs.example"]


async def test_a_token_that_may_not_look_up_people_says_what_it_needs(api, shop, forge_server):
    forge_server.failures = [(401, {})]
    with pytest.raises(Stalled, match=r"spec.pullRequests.secretRef .* needs the scopes `Identity \(read\)` and `Security"):
        await api.standing(shop, ADA, TOKEN)


async def test_a_comment_that_was_deleted_is_neither_found_nor_edited(api, shop, forge_server):
    forge_server.pulls.open(REPOSITORY, StoredPull(7, "a" * 40, "topic"))
    written = await api.write_comment(shop, 7, "<!-- mark -->", TOKEN)
    forge_server.pulls.comments(REPOSITORY, 7)[0].body = ""
    assert await api.find_comment(shop, 7, "<!-- mark -->", TOKEN) == ""
    assert not await api.edit_comment(shop, 7, written, "two", TOKEN)


@pytest.mark.parametrize("comment", ["", "7", "7/", "7/1/likes", "../7/1", "7/1\n", "\u0667/1"])
async def test_what_is_no_comment_is_asked_about_nowhere(api, shop, forge_server, comment):
    assert not await api.edit_comment(shop, 7, comment, "x", TOKEN)
    await api.react(shop, 7, comment, TOKEN, is_good=True)
    assert forge_server.requests == []


async def test_a_head_is_not_known_before_the_trial(api, shop, forge_server):
    forge_server.pulls.open(REPOSITORY, StoredPull(7, "", "topic"))
    assert (await api.pull(shop, 7, TOKEN)).commit == ""
