"""Two thousand pushes' statuses through three workers, to forges that fail, stall and limit: each commit is told its end, in two writes."""

import asyncio
import contextlib
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from jobs import errands
from jobs.checks import Checks
from jobs.deployments import Deployments
from jobs.forges import api as api_room
from jobs.forges import forge as forge_room
from jobs.forges import github as github_room
from jobs.forges.clients import clients
from jobs.forges.deployers import deployers
from jobs.forges.forge import Status, StatusState
from jobs.forges.github_checks import GitHubChecks
from jobs.forges.tokens import Tokens
from jobs.lease import Heartbeat
from jobs.statuses import Statuses
from jobs.store.jobs import JobStore
from reconciler.model.declared import Forge
from tests.servers.forges import TOKEN, declared, on_forge
from tests.servers.git_http import GivenSecrets
from tests.servers.other_forges import add_routes
from trueup.sandbox.forge import ForgeServer

pytestmark = pytest.mark.long

PUSHES = 2000
REPOSITORIES = 20
A_SECOND = 100
ANSWER_SECONDS = 1.0
PATIENCE_SECONDS = errands.PATIENCE_SECONDS
"""As workers have it; the other tests of this room wait longer."""

GRACE_SECONDS = 0.25
"""What was under way when a limit began; a write takes some milliseconds here."""

FORGES = {Forge.GITHUB: "", Forge.GITLAB: "", Forge.GITEA: "/api/v1", Forge.BITBUCKET: "/2.0"}
FINAL = ("success", "failure", "failed", "SUCCESSFUL", "FAILED")


@dataclass
class Trouble:
    """How often requests are answered otherwise, before they mean anything; by chance of a fixed beginning."""

    failing: float = 0.0
    stalling: float = 0.0
    limiting: float = 0.0
    losing: float = 0.0
    """After they meant something: the status is taken, and nobody hears of it."""
    limit_seconds: float = 2.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By forge: since when, and until when."""
    answers: Counter = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    """Requests that came while limited: how long after the limit began."""

    @web.middleware
    async def middleware(self, request, handler):
        now, forge = time.monotonic(), request.path.split("/")[1]
        since, until = self.limits.get(forge, (0.0, 0.0))
        if now < until:
            self.late.append(now - since)
            return self._limited(until - now)
        die = self.chance.random()
        if die < self.limiting:
            self.limits[forge] = (now, now + self.limit_seconds)
            return self._limited(self.limit_seconds)
        if die < self.limiting + self.stalling:
            self.answers["stalled"] += 1
            await asyncio.sleep(ANSWER_SECONDS * 1.5)
            raise web.HTTPServiceUnavailable
        if die < self.limiting + self.stalling + self.failing:
            self.answers["failed"] += 1
            return web.json_response({"message": "try later"}, status=self.chance.choice((500, 502, 503, 504)))
        answer = await handler(request)
        if request.method != "GET" and self.chance.random() < self.losing:
            self.answers["lost"] += 1
            request.transport.abort()
        return answer

    def _limited(self, seconds):
        self.answers["limited"] += 1
        return web.json_response({"message": "slow down"}, status=429, headers={"Retry-After": f"{seconds + 1:.0f}"})


class Watched(ForgeServer):
    """Notes when each status came."""

    def __init__(self, *more):
        super().__init__(*more)
        self.came = defaultdict(list)

    def put(self, repository, commit, status):
        self.came[commit].append((time.monotonic(), status.state))
        super().put(repository, commit, status)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    for room in (api_room, forge_room, github_room):
        monkeypatch.setattr(room, "ANSWER_SECONDS", ANSWER_SECONDS)
    monkeypatch.setattr(errands, "PATIENCE_SECONDS", PATIENCE_SECONDS)


@contextlib.asynccontextmanager
async def workers(redis, keys, repositories, count=3):
    """They drain as `jobs.worker` does."""
    jobs = JobStore(redis, keys, retention_seconds=600)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        made = []
        for number in range(count):
            tokens = Tokens(GivenSecrets(forge={"token": TOKEN.encode()}), ())
            told = Checks(redis, keys, GitHubChecks(session), jobs), Deployments(redis, keys, deployers(session), jobs)
            made.append(Statuses(redis, keys, f"w{number}", clients(session), tokens, *told))

        async def drain(statuses, name):
            heartbeat = Heartbeat(redis, keys, name)
            while True:
                await heartbeat.beat()
                seconds = await statuses.drain(declared(*repositories))
                await asyncio.sleep(0.05 if seconds is None else min(max(seconds, 0.01), 0.05))

        tasks = [group.create_task(drain(statuses, f"w{number}")) for number, statuses in enumerate(made)]
        yield made
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(statuses.close() for statuses in made))


async def push(statuses, repository, commit, chance, wanted):
    """Pending at once, and an end a little later; held between, sometimes."""
    wanted[commit] = time.monotonic()
    await statuses.want(repository, commit, Status(StatusState.PENDING, "trueup", "syncing", "https://t.example/1"))
    await asyncio.sleep(chance.uniform(0.05, 1.0))
    state = chance.choice((StatusState.SUCCESS, StatusState.FAILURE))
    await statuses.want(repository, commit, Status(state, "trueup", "so it ended", "https://t.example/1"))


async def run(redis, keys, trouble):
    """All pushes; when each was wanted, and what came of it."""
    wanted, chance = {}, random.Random(11)
    server = Watched(add_routes)
    server.middlewares.append(trouble.middleware)
    async with server:
        kinds = list(FORGES)
        repositories = []
        for number in range(REPOSITORIES):
            forge = kinds[number % len(kinds)]
            repositories.append(on_forge(server.url + FORGES[forge], forge, name=f"shop{number}"))
        async with workers(redis, keys, repositories) as made:
            async with asyncio.TaskGroup() as group:
                for number in range(PUSHES):
                    about = repositories[number % REPOSITORIES], f"{number:040x}"
                    group.create_task(push(made[number % len(made)], *about, chance, wanted))
                    await asyncio.sleep(1 / A_SECOND)
            deadline = time.monotonic() + 60
            while await redis.zcard(keys.statuses) and time.monotonic() < deadline:  # noqa: ASYNC110 - Redis is elsewhere
                await asyncio.sleep(0.1)
        return wanted, server.came


def told(wanted, came):
    assert all(came[commit][-1][1] in FINAL for commit in wanted), "each commit is told its end"
    writes = Counter(len(came[commit]) for commit in wanted)
    assert set(writes) <= {1, 2}, writes
    return sorted(came[commit][0][0] - moment for commit, moment in wanted.items())


async def test_without_limits_each_push_is_told_within_two_seconds(redis, keys):
    trouble = Trouble()
    latencies = told(*await run(redis, keys, trouble))
    print(f"told within: p50 {latencies[PUSHES // 2] * 1000:.0f} ms, worst {latencies[-1] * 1000:.0f} ms")  # noqa: T201 - the figure
    assert latencies[-1] <= 2.0
    assert not await redis.exists(keys.statuses, keys.open_statuses, keys.status_attempts)


async def test_each_push_is_told_its_end_whatever_forges_do(redis, keys):
    trouble = Trouble(failing=0.05, stalling=0.005, limiting=0.002, losing=0.05)
    told(*await run(redis, keys, trouble))
    print(trouble.answers, len(trouble.late))  # noqa: T201 - the figure
    assert min(trouble.answers[kind] for kind in ("failed", "stalled", "limited", "lost")) > 0
    assert [seconds for seconds in trouble.late if seconds > GRACE_SECONDS] == [], "nothing is sent while limited"
    assert not await redis.exists(keys.statuses, keys.open_statuses, keys.status_attempts)
