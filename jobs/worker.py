"""A worker: takes up jobs, follows declarations, and holds the clusters whose leases it gets. The composition root of `jobs`."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
import structlog
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from redis.exceptions import RedisError

from jobs.checks import Checks
from jobs.comments import Comments
from jobs.connection import connect, forever, until_done
from jobs.context import Context
from jobs.declaring import follow_declarations
from jobs.deployments import Deployments
from jobs.forges.clients import clients, conversations, hook_clients
from jobs.forges.deployers import deployers
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.hooks import Place
from jobs.forges.tokens import Tokens
from jobs.holder.clusters import Clusters
from jobs.hooks import care_for_hooks
from jobs.identities import keep_identities, troubles
from jobs.keys import RECOVERY_SECONDS, Keys
from jobs.lease import BEAT_SECONDS, Heartbeat, claim_state
from jobs.limits import Limits
from jobs.probes import Check, probes
from jobs.queue import Queue, Workload, every, work
from jobs.settings import JobSettings
from jobs.statuses import Statuses
from jobs.store import status_scripts
from jobs.store.applications import ApplicationStore
from jobs.store.heads import HeadStore
from jobs.store.jobs import JobStore
from jobs.store.parts import PartStore
from jobs.tasks import begin, close_forgotten, poll_due, recover, sweep_mirrors, wake_lost
from reconciler.artifacts.mirror import Stores
from reconciler.declarations.secrets import FileSecrets
from reconciler.kube.client import connect as connect_cluster
from reconciler.kube.config import Access
from reconciler.kube.resources import Resources
from reconciler.kube.secrets import ClusterSecrets
from reconciler.model.declared import Instance, Secrets
from reconciler.render.renderer import Renderer
from reconciler.sync.recall import Memory

log = structlog.get_logger()

TICK_SECONDS = 5
"""How often the periodic job looks what is due: heads, statuses."""

HOOKS_SECONDS = 5.0
"""How often it is looked which webhooks are due to be looked at."""

COLLECT_AFTER = (100_000, 50, 1000)
"""New objects after which Python looks for cycles. What is desired and owned are some hundred objects an application, which stay; with
the default of 700 every start walks through them again and again, which was a quarter of its work."""


@dataclass(eq=False)
class Worker:
    """One worker process."""

    context: Context
    heartbeat: Heartbeat
    predecessor: str

    async def run(self) -> None:
        """Work until cancelled."""
        context = self.context
        load = Workload(
            queue=context.keys.queue,
            tasks={"begin": begin},
            context=context,
            concurrency=context.settings.concurrency,
            periodic=(every(TICK_SECONDS, tick, "tick"),),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(forever("heartbeat", self.heartbeat.beat, BEAT_SECONDS))
            group.create_task(self._once_declared(forever("recovery", self._recover_if_lost, BEAT_SECONDS)))
            group.create_task(self._once_declared(forever("lost", lambda: wake_lost(context), BEAT_SECONDS)))
            group.create_task(context.resources.follow_forever(Access.of(context.settings), context.settings))
            group.create_task(follow_declarations(context))
            group.create_task(self._once_declared(forever("statuses", self._drain_statuses, 0.0)))
            group.create_task(self._once_declared(forever("comments", self._drain_comments, 0.0)))
            group.create_task(self._once_declared(self._begin_anew()))
            group.create_task(self._once_declared(work(context.url, load)))
            group.create_task(Clusters(context, self.predecessor).hold_forever())
            group.create_task(self._once_declared(forever("hooks", lambda: care_for_hooks(context), HOOKS_SECONDS)))
            group.create_task(self._once_declared(forever("identities", lambda: keep_identities(context), HOOKS_SECONDS)))
            notes = {"webhooks": self._webhooks, "repositories": self._repositories}
            async with probes(context.settings.probe_listen, self.checks(), notes=notes):
                await asyncio.Event().wait()

    def checks(self) -> Mapping[str, Check]:
        """What readiness depends on."""

        async def redis() -> str:
            try:
                await self.context.redis.ping()
            except (RedisError, OSError) as error:
                return f"Redis does not answer: {error}"
            return ""

        async def declarations() -> str:
            unread = "" if self.context.declared.is_set() else self.context.resources.problem or "not read yet"
            return "; ".join([*self.context.problems[:5], *filter(None, [unread])])

        return {"redis": redis, "declarations": declarations}

    async def _webhooks(self) -> str:
        return "; ".join(self.context.hook_troubles)

    async def _repositories(self) -> str:
        return troubles(self.context)

    async def _once_declared(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something from when the declarations were read: before, a job or a status would seem to be about nothing."""
        try:
            await self.context.declared.wait()
        except asyncio.CancelledError:
            work.close()
            raise
        await work

    async def _recover_if_lost(self) -> None:
        """Where Redis lost everything, one worker looks at every head; it may take long, and another does so should that one die."""
        context, keys = self.context, self.context.keys
        if await context.redis.exists(keys.epoch):
            return
        await self.heartbeat.beat()  # that we live was lost, too: another would take over at once
        take = context.redis.register_script(status_scripts.TAKE)
        if await take(keys=[keys.recovering], args=[context.worker, keys.worker(""), RECOVERY_SECONDS]):
            log.warning("redis.was_empty", note="every head is looked at")
            await recover(context)
            await context.redis.set(keys.epoch, context.worker)

    async def _begin_anew(self) -> None:
        """Say at once what whoever died had no time to say; the tick, which does the same, may be seconds away."""
        with contextlib.suppress(RedisError, OSError):  # then the tick does it
            await close_forgotten(self.context)

    async def _drain_statuses(self) -> None:
        context = self.context
        context.statuses_due.clear()
        seconds = await context.statuses.drain(context.declarations)
        await _until(context.statuses_due, seconds)

    async def _drain_comments(self) -> None:
        context = self.context
        context.comments.due.clear()
        seconds = await context.comments.drain(context.declarations, context.instance.id, context.link_to)
        await _until(context.comments.due, seconds)


async def _until(due: asyncio.Event, seconds: float | None) -> None:
    """Wait for more to do: until it is told of, or is due in so many seconds, or another worker may have told of it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TICK_SECONDS if seconds is None else min(max(seconds, 0.05), TICK_SECONDS)):
            await due.wait()


async def tick(arq_context: Mapping[str, Any]) -> None:
    """The periodic job: whatever is due."""
    context: Context = arq_context["context"]
    await poll_due(context)
    await close_forgotten(context)
    await sweep_mirrors(context)
    context.statuses_due.set()


@asynccontextmanager
async def open_worker(settings: JobSettings, url: str) -> AsyncIterator[Worker]:
    """Everything that a worker needs, built and taken down again."""
    claimed = claim_state(settings.state)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(os.close, claimed.descriptor)
        context = await _context(settings, url, claimed.worker, stack)
        heartbeat = Heartbeat(context.redis, context.keys, claimed.worker)
        await until_done(lambda: heartbeat.bury(claimed.predecessor, context.keys))
        try:
            yield Worker(context, heartbeat, claimed.predecessor)
        finally:
            await heartbeat.stop()


async def _context(settings: JobSettings, url: str, worker: str, stack: contextlib.AsyncExitStack) -> Context:
    """The means of a worker; what must be closed, the stack closes."""
    redis, keys = connect(url), Keys(settings.instance)
    stack.push_async_callback(redis.aclose)
    secrets = await stack.enter_async_context(open_secrets(settings))
    limits = Limits(redis, keys)
    session = await stack.enter_async_context(aiohttp.ClientSession(middlewares=(limits.note,)))
    renderer = await stack.enter_async_context(Renderer(settings))
    log.info("render.confined", **asdict(renderer.confinement))
    memory = Memory(settings)
    stack.callback(memory.close)
    mirrors = Stores(settings, secrets)
    stack.push_async_callback(mirrors.close)
    jobs = JobStore(redis, keys, retention_seconds=settings.retention)
    tokens, seal = Tokens(secrets, tuple(settings.git_protocols)), seal_key(settings)
    told = Checks(redis, keys, GitHubChecks(session), jobs), Deployments(redis, keys, deployers(session), jobs)
    statuses = Statuses(redis, keys, worker, clients(session), tokens, *told)
    stack.push_async_callback(statuses.close)
    comments = Comments(redis, keys, worker, jobs, conversations(session), tokens, seal)
    stack.push_async_callback(comments.close)
    return Context(
        settings=settings, instance=Instance(settings.instance), worker=worker, url=url, redis=redis, keys=keys, jobs=jobs,
        parts=PartStore(redis, keys, jobs), applications=ApplicationStore(redis, keys), heads=HeadStore(redis, keys),
        queue=Queue(redis), statuses=statuses, comments=comments, limits=limits, tokens=tokens, secrets=secrets, seal_key=seal,
        hooks={place: hook_clients(session, place) for place in Place},
        mirrors=mirrors, renderer=renderer, memory=memory, resources=Resources(Instance(settings.instance), settings.resource_namespaces),
    )  # fmt: skip


@asynccontextmanager
async def open_secrets(settings: JobSettings) -> AsyncIterator[Secrets]:
    """Where Secrets and ConfigMaps are read: files where the settings name a directory, else the cluster.

    Raises:
        Stalled: when the cluster's configuration cannot be read.
    """
    if settings.secrets is not None:
        yield FileSecrets(settings.secrets)
        return
    async with connect_cluster(Access.of(settings), Instance(settings.instance), settings) as client:
        yield ClusterSecrets(client)


def seal_key(settings: JobSettings) -> bytes:
    """Keys the hashes of Secrets: from the oldest master key, so that a rotation does not change them; else the instance's name."""
    material = settings.master_keys[-1] if settings.master_keys else settings.instance.encode()
    return HKDF(SHA256(), 32, None, b"trueup seal v1").derive(material)


async def serve(settings: JobSettings, url: str) -> None:
    """Run a worker on a Redis until cancelled."""
    gc.set_threshold(*COLLECT_AFTER)
    async with open_worker(settings, url) as worker:
        log.info("worker.started", worker=worker.context.worker, instance=settings.instance)
        await worker.run()
