"""The Repositories and Applications of a cluster, followed and written to; on the sandbox."""

import asyncio
from dataclasses import replace

import pytest

from reconciler.declarations.resources import FINALIZER
from reconciler.errors import ClusterUnavailable
from reconciler.kube.config import Access
from reconciler.kube.resources import Resources, find
from reconciler.model.declared import Instance, Name
from reconciler.settings import ReconcilerSettings
from tests.servers.declarations import Kubectl, application, repository
from tests.servers.patience import until
from trueup.sandbox.cluster import SandboxCluster

WEB, SHOP = Name("team", "web"), Name("team", "shop")


class Team:
    """A cluster where a team declares, and what is followed of it."""

    def __init__(self, directory):
        self.settings = ReconcilerSettings(KUBECONFIG=directory / "kubeconfig")
        self.access = Access.of(self.settings)
        self.kubectl = Kubectl(directory / "kubeconfig", directory, "team")
        self.resources = Resources(Instance("blue"))
        self.heard = []

    @property
    def web(self):
        return self.resources.application(WEB)

    async def version(self):
        return (await self.kubectl.get("tapp", "web"))["metadata"]["resourceVersion"]


@pytest.fixture
async def empty(tmp_path):
    async with SandboxCluster(rollout_seconds=None) as cluster:
        (tmp_path / "kubeconfig").write_text(cluster.kubeconfig)
        yield Team(tmp_path)


@pytest.fixture
async def team(empty):
    """With a Repository and an Application, which are followed."""
    await empty.kubectl.install()
    await empty.kubectl.apply(repository("shop", "https://git.example/shop", "team"), application("web", "team"))
    empty.resources.listen(lambda resource: empty.heard.append(resource.key))
    task = asyncio.create_task(empty.resources.follow_forever(empty.access, empty.settings))
    async with asyncio.timeout(10):
        await empty.resources.wait_read()
    yield empty
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_cluster_that_does_not_serve_the_kinds_has_none(empty):
    task = asyncio.create_task(empty.resources.follow_forever(empty.access, empty.settings))
    async with asyncio.timeout(10):
        await empty.resources.wait_read()
    assert (empty.resources.known, empty.resources.is_served, empty.resources.problem) == ({}, False, "")
    assert await find(empty.access, Instance("blue"), empty.settings) is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_before_it_is_reached_nothing_is_known_and_nothing_is_written(empty):
    assert empty.resources.problem
    with pytest.raises(ClusterUnavailable, match="not reached"):
        await empty.resources.is_definition_leaving()


async def test_what_comes_changes_and_goes_is_known_and_told(team):
    assert set(team.resources.known) == {("Repository", SHOP), ("Application", WEB)}
    assert {resource.key for resource in await find(team.access, Instance("blue"), team.settings)} == set(team.resources.known)
    await team.kubectl.apply(application("web", "team", path="other"))
    await until(lambda: team.web.generation == 2)
    assert team.web.value.sources[0].path == "other"
    await team.kubectl("delete", "tapp", "web")
    await until(lambda: team.web is None)
    assert team.heard.count(("Application", WEB)) == 3
    assert set(team.resources.known) == {("Repository", SHOP)}


async def test_a_status_is_written_once_and_leaves_what_people_decided(team):
    assert await team.resources.write_intent(team.web, {"pause": {"actor": "anna"}})
    assert await team.resources.write_status(team.web, {"message": "one", "objects": 1, "intent": {}})
    assert team.web.status == {"message": "one", "objects": 1, "intent": {"pause": {"actor": "anna"}}}
    before = await team.version()
    assert not await team.resources.write_status(team.web, {"message": "one", "objects": 1})
    assert await team.version() == before
    assert await team.resources.write_status(team.web, {"message": "two"})
    assert team.web.status == {"message": "two", "intent": {"pause": {"actor": "anna"}}}, "what is not said any more goes"


async def test_a_decision_that_is_over_goes_and_one_on_what_was_overtaken_is_not_written(team):
    old = team.web
    assert await team.resources.write_intent(old, {"pause": {"actor": "anna"}})
    assert not await team.resources.write_intent(old, {"approval": {"digest": "d1"}})
    assert team.web.status == {"intent": {"pause": {"actor": "anna"}}}
    assert await team.resources.write_intent(team.web, {"approval": {"digest": "d1"}})
    assert team.web.status == {"intent": {"approval": {"digest": "d1"}}}


async def test_our_finalizer_stands_beside_those_of_others(team):
    await team.kubectl("patch", "tapp", "web", "--type", "merge", "-p", '{"metadata":{"finalizers":["x.example/y"]}}')
    await until(lambda: team.web.finalizers)
    old = team.web
    assert await team.resources.set_finalizer(old, is_wanted=True)
    assert team.web.finalizers == ("x.example/y", FINALIZER)
    assert not await team.resources.set_finalizer(old, is_wanted=True), "it changed since it was seen"
    before = await team.version()
    assert await team.resources.set_finalizer(team.web, is_wanted=True)
    assert await team.version() == before, "it is there already"
    assert await team.resources.set_finalizer(team.web, is_wanted=False)
    assert team.web.finalizers == ("x.example/y",)
    await team.kubectl("patch", "tapp", "web", "--type", "merge", "-p", '{"metadata":{"finalizers":null}}')


async def test_another_one_of_the_same_name_is_not_written_to(team):
    other = replace(team.web, uid="00000000-0000-0000-0000-000000000000")
    assert not await team.resources.write_status(other, {"message": "one"})
    assert not await team.resources.set_finalizer(other, is_wanted=True)
    assert (team.web.status, team.web.finalizers) == ({}, ())


async def test_what_is_looked_at_again_is_as_it_is_now_or_gone(team):
    old = team.web
    await team.kubectl("label", "tapp", "web", "a=b")
    assert (await team.resources.look_again(old)).version == await team.version()
    await team.kubectl("delete", "tapp", "web")
    assert await team.resources.look_again(old) is None


async def test_it_is_known_whether_the_kind_itself_goes(team):
    assert not await team.resources.is_definition_leaving()
    await team.kubectl("delete", "crd", "applications.trueup.dev")
    assert await team.resources.is_definition_leaving()
