"""A held cluster, and what the tasks of its holder share."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field

from jobs.context import Context
from jobs.holder.standing import Standing
from jobs.holder.turns import Turns
from reconciler.errors import Waiting
from reconciler.kube.cluster import Cluster
from reconciler.kube.intents import ResourceIntents
from reconciler.model.declared import Application, Declarations, GitSource, Name
from reconciler.model.intent import Intent
from reconciler.model.outcome import Revision
from reconciler.model.revisions import is_commit, is_range, resolve
from reconciler.sync.environment import Environment
from reconciler.sync.source import Target, Workshop

UNKNOWN_SECONDS = 5.0
"""When it is looked again for a branch that nobody has seen yet, and for whatever nobody gave a time for."""


class Background:
    """Tasks that end with their holder."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside what is done now."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(eq=False, slots=True)
class Held:
    """One cluster, and the applications that are declared for it."""

    context: Context
    names: set[str]
    """What declarations call this cluster; more than one name may mean it."""
    cluster: Cluster
    environment: Environment
    standing: Standing
    turns: Turns = field(default_factory=Turns)
    background: Background = field(default_factory=Background)
    noting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from reading applications' records until they are written."""
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when people's decisions have changed, or may have."""
    before: dict[Name, Application] = field(default_factory=dict)
    """How applications were declared for this cluster before the newest declarations: what is known of those that are gone."""
    _declared: tuple[Declarations, frozenset[str]] | None = None

    @property
    def name(self) -> str:
        """What people call it: one of its names."""
        return min(self.names)

    @classmethod
    def of(cls, context: Context, names: set[str], cluster: Cluster) -> "Held":
        """A cluster whose lease is ours."""
        workshop = _workshop(context, cluster)
        cluster.records.keep_intents_in(ResourceIntents(context.resources))
        environment = Environment(context.instance, cluster, workshop, context.seal_key, ignore=context.settings.ignore)
        return cls(context, names, cluster, environment, Standing(context.resources))

    async def decide(self, application: Name, change: Callable[[Intent], Intent]) -> Intent:
        """Change what is recorded in the cluster of people's decisions; costs nothing where nothing changes."""
        intent = await self.cluster.records.change_intent(application, change)
        self.decided.set()
        return intent

    def refresh(self) -> Mapping[Name, Application]:
        """Take the newest declarations into force; the applications of this cluster."""
        newest, environment = self.context.declarations, self.environment
        if self._declared is None or newest is not self._declared[0] or self.names != self._declared[1]:
            self._declared = newest, frozenset(self.names)
            environment.workshop = _workshop(self.context, self.cluster)
            environment.cluster.index.judge_for(newest.applications)
            self.before |= environment.applications
            environment.applications = {n: a for n, a in newest.applications.items() if a.destination.cluster in self.names}
        return environment.applications

    async def targets(self, applications: Iterable[Application]) -> tuple[list[Target], list[Waiting]]:
        """Applications at the commits that their refs are at, as last observed; and why some have none."""
        wanted = tuple(applications)
        repositories = sorted({source.repository for application in wanted for source in application.sources})
        heads = {name: await self.context.heads.heads(str(name)) for name in repositories}
        found: list[Target] = []
        waiting: list[Waiting] = []
        for application in wanted:
            try:
                revisions = tuple(_revision(source, heads[source.repository]) for source in application.sources)
                found.append(Target(application, revisions))
            except Waiting as error:
                waiting.append(error)
        return found, waiting


def _revision(source: GitSource, heads: Mapping[str, str]) -> Revision:
    if is_commit(source.revision):
        return Revision("", source.revision)
    if (ref := resolve(source.revision, heads)) is not None:
        return Revision(ref, heads[ref])
    raise Waiting(f"{source.repository} has no {_wanted(source.revision)}, as far as is known", retry_seconds=UNKNOWN_SECONDS)


def _wanted(revision: str) -> str:
    return f"tag within {revision!r}" if is_range(revision) else f"branch or tag {revision!r}"


def _workshop(context: Context, cluster: Cluster) -> Workshop:
    """What rendering for a cluster needs, with the declarations as they are now."""
    repositories = context.declarations.repositories
    return Workshop(
        context.mirrors,
        context.renderer,
        repositories,
        context.secrets,
        lambda: cluster.kinds,
        seal_key=context.seal_key,
        memory=context.memory,
    )
