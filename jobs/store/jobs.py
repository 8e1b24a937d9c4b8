"""The records of jobs: one hash each, its fields written one by one, so that nobody overwrites what another wrote."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import orjson

from jobs.connection import Redis
from jobs.keys import Keys
from jobs.queue import Wake
from jobs.records import FINAL_STATES, JobRecord, JobState, StageRecord, SyncRecord
from jobs.store import scripts

PREDECLARED = frozenset(
    {"state", "message", "updated", "finished", "commit", "repository", "ref", "superseded_by", "actor", "before", "merge"}
)
"""Fields of the hash that stand over those of the record as it was created."""

_BRIEF = tuple(name.encode() for name in sorted({"record", "attempts", "applications", *PREDECLARED}))

QUIET_SECONDS = 2.0
"""One wait for something to happen; shorter than a command may take, see `connection`."""

PAGE = 100
"""Jobs of an index that are read at once."""

EQUALS = 1000
"""A page begins at a time in ms, times this, plus how many jobs of that ms were told: it stays put when newer jobs come."""

NEWEST = 10**18
"""Beyond every page."""


Arguments: TypeAlias = list[str | bytes | int]
"""One job for `scripts.CREATE`."""


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are listed; empty is all."""

    repository: str = ""
    commit: str = ""
    application: str = ""
    state: str = ""


class JobStore:
    """The records of jobs."""

    def __init__(self, redis: Redis, keys: Keys, *, retention_seconds: float, now: Callable[[], datetime] | None = None) -> None:
        self.redis = redis
        self.keys = keys
        self._retention = int(retention_seconds)
        self.now = now or (lambda: datetime.now(UTC))
        self._create = redis.register_script(scripts.CREATE)
        self._transition = redis.register_script(scripts.TRANSITION)
        self._write = redis.register_script(scripts.WRITE)
        self._list = redis.register_script(scripts.LIST)

    def arguments(self, record: JobRecord, *, delivery_key: str = "", wake: Wake | None, work: bytes = b"") -> Arguments:
        """The arguments of `scripts.CREATE` for one job, and before them their number."""
        indexes = [("repository", record.repository), ("commit", record.commit)]
        indexes += [("application", name) for name in record.applications]
        keys = [self.keys.jobs_of(index, value) for index, value in indexes if value]
        found = [
            delivery_key, record.id, record.model_dump_json(), int(record.created.timestamp() * 1000), str(record.state),
            int(record.state.is_final), work, len(keys), *keys, *(wake.arguments() if wake else [""]),
        ]  # fmt: skip
        return [len(found), *found]

    async def create_many(self, jobs: Iterable[Arguments], *, client: Redis = None) -> Sequence[tuple[bytes, int]]:
        """Store jobs by their `arguments` in one step; their ids, and whether they are new."""
        keys = [self.keys.job(""), self.keys.jobs, self.keys.active, self.keys.events]
        args = [self._retention, *(part for job in jobs for part in job)]
        found: Sequence[tuple[bytes, int]] = await self._create(keys=keys, args=args, client=client)
        return found

    async def create(self, record: JobRecord, wake: Wake | None = None, *, delivery_key: str = "", work: bytes = b"") -> str:
        """Store a job and wake somebody for it, in one step; or say who does it already, see `parts.begun_by`.

        Its id; where its delivery is known, the id of the job that was stored for that.
        """
        ((job_id, _),) = await self.create_many([self.arguments(record, delivery_key=delivery_key, wake=wake, work=work)])
        return job_id.decode()

    async def load(self, job_id: str) -> JobRecord | None:
        """One job; None when there is none, or no more."""
        found: Mapping[bytes, bytes] = await self.redis.hgetall(self.keys.job(job_id))
        return _assemble(found) if found else None

    async def load_brief(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """Jobs without their stages and syncs, which may be thousands; those that are gone are left out."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hmget(self.keys.job(job_id), _BRIEF)
            rows = await pipe.execute()
        found = ({n: v for n, v in zip(_BRIEF, row, strict=True) if v is not None} for row in rows)
        return [job for fields in found if (job := _assemble(fields)) is not None]

    async def about(self, repository: str, commit: str) -> list[JobRecord]:
        """The jobs about a commit of a repository, oldest first, in brief."""
        found = await self.redis.zrange(self.keys.jobs_of("commit", commit), 0, -1)
        jobs = await self.load_brief([job_id.decode() for job_id in found])
        return [job for job in jobs if job.repository in ("", repository)]

    async def active_of(self, repository: str) -> list[JobRecord]:
        """The jobs of a repository that are not final, oldest first, in brief."""
        return [job async for page in self.pages_of(repository) for job in page]

    async def pages_of(self, repository: str) -> AsyncIterator[list[JobRecord]]:
        """The same in pages: there may be ten thousand."""
        found = await self.redis.zinter([self.keys.active, self.keys.jobs_of("repository", repository)], aggregate="MIN")
        for start in range(0, len(found), PAGE):
            yield await self.load_brief([job_id.decode() for job_id in found[start : start + PAGE]])

    async def transition(self, job_id: str, state: JobState, message: str, **more: str) -> bool:
        """Bring a job into a state; False when it is final already. More fields are written with it."""
        final = str(self._retention) if state in FINAL_STATES else "0"
        keys = [self.keys.job(job_id), self.keys.active, self.keys.events]
        fields = [part for pair in more.items() for part in pair]
        args = [str(state), message, self.now().isoformat(), final, job_id, _event(job_id, state), *fields]
        return bool(await self._transition(keys=keys, args=args))

    async def update(self, job_id: str, **fields: str) -> None:
        """Write fields of a job: `commit`, `repository`, `ref`, `actor`; and list it among those of its commit and repository."""
        listed = [self.keys.jobs_of(index, fields[index]) for index in ("commit", "repository") if fields.get(index)]
        await self._put(job_id, {**fields, "updated": self.now().isoformat()}, listed)

    async def set_applications(self, job_id: str, applications: Iterable[str]) -> None:
        """Note which applications a job touches, and list it among theirs."""
        names = tuple(applications)
        listed = [self.keys.jobs_of("application", name) for name in names]
        await self._put(job_id, {"applications": orjson.dumps(names)}, listed)

    async def add_stage(self, job_id: str, name: str, detail: str = "") -> None:
        """Note that a job has reached a stage; a stage that is reached again keeps its first time."""
        stage = StageRecord(name=name, at=self.now(), detail=detail)
        fields = {f"stage:{name}": stage.model_dump_json()}
        await self._set(job_id, fields, event=_event(job_id, "stage", name), command="HSETNX")

    async def put_syncs(self, job_id: str, syncs: Iterable[SyncRecord]) -> None:
        """Write what syncs have come to so far."""
        mapping = {f"sync:{sync.application}": sync.model_dump_json() for sync in syncs}
        if mapping:
            await self._set(job_id, mapping, event=_event(job_id, "sync"))

    async def find(self, wanted: JobFilter, *, limit: int, before: str = "") -> tuple[list[JobRecord], str]:
        """Jobs, newest first, and where the next page begins; empty when there is none."""
        index = next(
            (
                self.keys.jobs_of(name, value)
                for name in ("application", "commit", "repository")
                if (value := getattr(wanted, name))
            ),
            self.keys.jobs,
        )
        top, seen = divmod(min(int(before), NEWEST), EQUALS) if before else (NEWEST // EQUALS, 0)
        found: list[JobRecord] = []
        while page := await self.redis.zrange(
            index, top, "-inf", desc=True, byscore=True, offset=seen, num=PAGE, withscores=True
        ):
            jobs = await self._load_many([job_id.decode() for job_id, _ in page])
            for (_, score), job in zip(page, jobs, strict=True):
                top, seen = int(score), seen + 1 if score == top else 1
                if job is not None and _matches(job, wanted):
                    found.append(job)
                    if len(found) == limit:
                        return found, str(top * EQUALS + min(seen, EQUALS - 1))
        return found, ""

    async def subscribe(self, on_begin: Callable[[], None] = lambda: None) -> AsyncIterator[Mapping[str, Any]]:
        """What happens to jobs and applications, as it happens: `{"type", "id", "state"}`.

        Args:
            on_begin: called when nothing is missed from now on, and again after the connection had broken.
        """
        async with self.redis.pubsub() as channel:
            await channel.subscribe(self.keys.events)
            while True:  # not `listen`, which takes a quiet time for a dead connection, and misses what is said meanwhile
                message = await channel.get_message(timeout=QUIET_SECONDS)
                if message is None:
                    continue
                if message["type"] == "message":
                    yield orjson.loads(message["data"])
                elif message["type"] == "subscribe":
                    on_begin()

    async def _put(self, job_id: str, fields: Mapping[str, str | bytes], indexes: Sequence[str]) -> None:
        """Write fields, and list the job in the indexes that they stand for; nothing where its record is gone."""
        parts = [part for pair in fields.items() for part in pair]
        keys = [self.keys.job(job_id), self.keys.jobs, *indexes]
        await self._list(keys=keys, args=[job_id, self.now_ms(), self._retention, *parts])

    async def _set(self, job_id: str, fields: Mapping[str, object], *, event: bytes = b"", command: str = "HSET") -> None:
        parts = [part for pair in fields.items() for part in pair]
        await self._write(keys=[self.keys.job(job_id), self.keys.events], args=[event, command, *parts])

    def now_ms(self) -> int:
        """The time by this store's clock."""
        return int(self.now().timestamp() * 1000)

    async def _load_many(self, ids: list[str]) -> list[JobRecord | None]:
        async with self.redis.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hgetall(self.keys.job(job_id))
            return [_assemble(found) if found else None for found in await pipe.execute()]


def _assemble(found: Mapping[bytes, bytes]) -> JobRecord | None:
    """A record from the fields of its hash."""
    if b"record" not in found:
        return None
    data = orjson.loads(found[b"record"])
    stages: list[dict[str, Any]] = []
    syncs: list[dict[str, Any]] = []
    for name, value in found.items():
        field, _, rest = name.decode().partition(":")
        if field == "stage" and rest:
            stages.append(orjson.loads(value))
        elif field == "sync":
            syncs.append(orjson.loads(value))
        elif field in PREDECLARED:
            data[field] = value.decode()
        elif field == "attempts":
            data[field] = int(value)
        elif field == "applications":
            data[field] = orjson.loads(value)
    data["stages"] = [*data["stages"], *sorted(stages, key=lambda stage: str(stage["at"]))]
    data["syncs"] = sorted(syncs, key=lambda sync: str(sync["application"]))
    return JobRecord.model_validate(data)


def _matches(job: JobRecord, wanted: JobFilter) -> bool:
    return (
        wanted.state in ("", job.state)
        and wanted.repository in ("", job.repository)
        and wanted.commit in ("", job.commit)
        and (not wanted.application or wanted.application in job.applications)
    )


def _event(job_id: str, state: str, detail: str = "") -> bytes:
    return orjson.dumps({"type": "job", "id": job_id, "state": state, "detail": detail})
