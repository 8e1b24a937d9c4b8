"""What is told of declarations in the cluster that no sync tells of: Repositories, what is refused, what leaves; and the finalizers.

Only the holder of the cluster that the declarations are in does this. A finalizer never holds for ever: it is let go when its deadline
is over, when the policy says so by now, and when the kind itself is deleted; the objects are left then, and reported.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from redis.exceptions import RedisError

from jobs.connection import forever
from jobs.holder.held import Held
from jobs.holder.removals import way_out
from jobs.identities import mends_of
from jobs.records import ApplicationRecord
from reconciler.declarations.resources import FINALIZER, Resource, ResourceKey
from reconciler.declarations.status import ApplicationStatus, RepositoryStatus
from reconciler.declarations.tell import Moment, leaves, looked_at, refused
from reconciler.errors import TrueupError
from reconciler.model.declared import IN_CLUSTER, Application
from reconciler.model.outcome import SyncState
from reconciler.model.policy import DeletionPolicy

log = structlog.get_logger()

TICK_SECONDS = 2.0
"""How often deadlines and looks at repositories are looked at."""

PATIENCE_SECONDS = 1.0
"""How long something may be wrong before it is told: what is applied in one go comes one after the other."""

UNREACHED_SECONDS = 15.0
"""How long the holder of another cluster may take to say something of an Application that leaves."""


class Keeper:
    """Keeps the declarations of one cluster."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._context = held.context
        self._resources = held.context.resources
        self._dirty: set[ResourceKey] = set()
        self._wrong_since: dict[ResourceKey, float] = {}
        self._looks: Mapping[str, str] = {}
        self._moved: Mapping[str, str] = {}
        self._refused: frozenset[ResourceKey] = frozenset()

    async def keep_forever(self) -> None:
        """Look at what changed, and now and then at what may be due."""
        self._resources.listen(self._on_resource)
        self._dirty.update(self._resources.known)
        await forever("resources", self._look, 0.0)

    async def _look(self) -> None:
        await asyncio.sleep(TICK_SECONDS if not self._dirty else PATIENCE_SECONDS / 4)
        if IN_CLUSTER in self._held.names and self._context.declared.is_set():
            await self._keep()

    def _on_resource(self, resource: Resource) -> None:
        self._dirty.add(resource.key)

    async def _keep(self) -> None:
        looks, refused_now = await self._context.heads.looks(), frozenset(self._context.refused)
        moved = mends_of(self._context, datetime.now(UTC))
        changed = {name for name in looks if looks[name] != self._looks.get(name)}
        changed |= {name for name in {*moved, *self._moved} if moved.get(name) != self._moved.get(name)}
        self._dirty.update(key for key in self._resources.known if key[0] == "Repository" and str(key[1]) in changed)
        self._dirty.update(refused_now ^ self._refused, self._wrong_since)
        self._dirty.update(("Application", name) for name in self._context.declarations.leaving)
        self._looks, self._moved, self._refused = looks, moved, refused_now
        dirty, self._dirty = self._dirty, set()
        for key in sorted(dirty):
            resource = self._resources.known.get(key)
            if resource is None:
                self._wrong_since.pop(key, None)
                continue
            try:
                await self._look_at(resource)
            except (TrueupError, RedisError, OSError):
                self._dirty |= dirty
                raise

    async def _look_at(self, resource: Resource) -> None:
        if resource.deleted_at:
            if FINALIZER in resource.finalizers:
                await self._let_go_or_tell(resource)
        elif problems := self._context.refused.get(resource.key):
            await self._tell_refused(resource, problems)
        elif resource.kind == "Repository":
            await self._tell_looked_at(resource)
        elif isinstance(resource.value, Application):
            self._wrong_since.pop(resource.key, None)
            is_wanted = resource.value.sync.deletion is DeletionPolicy.PRUNE
            if not await self._resources.set_finalizer(resource, is_wanted=is_wanted):
                self._dirty.add(resource.key)

    async def _tell_refused(self, resource: Resource, problems: tuple[str, ...]) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._wrong_since.setdefault(resource.key, now) < PATIENCE_SECONDS:
            return
        moment = Moment(resource.generation, _now())
        if resource.kind == "Repository":
            await self._resources.write_status(resource, refused(RepositoryStatus.of(resource.status), problems, moment).document)
            return
        await self._resources.write_status(resource, refused(ApplicationStatus.of(resource.status), problems, moment).document)
        await self._note(resource, "; ".join(problems))

    async def _tell_looked_at(self, resource: Resource) -> None:
        self._wrong_since.pop(resource.key, None)
        error = self._looks.get(str(resource.name))
        if error is not None:
            moment, moved = Moment(resource.generation, _now()), self._moved.get(str(resource.name), "")
            status = looked_at(RepositoryStatus.of(resource.status), error, moment, moved=moved)
            await self._resources.write_status(resource, status.document)

    async def _let_go_or_tell(self, resource: Resource) -> None:
        """Take the finalizer off where nothing is waited for any more; else say what is waited for, should nobody have."""
        if reason := await self._reason_to_let_go(resource):
            log.warning("application.let_go", application=str(resource.name), note=f"{reason}; see: trueup app orphans")
            if not await self._resources.set_finalizer(resource, is_wanted=False):
                self._dirty.add(resource.key)
            return
        status = ApplicationStatus.of(resource.status)
        ready, value = status.condition("Ready"), resource.value
        is_told = ready is not None and ready.observed_generation == resource.generation
        if is_told or _age(resource) < UNREACHED_SECONDS or not isinstance(value, Application):
            return
        message = (
            f"no worker has reached the cluster {value.destination.cluster}, where its objects are; {way_out(resource.name)}"
        )
        told = leaves(status, "Waiting", message, Moment(resource.generation, _now()))
        await self._resources.write_status(resource, told.document)

    async def _reason_to_let_go(self, resource: Resource) -> str:
        """Why an Application that is deleted does not wait for its objects any more; empty while it does."""
        value, deadline = resource.value, self._context.settings.deletion_deadline
        if not isinstance(value, Application):
            return "what it says cannot be understood"
        if value.sync.deletion is not DeletionPolicy.PRUNE:
            return "its deletion policy leaves its objects"
        declared = self._context.declarations.applications.get(resource.name)
        if declared is not None and not declared.is_resource:
            return "a file declares it, and goes on with its objects"
        if _age(resource) > deadline:
            return f"its objects were not deleted within {deadline:g} s"
        if await self._resources.is_definition_leaving():
            return "the kind Application itself is being deleted"
        return ""

    async def _note(self, resource: Resource, message: str) -> None:
        """In the record of one that is refused."""
        store, now = self._context.applications, datetime.now(UTC)
        async with self._held.noting:
            known = await store.get(str(resource.name)) or ApplicationRecord(name=str(resource.name), repository="", updated=now)
            if (known.state, known.message) != (SyncState.FAILED, message):
                await store.put([known.model_copy(update={"state": SyncState.FAILED, "message": message, "updated": now})])


def _age(resource: Resource) -> float:
    """How many seconds ago somebody deleted it."""
    return (datetime.now(UTC) - datetime.fromisoformat(resource.deleted_at)).total_seconds()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
