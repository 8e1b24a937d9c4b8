"""What is deleted of an application that is gone: all that it owned and nobody else desires, within the guards of every deletion.

Two guards have no sense here: that most of an application goes is what was asked for, and so is that nothing of it is rendered. One is
added: whoever is gone without having said that its objects go too leaves them, until a person approves exactly that set.
"""

from collections.abc import Collection
from dataclasses import replace

from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Hold, Step
from reconciler.plan.prune import Deletions, PruneRequest, deletions

GUARD = "application-gone"

MEANINGLESS = frozenset({"empty-render", "most-of-application"})


def removal(request: PruneRequest, *, approved: Collection[ObjectKey] = (), unmeant: str = "") -> Deletions:
    """DELETE steps, or HOLD steps for all of them where a guard refuses; what is deliberately left is a SKIP step.

    Args:
        request: the facts; nothing of the application is desired by itself.
        approved: what a person approved: of a set that is being deleted, what is left of it is approved too.
        unmeant: why nobody asked for it; empty when the application's deletion policy did.
    """
    found = deletions(replace(request, renders_nothing=False, approved="", is_removal=True))
    doomed = tuple(step.key for step in found.steps if step.action is not Action.SKIP)
    holds = [hold for hold in found.holds if hold.guard not in MEANINGLESS]
    if unmeant and doomed:
        holds.insert(0, Hold(GUARD, unmeant, doomed))
    if set(doomed) <= set(approved):
        holds = []
    return Deletions(tuple(_decided(step, holds) for step in found.steps), tuple(holds))


def doomed(request: PruneRequest) -> tuple[ObjectKey, ...]:
    """What would be deleted if it were approved."""
    return tuple(step.key for step in removal(request).steps if step.action is not Action.SKIP)


def _decided(step: Step, holds: Collection[Hold]) -> Step:
    if step.action is Action.SKIP:
        return step
    first = next(iter(holds), None)
    if first is None:
        return replace(step, action=Action.DELETE, reason="its application is gone")
    return replace(step, action=Action.HOLD, reason=first.reason)
