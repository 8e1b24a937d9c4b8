"""A pull request of Bitbucket Cloud and Data Center, from its event to the plan and the answer to a command: the real door, worker and cluster.

Left out: what all forges have in common (test_plans, test_commands).
"""

from contextlib import asynccontextmanager

import pytest

from tests.e2e.test_every_forge import sent
from tests.receiver.providers.made import bitbucket, pulls
from tests.receiver.providers.made.case import Case, ignored
from tests.servers import other_forges
from tests.servers.bitbucket_pulls import BitbucketPulls, uuid_of
from tests.servers.forges import APIS
from tests.servers.shop import Shop, shop_at
from tests.servers.system import config_map
from trueup.sandbox.forge import ForgeServer

pytestmark = pytest.mark.long

SHOP = "acme/shop"


class BitbucketShop(Shop):
    """The repository at Bitbucket."""

    async def send(self, event, payload):
        return await sent(self.system, Case(event, self.forge_name, event, payload, ignored("x")), self.scope)

    async def say(self, pull, text, author="ada"):
        """Write a comment and send its event; the comment, and its job at the end."""
        said = self.forge.pulls.say(SHOP, 7, author, text)
        return said, await self.send(self.commented, self.comment(pull, said))


class Cloud(BitbucketShop):
    forge_name, api, success = "bitbucket", APIS["bitbucket"], "SUCCESSFUL"
    opened, updated, commented = "pullrequest:created", "pullrequest:updated", "pullrequest:comment_created"
    reactions, actor = [], f"ada {uuid_of('ada')}"

    @property
    def repository(self):
        return bitbucket.repository(SHOP) | {"links": {"html": {"href": self.url}}}

    def pushed(self, commit):
        change = bitbucket.change(bitbucket.state("main", commit), bitbucket.state("main", "0" * 40))
        return "repo:push", bitbucket.push(change, repository=self.repository)

    def shown(self, pull):
        payload = pulls.cloud_pull(pull.fork or SHOP, commit=pull.commit)
        payload["pullrequest"]["source"]["branch"]["name"] = pull.source
        return payload | {"repository": self.repository}

    def comment(self, pull, said):
        actor = bitbucket.ACTOR | {"nickname": said.author, "uuid": uuid_of(said.author)}
        return self.shown(pull) | {"comment": {"id": said.id, "content": {"raw": said.body}}, "actor": actor}


class DataCenter(BitbucketShop):
    forge_name, api, success = "bitbucket-dc", APIS["bitbucket-dc"], "SUCCESSFUL"
    opened, updated, commented = "pr:opened", "pr:from_ref_updated", "pr:comment:added"
    reactions, actor = ["thumbsup"], "ada"

    async def branch(self, files, **pull):
        """A pull request, whose head the server keeps beside the branches."""
        found = await super().branch(files, **pull)
        await self.system.git.git(self.system.git.path(SHOP), "update-ref", "refs/pull-requests/7/from", found.commit)
        return found

    def pushed(self, commit):
        return "repo:refs_changed", bitbucket.server(
            bitbucket.ref_change(after=commit), clone=[{"href": self.url, "name": "http"}]
        )

    def shown(self, pull):
        payload = pulls.server_pull(fork=99 if pull.fork else None)
        payload["pullRequest"]["fromRef"] |= {"latestCommit": pull.commit}
        payload["pullRequest"]["toRef"]["repository"] |= {"links": {"clone": [{"href": self.url, "name": "http"}]}}
        return payload

    def comment(self, pull, said):
        return self.shown(pull) | {"comment": {"id": said.id, "text": said.body}, "actor": {"name": said.author}}


@pytest.fixture(params=[Cloud, DataCenter], ids=lambda kind: kind.forge_name)
def kind(request):
    return request.param


@asynccontextmanager
async def shop_at_bitbucket(kind, tmp_path, valkey):
    async with (
        ForgeServer(other_forges.add_routes, BitbucketPulls().add_routes) as server,
        shop_at(kind, server, tmp_path, valkey.url) as shop,
    ):
        main = await shop.system.git.commit(SHOP, {"apps/b.yaml": config_map("b", "1")}, message="second")
        assert (await shop.send(*shop.pushed(main)))["state"] == "succeeded"
        yield shop


async def test_a_pull_request_gets_its_plan_and_takes_commands(kind, tmp_path, valkey):
    async with shop_at_bitbucket(kind, tmp_path, valkey) as shop:
        pull = await shop.branch({"apps/a.yaml": config_map("a", "2")})
        job = await shop.send(shop.opened, shop.shown(pull))
        assert (job["state"], job["message"], job["commit"]) == ("succeeded", "1 to change, in 1 application", pull.commit)
        (plan,) = await shop.comments(1)
        assert plan.body.startswith("[trueup plan of ")
        assert 'data.value: "1" → "2"' in plan.body
        assert "<" not in plan.body

        async def is_told():
            return [status.state for status in shop.forge.statuses(SHOP, pull.commit)] == ["INPROGRESS", shop.success]

        await shop.system.until(is_told, "its status is posted")
        pull = await shop.branch({"apps/a.yaml": config_map("a", "3")})
        await shop.send(shop.updated, shop.shown(pull))

        async def is_edited():
            return 'data.value: "1" → "3"' in plan.body

        await shop.system.until(is_edited, "the plan is edited in place")
        assert len(shop.forge.pulls.comments(SHOP, 7)) == 1

        shop.forge.pulls.permissions = {"ada": "write", "eve": "read"}
        said, job = await shop.say(pull, "please\n/trueup pause 2h migration of the database")
        assert (job["state"], job["actor"], said.reactions) == ("succeeded", shop.actor, shop.reactions)
        answer = (await shop.comments(3))[2].body
        assert f"/jobs/{(await shop.paused())['id']}" in answer
        assert answer.endswith("\n\n[trueup answers]: #")
        for author in ("eve", "mallory"):
            _, job = await shop.say(pull, "/trueup resume", author)
            assert (job["state"], "may not write to trueup/shop-there" in job["message"]) == ("failed", True)
        _, job = await shop.say(pull, answer, "trueup")
        assert (job["state"], "no command to Trueup" in job["message"]) == ("ignored", True)
        assert len(shop.forge.pulls.comments(SHOP, 7)) == 6, "who may not command is answered nothing"


async def test_a_fork_is_planned_at_data_center(tmp_path, valkey):
    async with shop_at_bitbucket(DataCenter, tmp_path, valkey) as shop:
        pull = await shop.branch({"apps/a.yaml": config_map("a", "2")}, fork="eve/shop")
        assert (await shop.send(shop.opened, shop.shown(pull)))["state"] == "succeeded"
        (plan,) = await shop.comments(1)
        assert "It comes from a fork: it was rendered without any Secret" in plan.body


async def test_a_fork_is_told_in_cloud_why_it_is_not_planned(tmp_path, valkey):
    async with shop_at_bitbucket(Cloud, tmp_path, valkey) as shop:
        pull = await shop.branch({"apps/a.yaml": config_map("a", "2")}, fork="eve/shop")
        told = "it is from a fork, whose commits bitbucket does not offer here; push its branch to acme/shop to have it planned"
        for event in (shop.opened, shop.updated):
            job = await shop.send(event, shop.shown(pull))
            assert (job["state"], job["message"]) == ("failed", told)
        (plan,) = await shop.comments(1)
        assert told in plan.body
        assert shop.forge.statuses(SHOP, pull.commit) == []
        shop.forge.pulls.permissions = {"ada": "admin"}
        _, job = await shop.say(pull, "/trueup plan")
        assert (job["state"], job["message"]) == ("failed", told)
        assert told in (await shop.comments(3))[2].body
