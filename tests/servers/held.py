"""A held cluster on the sandbox, with its Git server, forge and Redis, where nothing happens but what a test does.

`async with held_cluster(tmp_path, url, keys) as world`: its `held` is what a holder's tasks share.
"""

import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import aiohttp

from jobs.context import Context
from jobs.holder.held import Held
from jobs.holder.removals import Removals
from jobs.holder.syncs import Syncs
from jobs.keys import Keys
from jobs.records import JobKind, JobRecord
from jobs.settings import JobSettings
from jobs.store.parts import Part
from jobs.worker import open_worker
from reconciler.declarations.files import load
from reconciler.kube.cluster import open_cluster
from reconciler.kube.config import IN_CLUSTER, Access
from reconciler.model.declared import Name
from reconciler.model.objects import ObjectKey
from reconciler.render.renderer import Renderer
from reconciler.sync.source import Target
from tests.servers.patience import until
from trueup.sandbox.cluster import SandboxCluster
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.githttp import GitServer

REPOSITORY = "acme/shop"
MAIN = "refs/heads/main"
SHOP = "trueup/shop"


@dataclass(slots=True)
class World:
    """What there is, and what people do to it."""

    directory: Path
    context: Context
    held: Held
    git: GitServer
    forge: ForgeServer
    cluster: SandboxCluster
    session: aiohttp.ClientSession

    def declare(self, applications: Mapping[str, str], *, namespace: str = "web", destination: str = "") -> None:
        """Declare applications: names, and lines of their `spec.sync`; each has the path of its name."""
        repository = (
            "apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {name: shop}\n"
            f"spec: {{url: '{self.git.url(REPOSITORY)}', forge: github, api: '{self.forge.url}', poll: 100000h,"
            " commitStatus: {secretRef: {name: forge}}}\n"
        )
        texts = [
            f"apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
            f"spec: {{sources: [{{git: {{repository: shop, path: {name}}}}}], sync: {{timeout: 5s{policy}}}, "
            f"destination: {{namespace: {namespace}, createNamespace: true{destination}}}}}\n"
            for name, policy in applications.items()
        ]
        (self.directory / "declarations" / "all.yaml").write_text("---\n".join([repository, *texts]))
        loaded = load(self.directory / "declarations")
        assert not loaded.problems, loaded.problems
        self.context.declarations = loaded.declarations
        self.held.refresh()

    async def commit(self, files: Mapping[str, str | None], *, is_observed: bool = True) -> str:
        """Commit to main; the head is known from then on."""
        commit = await self.git.commit(REPOSITORY, files, message="change")
        if is_observed:
            await self.context.heads.observe(SHOP, MAIN, commit, await self.context.heads.begin_observation())
        return commit

    async def targets(self, *names: str) -> list[Target]:
        """Applications at the commits that are known."""
        applications = self.held.refresh()
        found, waiting = await self.held.targets(applications[Name("trueup", name)] for name in names)
        assert not waiting, waiting
        return found

    async def job(self, kind: JobKind = JobKind.PUSH, *names: str, **fields: Any) -> JobRecord:
        """A job that was handed to this cluster."""
        record = self.context.record(kind, SHOP, ref=MAIN, applications=tuple(f"trueup/{name}" for name in names), **fields)
        await self.context.jobs.create(record)
        await self.context.parts.hand_over(record.id, [self.held.cluster.uid], due_seconds=60)
        return record

    async def sync(self, *names: str, **fields: Any) -> JobRecord:
        """Sync applications as a holder does; the job afterwards."""
        record = await self.job(fields.pop("kind", JobKind.PUSH), *names, **fields)
        return await self.take(record.id)

    async def take(self, job_id: str) -> JobRecord:
        """Take a job's part up, and do it to its end."""
        part = Part(job_id, self.held.cluster.uid)
        await Syncs(self.held, Removals(self.held)).take({}, job_id)
        await until(lambda: part not in self.context.running and not self.held.background._tasks, seconds=20)
        job = await self.context.jobs.load(job_id)
        assert job is not None
        return job

    async def jobs(self) -> Sequence[JobRecord]:
        """All jobs, oldest first."""
        ids = await self.context.redis.zrange(self.context.keys.jobs, 0, -1)
        return await self.context.jobs.load_brief([job_id.decode() for job_id in ids])

    async def kube(self, method: str, path: str, body: object = None, content: str = "application/merge-patch+json") -> Any:
        """A request as a person's tool sends it."""
        headers = {"Authorization": f"Bearer {self.cluster.token}", "Content-Type": content}
        url = f"{self.cluster.url}{path}?fieldManager=kubectl-edit"
        async with self.session.request(method, url, data=json.dumps(body) if body else None, headers=headers) as response:
            return await response.json()

    async def value(self, name: str, *, namespace: str = "web") -> str | None:
        """What a ConfigMap says; None when it is not there."""
        document = await self.kube("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        return document["data"]["value"] if "data" in document else None


def key_of(name: str, *, namespace: str = "web") -> ObjectKey:
    """The key of a ConfigMap."""
    return ObjectKey("", "ConfigMap", namespace, name)


class LazyRenderer(Renderer):
    """Starts its server with the first render: most of what is tested here needs none."""

    async def __aenter__(self) -> Self:
        self._socket = f"{self._stack.enter_context(tempfile.TemporaryDirectory(prefix='trueup-render-'))}/server"
        return self


@asynccontextmanager
async def held_cluster(directory: Path, url: str, keys: Keys, **settings: Any) -> AsyncIterator[World]:
    """Everything but the loops of a worker."""
    (directory / "declarations").mkdir()
    (directory / "secrets" / "forge").mkdir(parents=True)
    (directory / "secrets" / "forge" / "token").write_text("t0ken")
    async with (
        GitServer(directory / "git") as git,
        ForgeServer() as forge,
        SandboxCluster(rollout_seconds=0.05) as cluster,
        aiohttp.ClientSession() as session,
    ):
        (directory / "kubeconfig").write_text(cluster.kubeconfig)
        given = {
            "instance": keys.instance, "state": directory / "state", "declarations": directory / "declarations",
            "secrets": directory / "secrets", "KUBECONFIG": directory / "kubeconfig", "git_protocols": ("http",), "probe_listen": "",
        }  # fmt: skip
        made = JobSettings(**(given | settings))
        async with contextlib.AsyncExitStack() as stack:
            with patch("jobs.worker.Renderer", LazyRenderer):
                worker = await stack.enter_async_context(open_worker(made, url))
            opened = await stack.enter_async_context(open_cluster(Access.of(made, IN_CLUSTER), worker.context.instance, made))
            context = worker.context
            context.declared.set()
            await worker.heartbeat.beat()
            await context.redis.hset(context.keys.clusters, IN_CLUSTER, opened.uid)
            await opened.resume()
            held = Held.of(context, {IN_CLUSTER}, opened)
            try:
                yield World(directory, context, held, git, forge, cluster, session)
            finally:
                await held.background.close()
