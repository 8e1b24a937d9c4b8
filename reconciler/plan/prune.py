"""What may be deleted, and what is held until a person approves exactly that set. When a fact is unknown, nothing is deleted.

Each guard is a rule with a name; `docs/concepts.md` tells people about them. A guard that refuses holds all deletions of the
application: half of a set that somebody meant as one is worse than none of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.model.declared import Name
from reconciler.model.objects import Kinds, ObjectKey
from reconciler.model.options import PruneRule
from reconciler.model.outcome import WITHHELD, Action, Hold, Owned, Step, digest_of
from reconciler.plan.cascade import taken_along
from reconciler.plan.marks import DELETE, PRUNE, PRUNE_ALLOW
from reconciler.plan.order import deletion_order

MOST = 3
"""Half or more *and* more than this many of an application's objects are "most of it": a rename of two out of three is not.

Half, since after everything got another name the old objects and the new ones are equally many.
"""

JOB_LIMIT = 20
"""More deletions in one job are more than anybody looks through in a pull request."""

JOB_SHARE = 0.05
"""Of everything the cluster has of ours; a job that deletes more is no ordinary one."""

SHARE_FLOOR = 5
"""The share is no guard up to this many deletions: one of ten objects is 10 %, and ordinary."""

PROTECTED = frozenset(
    {
        ("", "Namespace"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    }
)
"""Kinds that take data with them."""

HOW_TO_KEEP = "move what is to stay elsewhere, or take its ownerReference out, first"

SHOWN = 3
"""So many objects are named in a reason, the others counted."""


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """The facts that deletions are decided from."""

    application: Name
    renders_nothing: bool
    owned: Mapping[ObjectKey, Owned]
    """Everything this instance owns in the cluster."""
    mine: Mapping[ObjectKey, Owned]
    """What of it the application owns."""
    is_desired: Callable[[ObjectKey], bool]
    """Whether any application desires an object."""
    kinds: Kinds
    deletions_in_job: int = 0
    """How many deletions the other applications of the job plan."""
    approved: str = ""
    """The digest of the set that a person approved; empty: none."""
    is_removal: bool = False
    """Whether the application itself goes."""
    left_behind: frozenset[str] = frozenset()
    """Namespaces that the application has left altogether, since its destination is another one."""


@dataclass(frozen=True, slots=True)
class Deletions:
    """What is deleted or held, in order."""

    steps: tuple[Step, ...] = ()
    holds: tuple[Hold, ...] = ()


def deletions(request: PruneRequest) -> Deletions:
    """DELETE steps with their preconditions; HOLD steps for all of them where a guard refuses and nobody approved.

    What is deliberately left is a SKIP step with its reason, after the others. What hooks have left goes with the others, and counts
    for no guard: nobody keeps anything in it.
    """
    candidates = _candidates(request)
    spared = {key: reason for key, owned in candidates.items() if (reason := _spared(owned, request))}
    going = [owned for owned in deletion_order(candidates.values()) if owned.key not in spared]
    doomed = {owned.key: owned for owned in going if not _is_left_by_hook(owned)}
    if request.approved == digest_of(doomed) or not (holds := (*_holds(request, doomed), *_taking_along(request, going))):
        holds, steps = (), tuple(_step(Action.DELETE, owned, _why_gone(owned)) for owned in going)
    else:
        steps = tuple(_step(Action.HOLD, owned, holds[0].reason) for owned in doomed.values())
    left = tuple(_step(Action.SKIP, owned, spared[owned.key]) for owned in deletion_order(candidates[key] for key in spared))
    return Deletions(steps + left, holds)


def untold(kinds: Kinds) -> str:
    """What people should know of groups that the cluster does not tell of."""
    groups = ", ".join(sorted(kinds.failed))
    return (
        f"the cluster does not tell what it serves of {groups}: nothing is deleted until it does, and is then without a push; "
        "`kubectl get apiservices` says why: mend what serves it, or delete its APIService"
    )


def vanished(owned: Mapping[ObjectKey, Owned], live: frozenset[Name]) -> Mapping[Name, Hold]:
    """The objects of applications that are not declared for this cluster any more: reported, and left where they are.

    Args:
        owned: everything this instance owns in the cluster.
        live: the applications that are declared for this cluster now.
    """
    found: dict[Name, list[ObjectKey]] = {}
    for key, entry in owned.items():
        if entry.application not in live:
            found.setdefault(entry.application, []).append(key)
    return {
        name: Hold(
            "application-gone", f"{name} is no longer declared here; it leaves {_listed(sorted(keys))}", tuple(sorted(keys))
        )
        for name, keys in sorted(found.items())
    }


def _candidates(request: PruneRequest) -> dict[ObjectKey, Owned]:
    """What the application owns and nobody desires, under this or another group's name."""
    found = {key: owned for key, owned in request.mine.items() if not owned.deleting and not request.is_desired(key)}
    if not found:
        return found
    desired = {owned.uid for key, owned in request.owned.items() if key not in found and request.is_desired(key)}
    return {key: owned for key, owned in found.items() if owned.uid not in desired}


def _spared(owned: Owned, request: PruneRequest) -> str:
    """Why an object is left though nobody desires it; empty when it is not."""
    key, kinds = owned.key, request.kinds
    if not kinds.is_complete:
        return f"{WITHHELD} {', '.join(sorted(kinds.failed))}"
    if kinds.find(key.group, key.kind) is None:
        return "not deleted: the cluster does not serve its kind now"
    if request.is_removal and owned.outlives:
        return f"not deleted: {DELETE}: never"
    return f"not deleted: {PRUNE}: {owned.prune}" if owned.prune == PruneRule.NEVER else ""


def _is_left_by_hook(owned: Owned) -> bool:
    """Whether an object is what a hook has left; one that takes data along is guarded all the same."""
    return owned.is_hook and (owned.key.group, owned.key.kind) not in PROTECTED


def _why_gone(owned: Owned) -> str:
    return "a hook that is no longer in Git" if owned.is_hook else "no longer in Git"


def _holds(request: PruneRequest, doomed: Mapping[ObjectKey, Owned]) -> Iterator[Hold]:
    keys = tuple(owned.key for owned in deletion_order(doomed.values()))
    if not keys:
        return
    has = sum(1 for owned in request.mine.values() if not owned.is_hook)
    if request.renders_nothing:
        yield Hold("empty-render", f"{request.application} renders to nothing, and has {has} objects", keys)
    if len(keys) > MOST and len(keys) * 2 >= has:
        yield Hold("most-of-application", f"{len(keys)} of the {has} objects of {request.application} would be deleted", keys)
    if moved := sorted({key.namespace for key in keys} & request.left_behind):
        left = tuple(key for key in keys if key.namespace in moved)
        yield Hold("destination-moved", f"the destination was moved, and {_listed(left)} left in {', '.join(moved)}", left)
    in_job = len(keys) + request.deletions_in_job
    if reason := _too_many(in_job, len(request.owned)):
        yield Hold("blast-radius", reason, keys)
    protected = tuple(key for key in keys if (key.group, key.kind) in PROTECTED and doomed[key].prune != PRUNE_ALLOW)
    if protected:
        yield Hold("protected-kind", f"{_listed(protected)} would take data along; {PRUNE}: {PRUNE_ALLOW} permits it", protected)
    confirmed = tuple(key for key in keys if doomed[key].prune == PruneRule.CONFIRM)
    if confirmed:
        yield Hold("confirm", f"{_listed(confirmed)} asks for an approval: {PRUNE}: {PruneRule.CONFIRM}", confirmed)


def _taking_along(request: PruneRequest, going: Sequence[Owned]) -> Iterator[Hold]:
    """What is to stay is no part of the set that a person sees: so the set is held, whatever it says of itself."""
    for key, along in taken_along(going, request.owned, request.kinds).items():
        yield Hold("takes-along", f"{key} would take along {_listed(along)}, to stay; {HOW_TO_KEEP}", (key,))


def _too_many(in_job: int, owned: int) -> str:
    """Why so many deletions in one job are held; empty when they are not."""
    if in_job > JOB_LIMIT:
        return f"{in_job} objects would be deleted in one job, {JOB_LIMIT} may"
    if in_job > SHARE_FLOOR and in_job > owned * JOB_SHARE:
        return f"{in_job} of {owned} objects in the cluster would be deleted in one job, {JOB_SHARE:.0%} may"
    return ""


def _step(action: Action, owned: Owned, reason: str) -> Step:
    return Step(action, owned.key, reason, uid=owned.uid, resource_version=owned.resource_version, wave=owned.wave)


def _listed(keys: Sequence[ObjectKey]) -> str:
    shown = ", ".join(str(key) for key in keys[:SHOWN])
    return shown if len(keys) <= SHOWN else f"{shown} and {len(keys) - SHOWN} more"
