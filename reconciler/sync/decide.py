"""From documents to a plan: manifests are prepared, their kinds are followed, and the plan is made from what is owned."""

from collections.abc import Iterable, Mapping, Sequence

from reconciler.errors import NotAllowed, PathMissing, TrueupError
from reconciler.model.declared import Name
from reconciler.model.objects import Kind, RawDocument
from reconciler.model.outcome import Plan
from reconciler.plan.allow import refusal
from reconciler.plan.content import content_digest
from reconciler.plan.hooks import by_key
from reconciler.plan.manifest import Stamp, prepare
from reconciler.plan.select import chosen, narrowed
from reconciler.plan.steps import PlanRequest, plan
from reconciler.sync.desired import Rendering
from reconciler.sync.environment import Environment
from reconciler.sync.findings import find
from reconciler.sync.gates import keep_out_denied, passed
from reconciler.sync.source import Source, Target, load, vanished


async def accept(
    sources: Mapping[Name, Source | TrueupError], targets: Sequence[Target], environment: Environment, *, is_kept: bool = True
) -> Mapping[Name, TrueupError]:
    """Make what was rendered the desired state, and follow every kind in it; returns what could not be accepted, and why.

    An application that cannot be rendered keeps what it desired before. One whose path has vanished desires nothing, and its
    objects are held; one whose path never was is refused.

    Args:
        sources: what the targets render to, or why they do not.
        targets: the applications and their commits.
        environment: where it is desired.
        is_kept: off for a look only: no kind is followed, and no drift is noted.
    """
    refused: dict[Name, TrueupError] = {}
    if any(_is_unknown(raw, environment) for s in sources.values() if isinstance(s, Source) for raw in s.documents):
        await environment.cluster.rediscover()
    accepted: list[Rendering] = []
    for target in targets:
        source = sources[target.name]
        if isinstance(source, PathMissing) and _owns_something(target.name, environment):
            source = vanished(target)
        try:
            if isinstance(source, TrueupError):
                raise source
            accepted.append(await _permitted(target, source, environment))
        except TrueupError as error:
            refused[target.name] = error
    for rendering in accepted:  # all at once: what moves from one to another is desired by somebody at any time
        environment.desired.put(rendering)
    if is_kept:
        await environment.cluster.follow(kinds_of(targets, environment))
        for target in targets:
            measure(target.name, environment)
    return refused


def render(target: Target, documents: Sequence[RawDocument], environment: Environment) -> Rendering:
    """The manifests of one application.

    Raises:
        InvalidManifest: naming file, object and field.
    """
    application = target.application
    stamp = Stamp(
        environment.instance,
        target.name,
        application.destination.namespace,
        environment.seal_key,
        goes_along=application.goes_along,
    )
    manifests = prepare(documents, stamp, environment.cluster.kinds)
    kept = {manifest.key: manifest for manifest in manifests if manifest.hook is None}
    hooks = {manifest.key: manifest for manifest in manifests if manifest.hook is not None}
    digest = content_digest(documents, environment.seal_key) if hooks else ""
    return Rendering(target.application, target.revision, kept, hooks, digest)


async def accept_again(source: Source, target: Target, environment: Environment) -> None:
    """Place anew what was rendered, now that the cluster serves more kinds, and follow them.

    Raises:
        InvalidManifest: when an object does not fit its kind.
        NotAllowed: when the application may not touch one of them, placed as it is now, or a policy denies it.
    """
    environment.desired.put(await _permitted(target, source, environment))
    await environment.cluster.follow(kinds_of([target], environment))
    measure(target.name, environment)


async def _permitted(target: Target, source: Source, environment: Environment) -> Rendering:
    """What may be desired: within what the application is allowed, and denied by no policy.

    Raises:
        InvalidManifest: naming file, object and field.
        NotAllowed: naming the first object that may not be applied, why, and how many there are.
    """
    rendering = render(target, source.documents, environment)
    _refuse_forbidden(rendering)
    try:
        return await passed(rendering)
    except NotAllowed:
        await keep_out_denied(rendering, environment.desired)
        raise


def _refuse_forbidden(rendering: Rendering) -> None:
    """What an application may not touch it cannot desire either: nothing of it is applied, and nobody else is in its way.

    Raises:
        NotAllowed: naming the first object, and how many there are.
    """
    name, allowance = rendering.application.name, rendering.application.allowance
    found = [reason for key in rendering.keys if (reason := refusal(allowance, key))]
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise NotAllowed(f"{found[0]}{more}; TRUEUP_ALLOWANCES says what namespace {name.namespace} may touch")


async def foresee(heads: Sequence[Target], environment: Environment) -> frozenset[Name]:
    """Note what applications will want that are not synced to these commits now; those of which nobody can tell."""
    unreadable: set[Name] = set()
    sources = await load(heads, environment.workshop) if heads else {}
    for target in heads:
        source = sources[target.name]
        try:
            documents = () if isinstance(source, PathMissing) else _documents(source)
            environment.wanted[target.name] = frozenset(render(target, documents, environment).manifests)
        except TrueupError:
            unreadable.add(target.name)
    return frozenset(unreadable)


def _documents(source: Source | TrueupError) -> Sequence[RawDocument]:
    if isinstance(source, TrueupError):
        raise source
    return source.documents


def measure(application: Name, environment: Environment) -> None:
    """Note the drift of every owned object of an application, from what the watches told."""
    rendering = environment.desired.of(application)
    index = environment.cluster.index
    for key in rendering.manifests if rendering else ():
        if key in index.owned:
            index.mark(key, find(key, index.live(key), environment))


def decide(
    request: Target, environment: Environment, *, deletions_in_job: int = 0, approved: str = "", only: Sequence[str] = ()
) -> Plan:
    """What a sync of one application will do, from what is owned and desired now.

    Raises:
        Stalled: when another application declares one of its objects too, or none of it is called as in *only*.
    """
    environment.desired.refuse_conflicts(request.name)
    whole = plan(plan_request(request, environment, deletions_in_job=deletions_in_job, approved=approved))
    return narrowed(whole, chosen((step.key for stage in whole.stages for step in stage), only)) if only else whole


def plan_request(target: Target, environment: Environment, *, deletions_in_job: int = 0, approved: str = "") -> PlanRequest:
    """The facts that the plan of one application is made from."""
    desired = environment.desired
    rendering = desired.of(target.name)
    foreseen = frozenset(key for name, keys in environment.wanted.items() if name != target.name for key in keys)
    return PlanRequest(
        application=target.application,
        revision=target.revision,
        manifests=tuple(rendering.manifests.values()) if rendering else (),
        hooks=tuple(rendering.hooks.values()) if rendering else (),
        content=rendering.digest if rendering else "",
        past=by_key(environment.cluster.records.known(target.name).ran),
        owned=environment.cluster.index.owned,
        mine=environment.cluster.index.owned_by(target.name),
        is_desired=lambda key: bool(desired.declared_by(key)) or key in foreseen,
        kinds=environment.cluster.kinds,
        deletions_in_job=deletions_in_job,
        approved=approved,
        others=environment.others,
        unrecorded=environment.unrecorded,
    )


def kinds_of(targets: Iterable[Target], environment: Environment) -> frozenset[Kind]:
    """The served kinds of everything that the applications desire."""
    renderings = (environment.desired.of(target.name) for target in targets)
    found = {
        environment.cluster.kinds.find(m.key.group, m.key.kind, m.version)
        for rendering in renderings
        if rendering is not None
        for m in (*rendering.manifests.values(), *rendering.hooks.values())
    }
    return frozenset(kind for kind in found if kind is not None)


def _is_unknown(raw: RawDocument, environment: Environment) -> bool:
    group, _, version = str(raw.document.get("apiVersion", "")).rpartition("/")
    return environment.cluster.kinds.find(group, str(raw.document.get("kind", "")), version) is None


def _owns_something(application: Name, environment: Environment) -> bool:
    return bool(environment.cluster.index.owned_by(application))
