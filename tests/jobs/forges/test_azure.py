"""What is Azure DevOps' own about statuses: a plan's stands at its pull requests too, at the push that brought the commit.

Left out: what all forges have in common (test_clients).
"""

import pytest

from jobs.forges.azure import Azure
from jobs.forges.forge import Status, StatusState
from reconciler.errors import ForgeUnavailable
from reconciler.model.declared import Forge
from tests.servers.forges import TOKEN, on_forge
from trueup.sandbox.forge_pulls import StoredPull

REPOSITORY, SHA = "acme/shop", "a" * 40
PLAN = Status(StatusState.SUCCESS, "trueup/plan", "1 to change", "https://trueup.example/jobs/1")


@pytest.fixture
def shop(forge_server):
    for number, commit in ((5, "b" * 40), (6, SHA), (7, SHA)):
        forge_server.pulls.open(REPOSITORY, StoredPull(number, commit, "topic"))
    forge_server.pulls.open(REPOSITORY, StoredPull(8, SHA, "topic", state="closed"))
    return on_forge(forge_server.url, Forge.AZURE, path="org/acme/_git/shop")


@pytest.fixture
def api(session):
    return Azure(session)


async def test_the_status_of_a_plan_stands_at_the_open_pull_requests_of_its_commit(api, shop, azure_pulls, forge_server):
    assert not await api.has(shop, SHA, PLAN, TOKEN)
    await api.post_status(shop, SHA, PLAN, TOKEN)
    assert sorted(status["number"] for status in azure_pulls.statuses) == [6, 7]
    told = azure_pulls.statuses[0]
    assert (told["state"], told["context"]["name"], told["iterationId"]) == ("succeeded", "trueup/plan", 2)
    assert (told["description"], told["targetUrl"]) == ("1 to change", PLAN.target_url)
    assert [status.context for status in forge_server.statuses(REPOSITORY, SHA)] == ["trueup/plan"]
    assert await api.has(shop, SHA, PLAN, TOKEN)


async def test_a_status_of_a_sync_is_the_commits_alone(api, shop, azure_pulls, forge_server):
    await api.post_status(shop, SHA, Status(StatusState.SUCCESS, "trueup", "3 of 3"), TOKEN)
    assert (azure_pulls.statuses, len(forge_server.requests)) == ([], 1)


async def test_what_one_of_them_lacks_is_told_again(api, shop, azure_pulls):
    await api.post_status(shop, SHA, PLAN, TOKEN)
    azure_pulls.statuses.pop()
    assert not await api.has(shop, SHA, PLAN, TOKEN)
    await api.post_status(shop, SHA, PLAN, TOKEN)
    assert await api.has(shop, SHA, PLAN, TOKEN)
    for status in azure_pulls.statuses:
        status["iterationId"] = 1
    assert not await api.has(shop, SHA, PLAN, TOKEN), "that was of an older push"


async def test_a_token_that_may_write_statuses_alone_writes_that_of_the_commit(api, shop, azure_pulls, forge_server):
    azure_pulls.may_read = False
    await api.post_status(shop, SHA, PLAN, TOKEN)
    assert (azure_pulls.statuses, len(forge_server.statuses(REPOSITORY, SHA))) == ([], 1)
    assert await api.has(shop, SHA, PLAN, TOKEN)


async def test_a_forge_that_does_not_answer_about_pull_requests_is_asked_again(api, shop, forge_server):
    await api.post_status(shop, SHA, PLAN, TOKEN)
    forge_server.failures = [(503, {})]
    with pytest.raises(ForgeUnavailable):
        await api.has(shop, SHA, PLAN, TOKEN)
