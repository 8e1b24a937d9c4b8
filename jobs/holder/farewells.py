"""The pre-delete hooks of applications that are gone from a held cluster's declarations.

That there are some stands in the cluster, beside people's decisions. So whoever has none goes also when its repository is gone, and
whoever has some is not deleted without them because nobody can render them any more.
"""

import functools
from collections.abc import Awaitable, Callable

from jobs.holder.held import Held
from jobs.holder.ready import applied_before
from reconciler.errors import Stalled
from reconciler.events import Observer
from reconciler.model.declared import Application, Name
from reconciler.model.outcome import StepResult
from reconciler.sync.farewell import say_farewell

UNKNOWN = "it has pre-delete hooks, and nobody knows its sources any more; what is approved is deleted without them"

CANNOT = "nothing is deleted, since its pre-delete hooks cannot run"


class Farewells:
    """Runs the last hooks of one cluster's applications."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def due(
        self, name: Name, declared: Application | None, observer: Observer
    ) -> Callable[[], Awaitable[tuple[StepResult, ...]]] | None:
        """What runs the last hooks of an application; None where it has none, or nobody knows how it was declared."""
        if declared is None or not self._has_some(name):
            return None
        return functools.partial(self._run, declared, observer)

    def impossible(self, name: Name, declared: Application | None) -> str:
        """Why its last hooks cannot run; empty where it has none, or they can be tried."""
        return UNKNOWN if declared is None and self._has_some(name) else ""

    def _has_some(self, name: Name) -> bool:
        return self._held.cluster.records.known(name).ends_with_hooks

    async def _run(self, application: Application, observer: Observer) -> tuple[StepResult, ...]:
        """Run them at the commit that was applied last; where nobody remembers it, at the head.

        Raises:
            Stalled: when they cannot be run, or the application is declared again, or was let go, meanwhile.
            Transient: when Git or the API server does not answer.
        """
        held, name = self._held, application.name
        unknown = [
            source.repository for source in application.sources if source.repository not in held.context.declarations.repositories
        ]
        if unknown:
            raise Stalled(f"{CANNOT}: Repository {unknown[0]} is not declared any more")
        targets, waiting = await held.targets([application])
        if not targets:
            raise Stalled(f"{CANNOT}: {waiting[0]}")
        target = next(iter(await applied_before(held, targets)), targets[0])
        was_leaving = name in held.context.declarations.leaving
        try:
            results = await say_farewell(target, held.environment, observer)
        except Stalled as error:
            raise Stalled(f"{CANNOT}: {error}") from error
        if name in held.refresh():
            raise Stalled(f"nothing is deleted: {name} is declared again")
        if was_leaving and await self._was_let_go(name):
            raise Stalled(f"nothing is deleted: {name} was let go while its pre-delete hooks ran; its objects are left")
        return results

    async def _was_let_go(self, name: Name) -> bool:
        """Whether the Application is there no more: asked of the API server, since the watch may be late."""
        resources = self._held.context.resources
        resource = resources.application(name)
        return resource is None or await resources.look_again(resource) is None
