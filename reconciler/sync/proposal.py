"""What merging a pull request would change in a cluster: the plan of what the merge makes, without what differs for other reasons.

What it goes into and the result are both rendered. An object that is the same in both is nobody's doing here, though a sync might change
it: it has drifted, or waits for a person. So changes of the target since they parted do not appear reversed either.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.errors import TrueupError
from reconciler.model.declared import Name
from reconciler.model.gates import Finding
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Action, Hold, Step, StepResult
from reconciler.sync.decide import accept, decide, render
from reconciler.sync.environment import Environment
from reconciler.sync.preview import AT_ONCE, foretell
from reconciler.sync.source import Source, Target, load


@dataclass(frozen=True, slots=True)
class Proposal:
    """One application at the commit that a pull request goes into, and at the one that it would make."""

    before: Target
    after: Target


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a sync would do once it is merged."""

    results: tuple[StepResult, ...]
    """Of the objects that the pull request changes, without those that the cluster has already as they would be."""
    others: int
    """Objects that a sync would change today, merged or not."""
    objects: int
    """How many it would have."""
    holds: tuple[Hold, ...] = ()
    """Guards that would wait for an approval."""
    notices: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What policies warn of, of the objects that the pull request changes."""


_Digests = Mapping[ObjectKey, str]


async def propose(
    proposals: Sequence[Proposal], environment: Environment, *, is_trusted: bool
) -> Mapping[Name, Proposed | TrueupError]:
    """What every application would come to, or why that cannot be told; nothing is written, or remembered.

    Args:
        proposals: at least one.
        environment: where they are desired; what is known of it stays as it is.
        is_trusted: off for commits of people who may not write to the repository: they are rendered with no Secret, and no value of
            the cluster is told.
    """
    workshop = replace(environment.workshop, is_for_show=True)
    if not is_trusted:
        workshop = replace(workshop, secrets=None, is_trusted=False)
    scratch = replace(environment, desired=environment.desired.copy(), workshop=workshop)
    await environment.cluster.records.intents()
    before, after = await asyncio.gather(
        load([one.before for one in proposals], workshop), load([one.after for one in proposals], workshop)
    )
    refused = await accept(after, [one.after for one in proposals], scratch, is_kept=False)
    free = asyncio.Semaphore(AT_ONCE)

    async def proposed(one: Proposal) -> Proposed | TrueupError:
        name = one.after.name
        if name in refused:
            return refused[name]
        try:
            known, notices = _digests(before[name], one.before, scratch)
            return await _proposed(one.after, known, notices, scratch, free)
        except TrueupError as error:
            return error

    answers = await asyncio.gather(*(proposed(one) for one in proposals))
    found = {one.after.name: answer for one, answer in zip(proposals, answers, strict=True)}
    return found if is_trusted else {name: _without_values(answer) for name, answer in found.items()}


def _digests(source: Source | TrueupError, target: Target, environment: Environment) -> tuple[_Digests, tuple[str, ...]]:
    """What an application renders to before, and what people should know where it does not."""
    try:
        if isinstance(source, TrueupError):
            raise source
        rendering = render(target, source.documents, environment)
    except TrueupError as error:
        return {}, (f"what it goes into cannot be rendered, so everything is taken for new: {error}",)
    everything = (*rendering.manifests.items(), *rendering.hooks.items())
    return {key: manifest.digest for key, manifest in everything}, ()


async def _proposed(
    target: Target, known: _Digests, notices: tuple[str, ...], environment: Environment, free: asyncio.Semaphore
) -> Proposed:
    rendering = environment.desired.of(target.name)
    assert rendering is not None
    wanted = {key: manifest.digest for key, manifest in (*rendering.manifests.items(), *rendering.hooks.items())}
    plan = decide(target, environment)
    touched = {key for key in known.keys() | wanted.keys() if known.get(key) != wanted.get(key)}
    due = [step for step in plan.steps if step.action is not Action.KEEP]
    ours = [step for step in due if step.key in touched]
    results = await asyncio.gather(*(foretell(step, target.application, environment, free) for step in ours))
    holds = tuple(hold for hold in plan.holds if touched & set(hold.keys))
    others = len([step for step in due if step.key not in touched and _is_change(step)])
    findings = tuple(finding for finding in rendering.findings if finding.object in touched)
    return Proposed(tuple(results), others, len(rendering.manifests), holds, notices, findings)


def _is_change(step: Step) -> bool:
    return step.action in (Action.CREATE, Action.UPDATE, Action.DELETE)


def _without_values(answer: Proposed | TrueupError) -> Proposed | TrueupError:
    if isinstance(answer, TrueupError):
        return answer
    results = (replace(r, fields=tuple(replace(field, found="") for field in r.fields)) for r in answer.results)
    return replace(answer, results=tuple(results))
