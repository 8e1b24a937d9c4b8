"""One instance on a sandbox, without queue and receiver: commits, syncs, and what other people do to the cluster.

`Theatre` is what many scenes share: a sandbox, a Git server, a renderer. A `Scene` has an instance, a repository and a namespace of its own.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
import pytest_asyncio

from reconciler.git.mirror import Mirrors
from reconciler.kube.cluster import Cluster, open_cluster
from reconciler.kube.config import Access
from reconciler.model.declared import Application, Destination, Forge, GitSource, Instance, Name, Repository
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Owned, Revision, SyncReport
from reconciler.model.policy import SyncPolicy
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync.environment import Environment
from reconciler.sync.run import Order, sync
from reconciler.sync.source import Target, Workshop
from tests.servers.system import config_map
from trueup.sandbox.cluster import SandboxCluster
from trueup.sandbox.githttp import GitServer

NUMBERS = itertools.count(1)


@dataclass(slots=True)
class Theatre:
    """What scenes share."""

    cluster: SandboxCluster
    git: GitServer
    renderer: Renderer
    settings: ReconcilerSettings
    session: aiohttp.ClientSession


@asynccontextmanager
async def theatre(directory: Path) -> AsyncIterator[Theatre]:
    async with contextlib.AsyncExitStack() as stack:
        git = await stack.enter_async_context(GitServer(directory / "git"))
        cluster = await stack.enter_async_context(SandboxCluster(rollout_seconds=0.01))
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(cluster.kubeconfig)
        settings = ReconcilerSettings(state=directory / "state", git_protocols=("http",), KUBECONFIG=kubeconfig)
        renderer = await stack.enter_async_context(Renderer(settings))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Theatre(cluster, git, renderer, settings, session)


@dataclass(slots=True)
class Scene:
    """One story: `async with Scene(theatre, web="apps/web") as scene`."""

    theatre: Theatre
    paths: Mapping[str, str] = field(default_factory=lambda: {"web": "apps/web"})
    """Applications with their paths."""
    instance: str = ""
    space: str = ""
    repository: str = ""
    policies: dict[str, SyncPolicy] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)
    """Applications with another namespace than the scene's."""
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _commit: str = ""
    environment: Environment = field(init=False)

    async def __aenter__(self) -> Self:
        number = next(NUMBERS)
        self.space = self.space or f"scene-{number}"
        self.instance = self.instance or f"i{number}"
        self.repository = self.repository or f"acme/{self.space}"
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def open(self) -> None:
        """Take the cluster, as a holder does when it starts."""
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()
        settings, instance = self.theatre.settings, Instance(self.instance)
        cluster = await self._stack.enter_async_context(open_cluster(Access(settings.kubeconfig, None), instance, settings))
        await cluster.resume()
        name = Name("trueup", "shop")
        repository = Repository(name, self.theatre.git.url(self.repository), "x", Forge.GENERIC, "")
        workshop = Workshop(Mirrors(settings, None), self.theatre.renderer, {name: repository})  # type: ignore[arg-type]  # no secrets
        self.environment = Environment(instance, cluster, workshop, b"k" * 32)

    @property
    def cluster(self) -> Cluster:
        return self.environment.cluster

    def target(self, name: str) -> Target:
        source = GitSource(Name("trueup", "shop"), "main", self.paths[name])
        destination = Destination("in-cluster", self.spaces.get(name, self.space), create_namespace=True)
        policy = self.policies.get(name, SyncPolicy(timeout_seconds=2))
        application = Application(Name("trueup", name), (source,), destination, sync=policy)
        return Target(application, (Revision("refs/heads/main", self._commit),))

    async def commit(self, files: Mapping[str, str | None]) -> None:
        self._commit = await self.theatre.git.commit(self.repository, files, message="change")

    async def sync(
        self, *names: str, approved: Mapping[str, str] | None = None, heads: Sequence[str] = (), **order: Any
    ) -> dict[str, SyncReport]:
        """One unit of these applications, or of all; those in *heads* are to be at this commit later."""
        targets = [self.target(name) for name in names or self.paths]
        order["heads"] = [self.target(name) for name in heads]
        self.environment.applications = {t.name: t.application for t in map(self.target, self.paths)}
        digests = {Name("trueup", name): digest for name, digest in (approved or {}).items()}
        outcome = await sync(Order(targets, approved=digests, **order), self.environment, lambda _: None)
        return {report.application.name: report for report in outcome.reports}

    async def bring(self, files: Mapping[str, str | None]) -> dict[str, SyncReport]:
        """Commit, and sync all."""
        await self.commit(files)
        return await self.sync()

    async def kube(
        self, method: str, path: str, body: object = None, *, manager: str = "kubectl-edit", content: str = "application/json"
    ) -> tuple[int, Any]:
        """A request as somebody else's tool sends it; the path begins after the namespace where it has no leading slash."""
        path = path if path.startswith("/") else f"/api/v1/namespaces/{self.space}/{path}"
        url = f"{self.theatre.cluster.url}{path}{'&' if '?' in path else '?'}fieldManager={manager}"
        headers = {"Authorization": f"Bearer {self.theatre.cluster.token}", "Content-Type": content, "User-Agent": "person"}
        data = json.dumps(body) if body is not None else None
        async with self.theatre.session.request(method, url, data=data, headers=headers) as response:
            return response.status, await response.json()

    def live(self, name: str, plural: str = "configmaps", group: str = "", space: str | None = None) -> dict[str, Any] | None:
        return self.theatre.cluster.store.get((group, plural), self.space if space is None else space, name)

    def names(self, plural: str = "configmaps", group: str = "", space: str | None = None) -> set[str]:
        """What is there and not going."""
        found = self.theatre.cluster.store.all((group, plural), self.space if space is None else space)
        return {o["metadata"]["name"] for o in found if "deletionTimestamp" not in o["metadata"]}

    async def seen(self, *names: str, plural: str = "configmaps", kind: str = "ConfigMap", group: str = "") -> None:
        """The watches have told of these objects as they are now."""
        for name in names:
            for _ in range(1000):
                live, known = (
                    self.live(name, plural, group),
                    self.cluster.index.owned.get(ObjectKey(group, kind, self.space, name)),
                )
                if (live is None and known is None) or (live and self._is_known(live, known)):
                    break
                await asyncio.sleep(0.005)
            else:
                raise AssertionError(f"the watches have not told of {name}")

    def _is_known(self, live: Mapping[str, Any], known: Owned | None) -> bool:
        """As it is now, or as not owned: then it is listed nowhere, or among the strays."""
        if known is not None:
            return bool(known.resource_version == live["metadata"]["resourceVersion"])
        return live["metadata"].get("labels", {}).get("trueup.dev/instance") != self.instance or bool(self.cluster.index.strays)


def actions(report: SyncReport) -> dict[str, Action]:
    """What was done, by the object's name."""
    return {step.key.name: step.action for step in report.steps}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Theatre]:
    """What the scenes of a module share."""
    async with theatre(tmp_path_factory.mktemp("theatre")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def scene(stage: Theatre) -> AsyncIterator[Scene]:
    """One application, `web`."""
    async with Scene(stage) as scene:
        yield scene


@pytest_asyncio.fixture(loop_scope="module")
async def two(stage: Theatre) -> AsyncIterator[Scene]:
    """Two applications, `web` and `api`."""
    async with Scene(stage, {"web": "apps/web", "api": "apps/api"}) as scene:
        yield scene


def maps(*names: str, path: str = "apps/web", value: str = "1") -> dict[str, str | None]:
    """A file for each ConfigMap."""
    return {f"{path}/{name}.yaml": config_map(name, value) for name in names}


def gone(*names: str, path: str = "apps/web") -> dict[str, str | None]:
    """Their files taken out of Git."""
    return {f"{path}/{name}.yaml": None for name in names}


def many(count: int, first: int = 0) -> list[str]:
    """Names of so many."""
    return [f"m{number}" for number in range(first, first + count)]
