"""The comment on a pull request, level-triggered: which plan it should show is stored, and it is written again until it does.

There is one comment of an instance beneath each pull request, edited in place. It is known by its id, or else found again by what it
begins with, so that losing Redis makes no second one.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

import structlog

from jobs import metrics
from jobs.connection import Redis
from jobs.errands import Errands
from jobs.forges.conversation import Conversation
from jobs.forges.forge import ANSWER_SECONDS
from jobs.forges.tokens import Tokens
from jobs.keys import JOB_SECONDS, Keys
from jobs.limits import Held, Limits
from jobs.planned import comment, form_of, marker
from jobs.records import JobRecord, JobState
from jobs.retry import backoff
from jobs.store import status_scripts
from jobs.store.jobs import JobStore
from reconciler.errors import ForgeUnavailable, Transient, TrueupError
from reconciler.model.declared import Declarations, Forge, Name, Repository

log = structlog.get_logger()

Link: TypeAlias = Callable[[JobRecord], str]

BATCH = 20
"""Comments that one drain looks at, beside those under way."""

AT_ONCE = 60
"""Comments that one worker writes at once."""

WAIT_SECONDS = 1.0
"""How soon a plan is looked at again that is not at its end."""

TOGETHER_SECONDS = 4 * ANSWER_SECONDS
"""For all calls that one comment needs: a token, the comment that is looked for, and the write."""

WRITING_SECONDS = int(TOGETHER_SECONDS) + 2
"""How long a comment is left to the worker that writes it, should that worker hang."""

TRIES = 20
"""Of a forge that does not answer, an hour and more in all; the next plan tries again."""


class Comments:
    """Which comments are wanted, and writes them."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a worker
        self,
        redis: Redis,
        keys: Keys,
        worker: str,
        jobs: JobStore,
        conversations: Mapping[Forge, Conversation],
        tokens: Tokens,
        seal_key: bytes,
    ) -> None:
        self._redis = redis
        self._take = redis.register_script(status_scripts.TAKE)
        self._give_back = redis.register_script(status_scripts.GIVE_BACK)
        self._keys = keys
        self._worker = worker
        self._jobs = jobs
        self.conversations = conversations
        self._tokens = tokens
        self._seal_key = seal_key
        self._limits = Limits(redis, keys)
        self._under_way = Errands[bytes]()
        self.due = asyncio.Event()
        """Set when a comment is wanted, or may be written by now."""

    def may_speak(self, repository: Repository) -> bool:
        """Whether there is a way to write beneath a repository's pull requests."""
        return not self.why_silent(repository)

    def why_silent(self, repository: Repository) -> str:
        """Why nothing is written beneath a repository's pull requests; empty when it is."""
        if repository.forge not in self.conversations:
            return f"Trueup writes beneath pull requests of {', '.join(sorted(self.conversations))} only"
        if repository.pulls.secret is None:
            return f"no token to write beneath it; name a Secret in spec.pullRequests.secretRef of {repository.name}"
        return ""

    async def token(self, repository: Repository) -> str:
        """What opens the forge's API.

        Raises:
            Stalled: when the Secret has none.
        """
        assert repository.pulls.secret is not None
        return (await self._tokens.of(repository, repository.pulls.secret)).value

    async def want(self, repository: Repository, number: int, job_id: str) -> None:
        """Say which plan the comment of a pull request is to show, once that is at its end."""
        key = self._keys.comment(str(repository.name), number)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={"job": job_id, "attempts": 0})
            pipe.expire(key, JOB_SECONDS)
            pipe.zadd(self._keys.comments, {f"{repository.name}|{number}": time.time()})
            await pipe.execute()
        self.due.set()

    async def hurry(self, repository: Repository, number: int) -> None:
        """The plan that a comment waits for may be at its end."""
        await self._redis.zadd(self._keys.comments, {f"{repository.name}|{number}": time.time()}, xx=True)
        self.due.set()

    async def drain(self, declarations: Declarations, instance: str, link: Link) -> float | None:
        """Write what is due; seconds until more is, None when nothing is.

        Args:
            declarations: the repositories.
            instance: whose comments they are.
            link: a job's address for people; empty where there is none.
        """
        limit = len(self._under_way) + BATCH
        for field in await self._redis.zrange(self._keys.comments, "-inf", time.time(), byscore=True, offset=0, num=limit):
            if field not in self._under_way and len(self._under_way) < AT_ONCE:
                name, _, number = field.decode().rpartition("|")
                repository = declarations.repositories.get(Name.parse(name))
                self._under_way.begin(field, self._take_turn(repository, (name, int(number)), instance, link))
        await self._under_way.settle()
        first = await self._redis.zrange(self._keys.comments, 0, len(self._under_way), withscores=True)
        nearest = next((score for field, score in first if field not in self._under_way), None)
        return None if nearest is None else max(0.0, nearest - time.time())

    async def close(self) -> None:
        """End what is being written."""
        await self._under_way.close()

    async def _take_turn(self, repository: Repository | None, about: tuple[str, int], instance: str, link: Link) -> None:
        """Write one comment, unless another worker is about it."""
        lock = self._keys.commenting(*about)
        if not await self._take(keys=[lock], args=[self._worker, self._keys.worker(""), WRITING_SECONDS]):
            name, number = about
            await self._redis.zadd(self._keys.comments, {f"{name}|{number}": time.time() + WAIT_SECONDS}, xx=True)
            return
        try:
            await self._write(repository, about, instance, link)
        finally:
            await self._give_back(keys=[lock], args=[self._worker])

    async def _write(self, repository: Repository | None, about: tuple[str, int], instance: str, link: Link) -> None:
        name, number = about
        key, field = self._keys.comment(name, number), f"{name}|{number}"
        known = {n.decode(): v.decode() for n, v in (await self._redis.hgetall(key)).items()}
        job = await self._jobs.load(known.get("job", ""))
        if repository is None or job is None or not self.may_speak(repository):
            await self._redis.zrem(self._keys.comments, field)
            return
        if not job.state.is_final:
            await self._redis.zadd(self._keys.comments, {field: time.time() + WAIT_SECONDS}, xx=True)
            return
        try:
            if is_worth_telling(job, is_known=bool(known.get("id"))):
                form = form_of(repository.forge)
                mark = marker(instance, self._seal(name, number), form)
                async with self._limits.asking(repository, repository.pulls.secret):
                    await self._put(repository, number, known, comment(job, instance, link(job), mark=mark, form=form), mark)
        except Held as held:
            await self._redis.zadd(self._keys.comments, {field: held.until}, xx=True)
            return
        except TrueupError as error:
            await self._try_later(name, number, error)
            return
        await self._done(name, number, job.id)

    async def _put(self, repository: Repository, number: int, known: Mapping[str, str], text: str, mark: str) -> None:
        """Make the comment this text, no later than it is left to this worker, unless it is known to be."""
        digest = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        if known.get("id") and known.get("posted") == digest:
            return
        try:
            async with asyncio.timeout(TOGETHER_SECONDS):
                comment_id = await self._written(repository, number, known.get("id", ""), text, mark)
        except TimeoutError as error:
            raise ForgeUnavailable(f"{repository.name}: {repository.api}: not done within {TOGETHER_SECONDS:g} s") from error
        await self._redis.hset(self._keys.comment(str(repository.name), number), mapping={"id": comment_id, "posted": digest})
        metrics.COMMENTS.labels("written").inc()
        log.info("comment.written", repository=str(repository.name), pull=number)

    async def _written(self, repository: Repository, number: int, known_id: str, text: str, mark: str) -> str:
        """The id of the comment that has this text now: the one that is known, else the one that is found, else a new one."""
        api, token = self.conversations[repository.forge], await self.token(repository)
        comment_id = known_id or await api.find_comment(repository, number, mark, token)
        if comment_id and await api.edit_comment(repository, number, comment_id, text, token):
            return comment_id
        return await api.write_comment(repository, number, text, token)

    def _seal(self, name: str, number: int) -> str:
        """Of one pull request, the same whenever it is asked for."""
        about = f"comment {name} {number}".encode()
        return hashlib.blake2b(about, key=self._seal_key[:64], digest_size=8).hexdigest()

    async def _done(self, name: str, number: int, job_id: str) -> None:
        """Nothing is due any more, unless another plan is to be shown by now."""
        if await self._redis.hget(self._keys.comment(name, number), "job") == job_id.encode():
            await self._redis.zrem(self._keys.comments, f"{name}|{number}")

    async def _try_later(self, name: str, number: int, error: TrueupError) -> None:
        key, field = self._keys.comment(name, number), f"{name}|{number}"
        attempt = int(await self._redis.hincrby(key, "attempts", 1))
        metrics.COMMENTS.labels("failed").inc()
        if not isinstance(error, Transient) or attempt >= TRIES:
            log.error("comment.dropped", repository=name, pull=number, error=str(error))
            await self._redis.zrem(self._keys.comments, field)
            return
        seconds = max(backoff(attempt, random.random()), error.retry_seconds or 0.0)  # noqa: S311 - jitter is no secret
        log.warning("comment.failed", repository=name, pull=number, error=str(error), retry_seconds=round(seconds))
        await self._redis.zadd(self._keys.comments, {field: time.time() + seconds}, xx=True)


def is_worth_telling(job: JobRecord, *, is_known: bool) -> bool:
    """Whether a comment shows a plan: not one that was overtaken, and none that has nothing to say where there is no comment yet."""
    if job.state in (JobState.SUPERSEDED, JobState.IGNORED):
        return False
    return is_known or bool(job.syncs) or job.state is JobState.FAILED
