"""The gate before anything of an application is applied: what it renders to is judged by the policies that count for it."""

import asyncio
from dataclasses import replace

from reconciler.errors import NotAllowed
from reconciler.plan.policy import describe, is_denied, judge
from reconciler.sync.desired import Desired, Rendering


async def passed(rendering: Rendering) -> Rendering:
    """The rendering, with what policies warn of; judged in a thread, since many rules on many objects take seconds.

    Raises:
        NotAllowed: naming the first object that a policy denies, with the rule and its message, and how many there are.
    """
    application = rendering.application
    if not application.policies:
        return rendering
    manifests = (*rendering.manifests.values(), *rendering.hooks.values())
    findings = await asyncio.to_thread(judge, application.policies, application, manifests)
    if is_denied(findings):
        raise NotAllowed(describe(findings), findings=findings)
    return replace(rendering, findings=tuple(findings))


async def keep_out_denied(refused: Rendering, desired: Desired) -> None:
    """Forget what an application desired before, where the policies that refuse it now deny that too: it is not put back either."""
    known = desired.of(refused.application.name)
    if known is None:
        return
    try:
        await passed(replace(known, application=refused.application))
    except NotAllowed:
        desired.forget(refused.application.name)
