"""Whole syncs of two hundred objects of every built-in kind on a real control plane: the second and third change nothing.

The samples are those of `test_every_kind`, as one application in Git; their health is not waited for, since nothing runs them. What is
sent is counted at the audit log, and every resourceVersion is compared.
"""

import contextlib
import random

import orjson
import pytest

from reconciler.git.mirror import Mirrors
from reconciler.kube.cluster import open_cluster
from reconciler.kube.config import Access
from reconciler.model.declared import Application, Destination, Forge, GitSource, Instance, Name, Repository
from reconciler.model.outcome import Action, Revision, SyncState
from reconciler.model.policy import SyncPolicy
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync.environment import Environment
from reconciler.sync.run import Order, sync
from reconciler.sync.source import Target, Workshop
from tests.e2e.test_every_kind import TIED, raws, renamed
from trueup.sandbox.githttp import GitServer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

WEB = Name("trueup", "kinds")


@pytest.fixture
async def stage(control_plane, tmp_path):
    settings = ReconcilerSettings(
        KUBECONFIG=control_plane.kubeconfig, api_concurrency=8, state=tmp_path / "state", git_protocols=("http",)
    )
    instance = Instance(f"kinds-{random.randrange(10**6)}")
    async with contextlib.AsyncExitStack() as stack:
        git = await stack.enter_async_context(GitServer(tmp_path / "git"))
        renderer = await stack.enter_async_context(Renderer(settings))
        cluster = await stack.enter_async_context(open_cluster(Access(control_plane.kubeconfig, None), instance, settings))
        await cluster.resume()
        files = {f"apps/kinds/{number}.json": text for number, text in enumerate(texts(cluster, instance))}
        commit = await git.commit("acme/kinds", files, message="every kind")
        repository = Repository(Name("trueup", "shop"), git.url("acme/kinds"), "", Forge.GENERIC, "")
        workshop = Workshop(Mirrors(settings, None), renderer, {repository.name: repository})
        environment = Environment(instance, cluster, workshop, b"k" * 32)
        source = GitSource(repository.name, "main", "apps/kinds")
        policy = SyncPolicy(timeout_seconds=20)
        application = Application(WEB, (source,), Destination("in-cluster", instance.id, create_namespace=True), sync=policy)
        environment.applications = {WEB: application}
        yield environment, Target(application, (Revision("refs/heads/main", commit),)), len(files)
        for key in [key for key in cluster.index.owned if key.kind in TIED]:
            await cluster.writer.delete(key, uid=cluster.index.owned[key].uid)


def texts(cluster, instance):
    """Every sample as a file, its health not waited for."""
    for raw in [renamed(raw, cluster, instance) for suffix in ("", "-b", "-c") for raw in raws(suffix)]:
        metadata = raw.document["metadata"]
        metadata["annotations"] = {**(metadata.get("annotations") or {}), "trueup.dev/health": "ignore"}
        yield orjson.dumps(raw.document).decode()


def versions(environment):
    """Of every object: what a write changes, and who has written."""
    index = environment.cluster.index
    return {key: (owned.resource_version, index.live(key).managers) for key, owned in index.owned.items()}


async def test_the_second_and_third_sync_of_every_kind_send_nothing_and_change_nothing(stage, control_plane, request):
    environment, target, count = stage
    agent = f"trueup/0.1 ({environment.instance.id})"

    async def synced():
        before = len(control_plane.requests(agent))
        (report,) = (await sync(Order([target]), environment, lambda _: None)).reports
        sent = [one for one in control_plane.requests(agent)[before:] if one[0] not in ("get", "list")]
        return report, sent

    first, sent = await synced()
    done = [step for step in first.steps if step.action is Action.CREATE and not step.error]
    assert first.state is SyncState.SUCCEEDED, (first.message, [step for step in first.steps if step.error][:5])
    assert count >= 200
    assert len(done) == count
    objects = [one for one in sent if not one[2].startswith("trueup-")]
    assert len([one for one in objects if one[0] == "patch"]) == count, "one request an object"
    request.config.get_terminal_writer().line(f"\nfirst sync: {count} objects, {len(sent)} writes")

    before = versions(environment)
    for _ in range(2):
        report, sent = await synced()
        assert (report.state, report.steps, sent) == (SyncState.SUCCEEDED, (), [])
    assert (await environment.cluster.index.sweep()) >= count - 1
    after = versions(environment)
    assert before.keys() == after.keys()
    unexplained = [str(key) for key in before if before[key][0] != after[key][0] and before[key][1] == after[key][1]]
    assert unexplained == []
