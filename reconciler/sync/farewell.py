"""The hooks of an application's end, run when nobody desires the application itself any more."""

from reconciler.errors import PathMissing, TrueupError
from reconciler.events import Observer
from reconciler.model.hooks import Phase
from reconciler.model.outcome import StepResult
from reconciler.sync.decide import kinds_of, render
from reconciler.sync.desired import Rendering
from reconciler.sync.environment import Environment
from reconciler.sync.hooks import run_hooks
from reconciler.sync.runs import now
from reconciler.sync.source import Target, load
from reconciler.sync.vigil import Vigil


async def say_farewell(target: Target, environment: Environment, observer: Observer) -> tuple[StepResult, ...]:
    """Run the pre-delete hooks that an application has at a commit; one that failed before runs again.

    While they run the hooks are desired, and nothing else of the application is: its objects stay what they are, to be deleted.

    Raises:
        TrueupError: when the commit cannot be rendered, or the API server does not answer.
    """
    source = (await load([target], environment.workshop))[target.name]
    if isinstance(source, PathMissing):
        return ()
    if isinstance(source, TrueupError):
        raise source
    rendering = render(target, source.documents, environment)
    if not rendering.ends_with_hooks:
        return ()
    environment.desired.put(Rendering(target.application, target.revision, {}, rendering.hooks, rendering.digest))
    try:
        await environment.cluster.follow(kinds_of([target], environment))
        return await run_hooks(Phase.PRE_DELETE, target, Vigil(target.application, environment, observer), asked_at=now())
    finally:
        environment.desired.forget(target.name)
