"""The hooks of one application: wave by wave, each to its end. What is to be done about one is in `hookrun`."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TypeVar

from reconciler.model.hooks import Phase
from reconciler.model.outcome import StepResult
from reconciler.plan.hooks import in_waves
from reconciler.sync.hookrun import HookRunner, Occasion
from reconciler.sync.source import Target
from reconciler.sync.vigil import Vigil

T = TypeVar("T")


async def run_hooks(phase: Phase, target: Target, vigil: Vigil, *, asked_at: str = "") -> tuple[StepResult, ...]:
    """Run the hooks of a phase that are due, in order; stops after a wave in which one failed.

    Args:
        phase: when in the sync this is.
        target: whose hooks.
        vigil: what they are waited for with.
        asked_at: when a person asked for the sync; what had failed before runs again then. Empty: nobody did.

    Returns:
        What came of them, without those that had run before.

    Raises:
        ClusterUnavailable: when the API server does not answer; the next sync goes on where this one was.
    """
    rendering = vigil.environment.desired.of(target.name)
    if rendering is None or not rendering.hooks:
        return ()
    await vigil.environment.cluster.records.intents()
    occasion = Occasion(target, vigil, phase, rendering.digest, asked_at)
    results: list[StepResult] = []
    for wave in in_waves(rendering.hooks.values(), phase):
        done = await _together([HookRunner(manifest, occasion).run() for manifest in wave])
        results += [result for result in done if result is not None]
        if any(result.error for result in results):
            break
    return tuple(results)


async def _together(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """What all of it comes to; when one part raises, the others are not left behind."""
    tasks = [asyncio.ensure_future(part) for part in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
