"""A pull request of Azure Repos, from its event to the plan, a command and what is answered: the real door, worker and cluster.

Left out: what all forges have in common (test_plans, test_commands).
"""

from contextlib import asynccontextmanager
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.e2e.test_every_forge import sent
from tests.receiver.providers.made import azure, pulls
from tests.receiver.providers.made.case import Case, ignored
from tests.servers import other_forges
from tests.servers.azure_hooks import AzureHooks
from tests.servers.azure_pulls import AzurePulls
from tests.servers.shop import Shop, shop_at
from tests.servers.system import config_map
from trueup.sandbox.forge import ForgeServer

pytestmark = pytest.mark.long

PLACE, SHOP = "acme/my project/_git/shop", "my project/shop"
"""Where git has the repository, and by which name the forge knows it."""


class AzureShop(Shop):
    """The repository at Azure DevOps, which knows it by another name than git."""

    forge_name, place, known_as = "azure", PLACE, SHOP

    @property
    def url(self):
        return self.system.git.url("x").removesuffix("x.git") + quote(PLACE) + ".git"

    async def send(self, event, resource):
        payload = azure.event(event, resource) | {"id": str(uuid4())}
        return await sent(self.system, Case(event, "azure", event, payload, ignored("x")), self.scope)

    def shown(self, pull, **more):
        head = {"commitId": pull.commit}
        repository = azure.repository(self.url)
        return pulls.azure_pull(repository=repository, sourceRefName="refs/heads/topic", lastMergeSourceCommit=head, **more)

    async def say(self, pull, text, author="ada@example.com"):
        """Write a comment and send its event; the comment, and its job at the end."""
        said = self.forge.pulls.say(SHOP, 7, author, text)
        resource = pulls.azure_comment(text)
        thread = {"href": f"{self.forge.url}/acme/_apis/git/repositories/278d/pullRequests/7/threads/{said.id}"}
        resource["comment"] |= {"id": 1, "author": {"uniqueName": author}, "_links": {"threads": thread}}
        return said, await self.send(pulls.NOTE, {**resource, "pullRequest": self.shown(pull)})


@asynccontextmanager
async def shop_at_azure(tmp_path, valkey, hooks=None):
    """With *hooks* Trueup registers its own."""
    hooks, webhook = hooks or AzureHooks(), f"{{register: {str(bool(hooks)).lower()}}}"
    there = AzurePulls()
    async with (
        ForgeServer(other_forges.add_routes, there.add_routes, hooks.add_routes) as server,
        shop_at(AzureShop, server, tmp_path, valkey.url, webhook=webhook) as shop,
    ):
        shop.there = there
        main = await shop.system.git.commit(PLACE, {"apps/b.yaml": config_map("b", "1")}, message="second")
        pushed = azure.push(azure.update(after=main), url=shop.url)["resource"]
        assert (await shop.send("git.push", pushed))["state"] == "succeeded"
        yield shop


async def test_a_pull_request_gets_its_plan_and_takes_commands(tmp_path, valkey):
    async with shop_at_azure(tmp_path, valkey) as shop:
        pull = await shop.branch({"apps/a.yaml": config_map("a", "2")})
        job = await shop.send(pulls.CREATED, shop.shown(pull))
        assert (job["state"], job["message"]) == ("succeeded", "1 to change, in 1 application")
        (plan,) = await shop.comments(1)
        assert 'data.value: "1" → "2"' in plan.body

        async def is_told():
            at_commit = [status.state for status in shop.forge.statuses(SHOP, pull.commit)]
            at_pull = [status["state"] for status in shop.there.statuses]
            return at_commit == at_pull == ["pending", "succeeded"]

        await shop.system.until(is_told, "its status is posted")
        pull = await shop.branch({"apps/a.yaml": config_map("a", "3")})
        await shop.send(pulls.UPDATED, shop.shown(pull))

        async def is_edited():
            return 'data.value: "1" → "3"' in plan.body

        await shop.system.until(is_edited, "the plan is edited in place")
        assert len(shop.forge.pulls.comments(SHOP, 7)) == 1

        shop.forge.pulls.permissions = {"ada@example.com": "write", "eve@example.com": "read"}
        said, job = await shop.say(pull, "please\n/trueup pause 2h migration of the database")
        assert (job["state"], job["actor"], said.reactions) == ("succeeded", "ada@example.com", ["like"])
        assert f"/jobs/{(await shop.paused())['id']}" in (await shop.comments(3))[2].body
        for author in ("eve@example.com", "mallory@example.com"):
            said, job = await shop.say(pull, "/trueup resume", author)
            assert (job["state"], job["message"]) == ("failed", f"{author} may not write to trueup/shop-there")
            assert said.reactions == []
        assert len(shop.forge.pulls.comments(SHOP, 7)) == 5, "who may not command is answered nothing"


async def test_a_fork_is_not_planned_and_told_why(tmp_path, valkey):
    async with shop_at_azure(tmp_path, valkey) as shop:
        pull = await shop.branch({"apps/a.yaml": config_map("a", "2")}, fork="eve/shop")
        told = f"it is from a fork, whose commits azure does not offer here; push its branch to {PLACE} to have it planned"
        job = await shop.send(pulls.CREATED, shop.shown(pull, forkSource={"repository": azure.repository()}))
        assert (job["state"], job["message"]) == ("failed", told)
        assert told in (await shop.comments(1))[0].body
        shop.forge.pulls.permissions = {"ada@example.com": "admin"}
        _, job = await shop.say(pull, "/trueup plan")
        assert (job["state"], job["message"]) == ("failed", told)
        assert told in (await shop.comments(3))[2].body


async def test_a_hook_that_trueup_registers_brings_pushes_and_pull_requests(tmp_path, valkey):
    hooks = AzureHooks()
    async with shop_at_azure(tmp_path, valkey, hooks) as shop:

        async def is_registered():
            _, found = await shop.system.get("/api/v1/webhooks")
            return [hook["state"] for hook in found["items"]] == ["working"]

        await shop.system.until(is_registered, "the hook is made")
        main = await shop.system.git.commit(PLACE, {"apps/a.yaml": config_map("a", "7")}, message="third")
        await hooks.deliver("git.push", azure.push(azure.update(after=main), url=shop.url) | {"id": str(uuid4())})

        async def is_live():
            _, found = await shop.system.kube("GET", f"/api/v1/namespaces/{shop.system.namespace}/configmaps/a")
            return found["data"]["value"] == "7"

        await shop.system.until(is_live, "the push is live")
        pull = await shop.branch({"apps/a.yaml": config_map("a", "8")})
        await hooks.deliver(pulls.CREATED, azure.event(pulls.CREATED, shop.shown(pull)) | {"id": str(uuid4())})
        assert 'data.value: "7" → "8"' in (await shop.comments(1))[0].body
        assert [line["result"] for line in hooks.log if line["subscriptionId"] in hooks.stored] == ["succeeded", "succeeded"]
