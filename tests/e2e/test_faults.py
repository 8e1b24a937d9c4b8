"""Every request of two syncs is spoiled in turn, in every way: the end is the one without faults, and nothing more is deleted.

Two commits are brought to a sandbox behind a proxy: one that makes everything, one that changes, adds and deletes. After a fault the
sync is done again as its report asks, or once more where it says that a person must help. Runs are concurrent, each in a namespace
and an instance of its own.
"""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass

import pytest

from reconciler.errors import TrueupError
from reconciler.git.mirror import Mirrors
from reconciler.kube.cluster import open_cluster
from reconciler.kube.config import Access
from reconciler.model.declared import Application, Destination, Forge, GitSource, Instance, Name, Repository
from reconciler.model.outcome import Revision, SyncState
from reconciler.model.policy import SyncPolicy
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync.environment import Environment
from reconciler.sync.run import Order, sync
from reconciler.sync.source import Target, Workshop
from tests.servers.faults import KINDS, RETRY_AFTER_SECONDS, Fault, FaultProxy
from tests.servers.system import DEPLOYMENT, config_map
from trueup.sandbox.cluster import SandboxCluster
from trueup.sandbox.githttp import GitServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

AT_ONCE = 8
TRIES = 6
IN_FLIGHT_SECONDS = 0.3
"""Requests that were on their way when the answer came; generous, since many runs share two cores."""

WEB = Name("trueup", "web")

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: hunter2}\n"


@dataclass(slots=True)
class Stage:
    """What all runs share."""

    cluster: SandboxCluster
    workshop: Workshop
    settings: ReconcilerSettings
    repository: Repository
    commits: tuple[str, ...]
    directory: object
    number: int = 0


@pytest.fixture
async def stage(tmp_path):
    async with contextlib.AsyncExitStack() as stack:
        git = await stack.enter_async_context(GitServer(tmp_path / "git"))
        cluster = await stack.enter_async_context(SandboxCluster(rollout_seconds=0.01))
        settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",), api_timeout=2.0)
        repository = Repository(Name("trueup", "shop"), git.url("acme/shop"), "x", Forge.GENERIC, "")
        renderer = await stack.enter_async_context(Renderer(settings))
        first = {"a.yaml": config_map("a"), "b.yaml": config_map("b"), "c.yaml": config_map("c"), "web.yaml": DEPLOYMENT,
                 "secret.yaml": SECRET}  # fmt: skip
        second = {"a.yaml": config_map("a", "2"), "b.yaml": None, "d.yaml": config_map("d")}
        commits = [await git.commit("acme/shop", files, message="x") for files in (first, second)]
        workshop = Workshop(Mirrors(settings, None), renderer, {repository.name: repository})
        yield Stage(cluster, workshop, settings, repository, tuple(commits), tmp_path)


@dataclass(frozen=True, slots=True)
class Ended:
    """What one run came to."""

    objects: dict[str, object]
    deletes: Counter[str]
    labels: list[str]
    states: tuple[SyncState, ...]
    proxy: FaultProxy


async def run(stage, make_fault=None):
    """Both commits, one after the other, with at most one fault."""
    stage.number += 1
    space = f"run-{stage.number}"
    async with FaultProxy(stage.cluster.url) as proxy:
        if make_fault is not None:
            proxy.fault = make_fault(space)
        kubeconfig = stage.directory / f"{space}.kubeconfig"
        kubeconfig.write_text(stage.cluster.kubeconfig.replace(stage.cluster.url, proxy.url))
        states = [await settle(stage, space, kubeconfig, commit) for commit in stage.commits]
        labels = [label.replace(space, "SPACE") for label in proxy.labels]
        deletes = Counter(label.partition(" #")[0] for label in labels if label.startswith("DELETE"))
        return Ended(state_of(stage, space), deletes, labels, tuple(states), proxy)


async def settle(stage, space, kubeconfig, commit):
    """Sync to a commit until its report asks for no more; once more where a person must help."""
    sync_policy = SyncPolicy(timeout_seconds=5)
    source = GitSource(stage.repository.name, "main", "")
    application = Application(WEB, (source,), Destination("in-cluster", space, create_namespace=True), sync=sync_policy)
    target = Target(application, (Revision("refs/heads/main", commit),))
    settings = stage.settings.model_copy(update={"kubeconfig": kubeconfig})
    for _ in range(TRIES):
        try:
            instance = Instance(space)
            async with open_cluster(Access(kubeconfig, None), instance, settings) as cluster, asyncio.timeout(60):
                await cluster.resume()
                environment = Environment(instance, cluster, stage.workshop, b"k", applications={WEB: application})
                report = (await sync(Order([target]), environment, lambda _: None)).reports[0]
        except TrueupError as error:
            state = str(error)
            await asyncio.sleep(getattr(error, "retry_seconds", None) or 0)  # a holder that cannot begin waits longer
            continue
        state = report.state
        if state is SyncState.SUCCEEDED:
            break
    return state


def state_of(stage, space):
    """Every object of a run's namespace as people see it: without what the server counts."""
    found = {}
    for collection in (("", "configmaps"), ("", "secrets"), ("apps", "deployments")):
        for document in stage.cluster.store.all(collection, space):
            metadata = document["metadata"]
            marks = (metadata.get("labels", {}).get("trueup.dev/application"), sorted(metadata.get("annotations", {})))
            managers = sorted((entry["manager"].replace(space, ""), entry["operation"]) for entry in metadata["managedFields"])
            found[f"{collection[1]}/{metadata['name']}"] = (marks, managers, document.get("data"), document.get("spec"))
    return found


@pytest.fixture
async def calm(stage):
    """The run without faults."""
    ended = await run(stage)
    assert ended.states == (SyncState.SUCCEEDED, SyncState.SUCCEEDED)
    assert ended.deletes == {"DELETE /api/v1/namespaces/SPACE/configmaps/b": 1}
    return ended


@pytest.mark.parametrize("kind", KINDS)
async def test_every_request_spoiled_in_turn_comes_to_the_same_end(stage, calm, kind):
    free = asyncio.Semaphore(AT_ONCE)

    async def one(label):
        async with free:
            return label, await run(stage, lambda space: Fault(label.replace("SPACE", space), kind))

    wrong = []
    for label, ended in await asyncio.gather(*(one(label) for label in dict.fromkeys(calm.labels))):
        assert ended.proxy.played or label not in ended.labels, f"{label}: the fault was not played"
        if ended.states != calm.states or ended.objects != calm.objects or ended.deletes.keys() - calm.deletes.keys():
            wrong.append((label, ended.states, sorted(ended.objects), ended.deletes))
    assert not wrong


@pytest.mark.parametrize("kind", ["429"])
async def test_a_server_that_asks_for_patience_is_left_alone(stage, calm, kind):
    free = asyncio.Semaphore(AT_ONCE)

    async def one(label):
        async with free:
            return label, await run(stage, lambda space: Fault(label.replace("SPACE", space), kind))

    later = [label for label in dict.fromkeys(calm.labels) if not label.startswith("WATCH")]
    for label, ended in await asyncio.gather(*(one(label) for label in later)):
        pause = ended.proxy.played, ended.proxy.played + RETRY_AFTER_SECONDS
        early = [seen.label for seen in ended.proxy.seen if pause[0] + IN_FLIGHT_SECONDS < seen.at < pause[1] - 0.05]
        assert not early, f"{label}: {early} came before its time"
