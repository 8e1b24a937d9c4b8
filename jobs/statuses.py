"""Commit statuses, level-triggered: what a commit's status should be is stored, what was posted last too, and the difference is posted.

So a commit gets one pending and one final write a context, a final one follows whatever happens to the pending one, and none goes
back to pending unless a person asked for more work. Any worker posts; each status is posted by one at a time. Where a try came to an
end that nobody knows, since its answer was lost or its worker died, the forge is asked what it has before it is told again.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import orjson
import structlog

from jobs import metrics
from jobs.checks import Checks
from jobs.connection import Redis
from jobs.deployments import Deployments
from jobs.errands import Errands
from jobs.forges.forge import ANSWER_SECONDS, Forge, Full, Status, StatusState
from jobs.forges.tokens import Token, Tokens
from jobs.keys import JOB_SECONDS, Keys
from jobs.limits import Held, Limits
from jobs.retry import backoff
from jobs.store import status_scripts
from reconciler.errors import ForgeUnavailable, Stalled, Transient, TrueupError
from reconciler.model.declared import Declarations, Name, Repository
from reconciler.model.declared import Forge as ForgeKind

log = structlog.get_logger()

AT_ONCE = 60
AT_ONCE_EACH = 20
"""Statuses that one worker posts at once, in all and of one repository: a forge that does not answer takes no place of others."""

LOOKED_AT = 50_000
"""Statuses that are due, among which the first of each repository are found: a flood of one hides no other's. A look at ten thousand
takes Redis some milliseconds."""

REFUSED_SECONDS = 300.0
REFUSED_TRIES = 288
"""A forge that refuses is asked again this rarely, since a person must mend the token, and no longer than a day."""

FULL_SECONDS = 86400
"""How long nothing is posted on a commit of which the forge takes no more statuses."""

DEPLOYMENT = "deployment|"
"""How the context begins of what is told as a deployment; contexts of statuses have no `|`."""

TOGETHER_SECONDS = 2.5 * ANSWER_SECONDS
"""For all calls that one status needs: a token, a check run that is looked for, and the write."""

POSTING_SECONDS = int(TOGETHER_SECONDS) + 2
"""How long a status is left to the worker that posts it, should that worker hang."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a status is about."""

    repository: str
    commit: str
    context: str

    @classmethod
    def parse(cls, field: bytes) -> "Subject":
        """Read its name in Redis."""
        return cls(*field.decode().split("|", 2))

    def __str__(self) -> str:
        """Its name in Redis."""
        return f"{self.repository}|{self.commit}|{self.context}"


class Statuses:
    """Wanted and posted statuses."""

    def __init__(  # noqa: PLR0913, PLR0917 - built in one place
        self, redis: Redis, keys: Keys, worker: str, forges: Mapping[ForgeKind, Forge], tokens: Tokens, checks: Checks,
        deployments: Deployments,
    ) -> None:  # fmt: skip
        self._redis = redis
        self._keys = keys
        self._worker = worker
        self._forges = forges
        self._tokens = tokens
        self._limits = Limits(redis, keys)
        self._checks = checks
        self._deployments = deployments
        self._under_way = Errands[Subject]()
        self._want = redis.register_script(status_scripts.WANT)
        self._due = redis.register_script(status_scripts.DUE)
        self._posted = redis.register_script(status_scripts.POSTED)
        self._take = redis.register_script(status_scripts.TAKE)
        self._give_back = redis.register_script(status_scripts.GIVE_BACK)
        self._later = redis.register_script(status_scripts.LATER)

    async def want(
        self, repository: Repository, commit: str, status: Status, *, may_reopen: bool = False, deploys: bool = True
    ) -> None:
        """Say what a commit's status should be. A final one is not made pending again unless a person asked for more work.

        Args:
            repository: whose forge is told.
            commit: full hash.
            status: the whole of it.
            may_reopen: whether a person asked.
            deploys: whether it is about bringing the commit to a cluster, which is told as a deployment where that is wanted.
        """
        if self._is_followed(repository):
            await self._wish(Subject(str(repository.name), commit, status.context), status, may_reopen=may_reopen)
        if deploys and self._is_followed(repository) and self._deployments.are_wanted(repository):
            is_final = status.state is not StatusState.PENDING
            told = status if is_final else replace(status, description="", target_url="")  # why it is held is no news of it
            subject = Subject(str(repository.name), commit, f"{DEPLOYMENT}{status.context}")
            await self._wish(subject, told, may_reopen=may_reopen)

    async def drain(self, declarations: Declarations) -> float | None:
        """Post what is due; seconds until more is due, None when nothing is, or nothing is declared yet."""
        if not declarations.repositories:
            return None
        due = await self._due(keys=[self._keys.statuses], args=[time.time(), LOOKED_AT, AT_ONCE_EACH])
        for subject in self._next(map(Subject.parse, due)):
            self._under_way.begin(subject, self._post(subject, declarations))
        await self._under_way.settle()
        first = await self._redis.zrange(self._keys.statuses, 0, len(self._under_way), withscores=True)
        nearest = next((score for field, score in first if Subject.parse(field) not in self._under_way), None)
        return None if nearest is None else max(0.0, nearest - time.time())

    async def close(self) -> None:
        """End what is being posted."""
        await self._under_way.close()

    def _next(self, due: Iterable[Subject]) -> list[Subject]:
        """Those that are begun now; the others when there is room."""
        busy = Counter(subject.repository for subject in self._under_way)
        found: list[Subject] = []
        for subject in due:
            if len(self._under_way) + len(found) >= AT_ONCE:
                break
            if subject not in self._under_way and busy[subject.repository] < AT_ONCE_EACH:
                busy[subject.repository] += 1
                found.append(subject)
        return found

    async def sweep(self, verdict: Callable[[Subject], Awaitable[Status | None]]) -> int:
        """Close what is left pending: *verdict* says what a commit came to, or None while work goes on. How many were closed."""
        count = 0
        for field, value in (await self._redis.hgetall(self._keys.open_statuses)).items():
            subject = Subject.parse(field)
            if orjson.loads(value)["state"] == StatusState.PENDING and (status := await verdict(subject)) is not None:
                count += int(await self._wish(subject, status, may_reopen=False))
        return count

    async def left_pending(self, repository: Repository, ref: str, context: str) -> list[str]:
        """Recent commits that the forge shows as pending under our context; asked after Redis was lost."""
        if not self._is_followed(repository):
            return []
        token = await self._token(repository)
        return await self._forge(repository, token).pending(repository, ref, context, token.value)

    async def _wish(self, subject: Subject, status: Status, *, may_reopen: bool) -> bool:
        value = {"state": status.state, "description": status.description, "target_url": status.target_url}
        may_follow = may_reopen or status.state is not StatusState.PENDING
        keys = [self._keys.open_statuses, self._keys.statuses, self._posted_key(subject)]
        return bool(await self._want(keys=keys, args=[str(subject), orjson.dumps(value), int(may_follow), time.time()]))

    async def _post(self, subject: Subject, declarations: Declarations) -> None:
        """Post one status, unless another worker is about it."""
        lock = self._keys.posting(subject.repository, subject.commit, subject.context)
        if not await self._take(keys=[lock], args=[self._worker, self._keys.worker(""), POSTING_SECONDS]):
            return
        try:
            wanted = await self._redis.hget(self._keys.open_statuses, str(subject))
            repository = declarations.repositories.get(Name.parse(subject.repository))
            if wanted is None or repository is None or not self._is_followed(repository):
                await self._forget(subject)
            else:
                await self._post_to(repository, subject, wanted)
        finally:
            await self._give_back(keys=[lock], args=[self._worker])

    async def _post_to(self, repository: Repository, subject: Subject, wanted: bytes) -> None:
        value = orjson.loads(wanted)
        status = Status(StatusState(value["state"]), subject.context, value["description"], value["target_url"])
        attempt = 0
        try:
            posted, is_full = await self._redis.mget(self._posted_key(subject), self._full_key(subject))
            if is_full:
                await self._forget(subject)
                return
            if posted != wanted:
                may_wait = status.state is StatusState.PENDING
                async with self._limits.asking(repository, repository.status.secret, may_wait=may_wait):
                    attempt = int(await self._redis.hincrby(self._keys.status_attempts, str(subject), 1))
                    await self._tell(repository, subject.commit, status, is_in_doubt=attempt > 1)
                metrics.STATUSES.labels("posted").inc()
                log.info("status.posted", repository=subject.repository, commit=subject.commit, state=status.state)
        except Held as held:
            metrics.STATUSES.labels("waiting").inc()
            await self._put_off(subject, wanted, held.until)
            return
        except TrueupError as error:
            await self._try_later(subject, wanted, error, attempt)
            return
        keys = self._keys
        await self._posted(
            keys=[keys.open_statuses, keys.statuses, self._posted_key(subject), keys.status_attempts],
            args=[str(subject), wanted, int(status.state is not StatusState.PENDING), JOB_SECONDS],
        )

    async def _tell(self, repository: Repository, commit: str, status: Status, *, is_in_doubt: bool) -> None:
        """Call the forge, no longer than the status is left to this worker; in doubt, only when it has something else."""
        try:
            async with asyncio.timeout(TOGETHER_SECONDS):
                token = await self._token(repository)
                if status.context.startswith(DEPLOYMENT):
                    about = replace(status, context=status.context.removeprefix(DEPLOYMENT))
                    await self._deployments.post(repository, commit, about, token.value, is_in_doubt=is_in_doubt)
                    return
                forge = self._forge(repository, token)
                if not (is_in_doubt and await _is_told(forge, repository, commit, status, token)):
                    await forge.post_status(repository, commit, status, token.value)
        except TimeoutError as error:
            raise ForgeUnavailable(f"{repository.name}: {repository.api}: not done within {TOGETHER_SECONDS:g} s") from error

    async def _try_later(self, subject: Subject, wanted: bytes, error: TrueupError, attempt: int) -> None:
        is_full = isinstance(error, Full)
        if isinstance(error, Transient):
            seconds = max(backoff(attempt, random.random()), error.retry_seconds or 0.0)  # noqa: S311 - jitter is no secret
        elif attempt < REFUSED_TRIES and not is_full:
            seconds = REFUSED_SECONDS
        else:
            metrics.STATUSES.labels("dropped").inc()
            log.error("status.dropped", repository=subject.repository, commit=subject.commit, error=str(error))
            if is_full:
                await self._redis.set(self._full_key(subject), "1", ex=FULL_SECONDS)
            await self._forget(subject)
            return
        metrics.STATUSES.labels("failed").inc()
        tell = log.warning if attempt == 1 or isinstance(error, Transient) else log.debug
        tell(
            "status.failed", repository=subject.repository, commit=subject.commit, error=str(error), retry_seconds=round(seconds)
        )
        await self._put_off(subject, wanted, time.time() + seconds)

    async def _put_off(self, subject: Subject, wanted: bytes, until: float) -> None:
        await self._later(keys=[self._keys.open_statuses, self._keys.statuses], args=[str(subject), wanted, until])

    async def _forget(self, subject: Subject) -> None:
        """Nobody wants it any more, or the forge will not have it."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zrem(self._keys.statuses, str(subject))
            pipe.hdel(self._keys.open_statuses, str(subject))
            pipe.hdel(self._keys.status_attempts, str(subject))
            await pipe.execute()

    def _forge(self, repository: Repository, token: Token) -> Forge:
        """Who is told."""
        return self._checks if token.is_app else self._forges[repository.forge]

    async def _token(self, repository: Repository) -> Token:
        assert repository.status.secret is not None
        return await self._tokens.of(repository, repository.status.secret)

    def _posted_key(self, subject: Subject) -> str:
        return self._keys.posted(subject.repository, subject.commit, subject.context)

    def _full_key(self, subject: Subject) -> str:
        return self._keys.full(subject.repository, subject.commit, subject.context)

    def _is_followed(self, repository: Repository) -> bool:
        return repository.status.enabled and repository.status.secret is not None and repository.forge in self._forges


async def _is_told(forge: Forge, repository: Repository, commit: str, status: Status, token: Token) -> bool:
    """Whether the forge has this already; a token that may write and not read is no reason to say nothing."""
    try:
        return await forge.has(repository, commit, status, token.value)
    except Stalled:
        return False
