"""One hook, brought to its end: what is to be done next is decided in `plan.hooks`, from what is remembered and what is seen.

How it ended is written down before its object goes. A newer commit does not interrupt it: a migration that is stopped halfway helps
nobody.
"""

import asyncio
import contextlib
import dataclasses
import time
from dataclasses import dataclass

from reconciler.errors import ClusterUnavailable, NotAllowed, Stalled, Waiting
from reconciler.events import HookStarted, StepFinished
from reconciler.kube.explain import explain
from reconciler.kube.wait import GRACE_SECONDS
from reconciler.model.hooks import Hook, Phase
from reconciler.model.intent import HookRun
from reconciler.model.objects import LiveMetadata, Manifest, ObjectKey
from reconciler.model.outcome import GOOD, Action, HealthStatus, Step, StepResult
from reconciler.model.policy import AdoptPolicy
from reconciler.plan.hooks import (
    Facts,
    Move,
    as_sent,
    by_key,
    forgotten,
    is_ending,
    is_removed,
    move,
    run_name,
    state_of,
)
from reconciler.plan.marks import FINALIZER
from reconciler.plan.tools import is_known
from reconciler.sync.runs import note_run, now
from reconciler.sync.send import send
from reconciler.sync.source import Target
from reconciler.sync.vigil import Vigil

GONE_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses until what another tool has left under a hook's name is gone."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why hooks run now."""

    target: Target
    vigil: Vigil
    phase: Phase
    digest: str
    """Of the content that they run for."""
    asked_at: str = ""
    """When a person asked for the sync; empty: nobody did."""


class HookRunner:
    """Runs one hook in one phase."""

    def __init__(self, manifest: Manifest, occasion: Occasion) -> None:
        assert manifest.hook is not None
        self._manifest = manifest
        self._hook: Hook = manifest.hook
        self._occasion = occasion
        self._vigil = occasion.vigil
        self._environment = occasion.vigil.environment
        self._cluster = occasion.vigil.environment.cluster
        self._run = run_name(occasion.phase, occasion.digest)
        self._seconds = self._hook.timeout_seconds or occasion.vigil.application.sync.timeout_seconds
        self._deadline = 0.0
        self._degraded_since: float | None = None
        self._is_under_way = False
        self._reason = ""
        """Why it failed, where its object does not say."""

    async def run(self) -> StepResult | None:
        """Bring it to its end; None when it had succeeded before."""
        began = time.monotonic()
        was_done = (past := self._past()) is not None and past.has_succeeded
        error = ""
        try:
            has_succeeded = await self._to_its_end()
            if not has_succeeded:
                error = self._failure()
        except Stalled as refused:
            error = f"{self._manifest.source}: {refused}" if self._manifest.source else str(refused)
        if was_done:
            return None
        result = StepResult(Action.RUN, self._key, self._occasion.phase.reason, error=error)
        self._vigil.observer(StepFinished(self._occasion.target.name, result, time.monotonic() - began))
        return result

    async def _to_its_end(self) -> bool:
        """Do what is to be done until it is done; whether it succeeded."""
        self._restart_clock()
        with self._cluster.index.noticed([self._key]) as changed:
            while True:
                changed.clear()
                following = move(self._facts())
                if following in (Move.DONE, Move.FAILED):
                    return await self._conclude(has_succeeded=following is Move.DONE)
                self._reason = await self._go_on(following, changed)
                if self._reason:
                    return await self._conclude(has_succeeded=False)

    async def _go_on(self, following: Move, changed: asyncio.Event) -> str:
        """Do what is next; why the hook has failed, empty while it has not."""
        match following:
            case Move.START if self._is_under_way:
                return "it was deleted while it ran"
            case Move.START:
                await self._start()
            case Move.AWAIT:
                self._is_under_way = True
                if not await self._is_changed(changed):
                    return f"it did not end within {self._seconds:g} s, and was left as it is"
            case Move.LET_GO:
                await self._let_go(changed)
            case _:  # an older run; it may end, and then it makes room
                if following is Move.REMOVE or not await self._is_changed(changed):
                    await self._delete()
        return ""

    @property
    def _key(self) -> ObjectKey:
        return self._manifest.key

    def _past(self) -> HookRun | None:
        """How it ended for this content, where that is remembered."""
        ran = by_key(self._cluster.records.known(self._occasion.target.name).ran)
        found = ran.get((self._key.identity, self._occasion.phase))
        return found if found is not None and found.digest == self._occasion.digest else None

    def _facts(self) -> Facts:
        index, past = self._cluster.index, self._past()
        health = index.health(self._key)
        is_degraded = health is not None and health.status is HealthStatus.DEGRADED
        self._degraded_since = (self._degraded_since or time.monotonic()) if is_degraded else None
        is_believed = self._degraded_since is not None and time.monotonic() - self._degraded_since >= GRACE_SECONDS
        state = state_of(
            self._key,
            index.ended(self._key),
            is_healthy=health is not None and health.status in GOOD,
            is_degraded=is_believed,
        )
        asked_at = self._occasion.asked_at
        is_retried = past is not None and bool(asked_at) and past.at < asked_at
        return Facts(self._hook, self._run, index.owned.get(self._key), state, past, is_retried)

    def _restart_clock(self) -> None:
        self._deadline = time.monotonic() + self._seconds

    async def _is_changed(self, changed: asyncio.Event) -> bool:
        """Wait until its object is another one, or is to be looked at again; False when its time is up."""
        now_is = time.monotonic()
        left = self._deadline - now_is
        if left <= 0:
            return False
        grace = left if self._degraded_since is None else max(0.0, self._degraded_since + GRACE_SECONDS - now_is)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(left, grace)):
                await changed.wait()
        return True

    async def _start(self) -> None:
        """Make its object, for this run."""
        if (past := self._past()) is not None:  # written down as failed: from now on it is not
            await self._cluster.records.change_intent(
                self._occasion.target.name, lambda intent: dataclasses.replace(intent, ran=forgotten(intent.ran, past))
            )
        live = self._cluster.index.owned.get(self._key)
        if live is None and is_ending(self._key):
            await self._make_room()
        self._vigil.observer(HookStarted(self._occasion.target.name, self._occasion.phase, self._key))
        step = Step(Action.UPDATE if live else Action.CREATE, self._key, "", self._manifest, force=live is not None)
        await send(step, as_sent(self._manifest, self._run), self._vigil.application, self._environment)
        self._is_under_way = True
        self._restart_clock()

    async def _make_room(self) -> None:
        """Delete what another tool has left under this name, where the policy lets us take it over: its content cannot be changed."""
        for pause in GONE_SECONDS:
            found = await self._cluster.read(self._manifest)
            kind = self._cluster.kinds.find(self._key.group, self._key.kind, self._manifest.version)
            if found is None or kind is None:
                return
            live = LiveMetadata.of(found, kind)
            self._refuse_strangers(live)
            await self._environment.writer(self._vigil.application).delete(self._key, uid=live.uid)
            await asyncio.sleep(pause)
        raise ClusterUnavailable(f"{self._key} is still being deleted; the hook runs when it is gone")

    def _refuse_strangers(self, live: LiveMetadata) -> None:
        policy, ours = self._vigil.application.sync.adopt, self._environment.instance.manager
        makers = sorted({entry.manager for entry in live.managers if not entry.subresource and entry.manager != ours})
        strangers = [maker for maker in makers if policy is AdoptPolicy.NEVER or not is_known(maker)]
        if strangers and policy is not AdoptPolicy.ALWAYS:
            raise NotAllowed(
                f"{self._key} is there already, made by {', '.join(strangers)}; delete it, give the hook another name, "
                "or set spec.sync.adopt: always"
            )

    async def _delete(self) -> None:
        """Delete its object, of whichever run."""
        live = self._cluster.index.owned.get(self._key)
        if live is None:
            return
        await self._environment.writer(self._vigil.application).delete(self._key, uid=live.uid)
        self._cluster.index.doomed(self._key)
        self._restart_clock()
        if live.is_kept:
            await self._environment.writer(self._vigil.application).release(self._key, FINALIZER)

    async def _let_go(self, changed: asyncio.Event) -> None:
        live = self._cluster.index.owned.get(self._key)
        if live is not None and live.is_kept:
            await self._environment.writer(self._vigil.application).release(self._key, FINALIZER)
        if not await self._is_changed(changed):
            raise Waiting(f"{self._key} is still being deleted; the hook runs when it is gone")

    async def _conclude(self, *, has_succeeded: bool) -> bool:
        """Write down how it ended, and then, and only then, let its object go."""
        past = self._past()
        if past is None or past.has_succeeded is not has_succeeded:
            if not has_succeeded:
                self._reason = self._reason or await self._why()
            revision = self._occasion.target.revision
            run = HookRun(
                self._key.identity,
                self._occasion.digest,
                revision.commit,
                now(),
                has_succeeded,
                self._occasion.phase,
                self._reason,
            )
            await note_run(self._occasion.target.name, run, self._environment)
        live = self._cluster.index.owned.get(self._key)
        if live is not None and live.run == self._run:
            if live.is_kept:
                await self._environment.writer(self._vigil.application).release(self._key, FINALIZER)
            if is_removed(self._hook, has_succeeded=has_succeeded):
                await self._delete()
        return has_succeeded

    async def _why(self) -> str:
        """What its object and its pods say, taken once."""
        health = self._cluster.index.ended(self._key) or self._cluster.index.health(self._key)
        told = [health.reason if health else "", await explain(self._cluster.client, self._cluster.kinds, self._key)]
        return "; ".join(text for text in told if text) or "it failed"

    def _failure(self) -> str:
        past = self._past()
        reason = self._reason or (past.reason if past else "")
        if self._is_under_way or past is None:
            return f"{self._key}: the {self._occasion.phase} hook failed: {reason}"
        return (
            f"{self._key}: the {self._occasion.phase} hook failed before, for the same content: {reason}; "
            "push a change, or sync by hand to run it again"
        )
