"""Webhooks that care for themselves: each Repository with `webhook.register` has its hook made, tried and mended by some worker.

What is true is asked of the forge every time; what Redis holds is only which secret the forge was given last, and what people are told.
Where that is lost, the forge is given the secret once more. Hooks of Repositories that are not registered any more are left.
"""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog

from jobs import metrics
from jobs.context import Context
from jobs.derive import fingerprint
from jobs.forges.hooks import Care, Desk, Wish, mend_of, wish_of
from jobs.forges.places import place_of, registered
from jobs.limits import Held
from jobs.schedule import interval_number
from jobs.store.hooks import HookRecord, HookState, HookStore
from reconciler.errors import Stalled, Transient, TrueupError
from reconciler.model.declared import Repository

log = structlog.get_logger()

LOOK_SECONDS = 900.0
"""How often a hook is looked at: two requests, so that a token of GitHub's with 5,000 an hour does for five hundred repositories."""

AGAIN_SECONDS = 60.0
"""The same, when the forge did not answer."""

MEND_SECONDS = 300.0
"""The same, when a person must mend something, or while deliveries do not arrive."""

TURN_SECONDS = 120.0
"""How long a hook is left to the worker that cares for it, should that worker die."""

OVERLAP_SECONDS = 3600.0
"""How long the generation before a new one is taken at most, while the forge is given the new one."""

LATE_SECONDS = 600.0
"""How long it is taken once the forge has the new one: deliveries may be under way."""

AT_ONCE = 4

TROUBLES = 5
"""So many are named where people look whether Trueup is well."""


async def care_for_hooks(context: Context) -> None:
    """Look at every hook that is due; one worker does each."""
    store = HookStore(context.redis, context.keys)
    wanted, known = registered(context.declarations.repositories.values()), await store.all()
    if not wanted and not known:
        return
    await store.forget(known.keys() - wanted.keys())
    if await _publish(context, known):
        return  # receivers believe what they read for a second: a new secret opens the door before a forge has it
    free = asyncio.Semaphore(AT_ONCE)

    async def look(name: str, repository: Repository) -> None:
        async with free:
            await _look_if_due(context, repository, known.get(name))

    await asyncio.gather(*(look(name, repository) for name, repository in wanted.items()))
    found = await store.all()
    _tell(context, found)
    await _publish(context, found)


async def _publish(context: Context, known: Mapping[str, HookRecord]) -> bool:
    """Tell receivers whose webhooks are welcome, where they know otherwise; whether they did."""
    scopes = context.scopes(known)
    if await context.applications.scopes() == scopes:
        return False
    await context.applications.publish_scopes(scopes)
    return True


async def _look_if_due(context: Context, repository: Repository, known: HookRecord | None) -> None:
    number = interval_number(str(repository.name), LOOK_SECONDS, time.time())
    turn = context.keys.tick(f"hook:{repository.name}:{_digest(context, repository)}:{number}")
    if not await context.redis.set(turn, context.worker, nx=True, px=int(TURN_SECONDS * 1000)):
        return
    record = await _looked_at(context, repository, known)
    seconds = {HookState.WORKING: LOOK_SECONDS, HookState.UNKNOWN: AGAIN_SECONDS}.get(record.state, MEND_SECONDS)
    await context.redis.pexpire(turn, int(seconds * 1000))


def _digest(context: Context, repository: Repository) -> str:
    """Another one when something else is wished for, which is then looked at at once."""
    master = context.settings.master_keys[0] if context.settings.master_keys else b""
    wished = (
        context.settings.public_url,
        repository.api,
        repository.webhook_generation,
        repository.webhook_secret,
        repository.scope,
    )
    return hashlib.blake2b(repr(wished).encode(), key=master[:64], digest_size=8).hexdigest()


async def _looked_at(context: Context, repository: Repository, known: HookRecord | None) -> HookRecord:
    """Care for one hook, and store how it is."""
    store, now = HookStore(context.redis, context.keys), datetime.now(UTC)
    shared = repository.webhook_scope
    before = known if known is not None and known.scope == shared else None
    before = before or HookRecord(
        repository=str(repository.name), forge=str(repository.forge), scope=shared, state=HookState.UNKNOWN, checked=now
    )
    if before.fingerprint and before.generation not in (repository.webhook_generation, before.former):
        until = now + timedelta(seconds=OVERLAP_SECONDS)
        before = before.model_copy(update={"former": before.generation, "former_until": until})
        await store.put(before)
    record = before
    try:
        async with context.limits.asking(repository, repository.webhook_secret):
            desk, wish, name = await _desk_of(context, repository)
            hook, done = await desk.put(wish, known_id=before.hook, has_secret=before.fingerprint == name)
            record = _with_hook(before, repository, hook.id, name if done else "", now).model_copy(
                update={"address": wish.address}
            )
            await store.put(record)  # what the forge has is known, whatever comes of the rest
            care = await desk.look(hook, wish, done, was_failing=before.state is HookState.FAILING)
        _say(repository, care)
        trouble = f"its deliveries do not arrive at {wish.address}: {care.trouble}; {mend_of(care.trouble)}"
        message = trouble if care.trouble else ""
        state = HookState.FAILING if care.trouble else HookState.WORKING
    except Held:
        return before
    except TrueupError as error:
        state, message = HookState.UNKNOWN if isinstance(error, Transient) else HookState.REFUSED, str(error)
    record = record.model_copy(update={"checked": now, "state": state, "message": message})
    await store.put(record)
    if (state, message) != (before.state, before.message) and state is not HookState.WORKING:
        log.warning("webhook.troubled", repository=record.repository, state=str(state), error=message)
    return record


def _with_hook(before: HookRecord, repository: Repository, hook: str, written: str, now: datetime) -> HookRecord:
    """A hook's record, once it is there; *written* names the secret that it was given, if it was."""
    change: dict[str, object] = {"hook": hook}
    if written:
        change |= {"fingerprint": written, "generation": repository.webhook_generation}
        if before.former_until is not None:
            change["former_until"] = min(before.former_until, now + timedelta(seconds=LATE_SECONDS))
    return before.model_copy(update=change)


async def _desk_of(context: Context, repository: Repository) -> tuple[Desk, Wish, str]:
    """A repository at its forge, what its hook should be, and the name of its secret.

    Raises:
        Stalled: when a person must change something.
        Transient: when the token cannot be read now.
    """
    settings, api = context.settings, context.hooks[place_of(repository)].get(repository.forge)
    if api is None:
        raise Stalled(
            f"{repository.name}: webhooks of {repository.forge} are entered by hand: trueup webhook show {repository.name}"
        )
    if not settings.public_url or not settings.master_keys:
        missing = "TRUEUP_WEBHOOK_KEYS" if settings.public_url else "TRUEUP_PUBLIC_URL"
        raise Stalled(f"{repository.name}: its webhook cannot be registered: the worker needs {missing}")
    if repository.webhook_secret is None:
        raise Stalled(
            f"{repository.name}: its webhook cannot be registered: name a Secret with a token in spec.webhook.secretRef"
        )
    master = settings.master_keys[0]
    name = fingerprint(master, str(repository.forge), repository.scope, repository.webhook_generation)
    wish = wish_of(repository, settings.public_url, master)
    return Desk(api, repository, (await context.tokens.of(repository, repository.webhook_secret)).value), wish, name


def _say(repository: Repository, care: Care) -> None:
    if care.done:
        log.info("webhook.registered", repository=str(repository.name), hook=care.hook.id, done="; ".join(care.done))
    if care.redelivered:
        metrics.REDELIVERIES.inc(care.redelivered)
        log.info("webhook.redelivered", repository=str(repository.name), hook=care.hook.id, deliveries=care.redelivered)


def _tell(context: Context, found: Mapping[str, HookRecord]) -> None:
    """Say how hooks are, where people and Prometheus look."""
    counts = Counter(record.state for record in found.values())
    for state in HookState:
        metrics.WEBHOOKS.labels(state).set(counts[state])
    troubled = [record for record in found.values() if record.state is not HookState.WORKING]
    context.hook_troubles = tuple(record.message for record in troubled[:TROUBLES])
