"""Which hooks run now, which are done, and what becomes of their objects. Pure.

A hook runs once for everything that its application renders to: when anything of that changes, in whichever object, it is due again,
and it is not when the same content is synced again, after a crash, a lost Redis or a restart. What ran is remembered in the cluster
(`model.intent.HookRun`); and a hook's object says for which content it runs (`marks.RUN`), so that one whose end was not written down
is not started a second time.

A Job with a time to live after its end is gone when it is done. It is no drift either: it is due again when it is changed itself.
"""

import dataclasses
import enum
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from reconciler.model.hooks import Hook, Phase, Removal
from reconciler.model.intent import HookRun
from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.outcome import Health, HealthStatus, Owned
from reconciler.plan.marks import FINALIZER, RUN
from reconciler.plan.order import rank

ENDING = frozenset({("batch", "Job"), ("", "Pod")})
"""Kinds that run to an end, and whose content cannot be changed: an older run's object makes room for the next."""

RunKey = tuple[str, str]
"""An object's identity, and the phase; empty for a Job that is no hook."""


class RunState(enum.Enum):
    """How the object of a run is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Move(enum.Enum):
    """What is to be done about one hook of a phase now."""

    DONE = "done"
    """It has run for this content, and succeeded."""
    FAILED = "failed"
    """It has run for this content, and failed."""
    AWAIT = "await"
    """It runs; its end is waited for."""
    LET_END = "let-end"
    """Its object runs for older content: it is not interrupted."""
    REMOVE = "remove"
    """Its object is from an older run, and makes room."""
    LET_GO = "let-go"
    """Its object is being deleted."""
    START = "start"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one hook in one phase."""

    hook: Hook
    run: str
    """Of this run: `run_name`."""
    live: Owned | None = None
    state: RunState = RunState.RUNNING
    """Of the live object."""
    past: HookRun | None = None
    """How it ended for this content, where that is remembered."""
    is_retried: bool = False
    """Whether a person asked for this sync after it had failed."""


def run_name(phase: Phase, digest: str) -> str:
    """What a hook's object carries as `marks.RUN`: the phase, and for which content it runs."""
    return f"{phase}:{digest}"


def in_waves(hooks: Iterable[Manifest], phase: Phase) -> tuple[tuple[Manifest, ...], ...]:
    """The hooks of a phase as they run together, in order: by wave, and by kind within a wave."""
    taking_part = [manifest for manifest in hooks if manifest.hook is not None and phase in manifest.hook.phases]
    ordered = sorted(taking_part, key=lambda manifest: (manifest.wave, rank(manifest.key), manifest.key))
    return tuple(tuple(wave) for _, wave in itertools.groupby(ordered, key=lambda manifest: manifest.wave))


def due(hooks: Iterable[Manifest], phase: Phase, past: Mapping[RunKey, HookRun], digest: str) -> tuple[Manifest, ...]:
    """The hooks of a phase that did not run for this content, in order."""
    return tuple(
        manifest
        for wave in in_waves(hooks, phase)
        for manifest in wave
        if (run := past.get((manifest.key.identity, phase))) is None or run.digest != digest
    )


def move(facts: Facts) -> Move:
    """What is to be done about a hook now.

    What is written down counts most, then what its object says of itself. A run that failed is not repeated by itself: for the same
    content it would only fail again; a person who asks for the sync asks for the hook too.
    """
    live, state, past = facts.live, facts.state, facts.past
    is_this_run = live is not None and live.run == facts.run
    if (past is not None and past.has_succeeded) or (is_this_run and state is RunState.SUCCEEDED):
        return Move.DONE
    if past is not None and not facts.is_retried:
        return Move.FAILED
    if live is None:
        return Move.START
    if is_this_run and past is None and state is RunState.FAILED:
        return Move.FAILED
    if live.deleting:
        return Move.LET_GO
    if is_this_run and past is None:
        return Move.AWAIT
    if live.run and state is RunState.RUNNING and is_ending(live.key):
        return Move.LET_END
    makes_room = is_ending(live.key) or Removal.BEFORE_CREATION in facts.hook.removals
    return Move.REMOVE if makes_room else Move.START


def state_of(key: ObjectKey, ended: Health | None, *, is_healthy: bool, is_degraded: bool) -> RunState:
    """How the object of a run is: a Job has ended when it says so; whatever has no end has come to it when it is healthy."""
    if ended is not None:
        return RunState.SUCCEEDED if ended.status is HealthStatus.HEALTHY else RunState.FAILED
    if (key.group, key.kind) == ("batch", "Job"):
        return RunState.RUNNING
    return RunState.SUCCEEDED if is_healthy else RunState.FAILED if is_degraded else RunState.RUNNING


def is_removed(hook: Hook, *, has_succeeded: bool) -> bool:
    """Whether a hook's object is deleted when its run has ended so."""
    return (Removal.SUCCEEDED if has_succeeded else Removal.FAILED) in hook.removals


def is_ending(key: ObjectKey) -> bool:
    """Whether objects of this kind run to an end."""
    return (key.group, key.kind) in ENDING


def is_fleeting(manifest: Manifest) -> bool:
    """Whether the object is gone by itself when it is done: a Job with a time to live."""
    is_job = (manifest.key.group, manifest.key.kind) == ("batch", "Job")
    return is_job and isinstance(manifest.document.get("spec", {}).get("ttlSecondsAfterFinished"), int)


def as_sent(manifest: Manifest, run: str = "") -> Manifest:
    """A manifest as it is sent: with the run that it belongs to, and kept from vanishing before its end is written down."""
    is_kept = is_fleeting(manifest)
    if not run and not is_kept:
        return manifest
    document = orjson.loads(manifest.body)
    metadata = document["metadata"]
    if run:
        metadata["annotations"][RUN] = run
    if is_kept:
        metadata["finalizers"] = [*metadata.get("finalizers", ()), FINALIZER]
    return dataclasses.replace(manifest, body=orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def by_key(ran: Iterable[HookRun]) -> Mapping[RunKey, HookRun]:
    """What is remembered, by object and phase."""
    return {(run.identity, run.phase): run for run in ran}


def run_of(owned: Owned) -> tuple[str, str]:
    """The phase, and the content, that a live object runs for; no phase for a Job that is no hook."""
    phase, _, digest = owned.run.partition(":")
    return (phase, digest) if digest else ("", owned.applied)


def remembered(ran: Sequence[HookRun], run: HookRun, declared: Collection[str] | None) -> tuple[HookRun, ...]:
    """What is remembered once a run has ended: the last run of each object and phase, as long as the object is declared.

    Args:
        ran: what was remembered.
        run: what has ended.
        declared: the identities of what its application declares; None while that is not known.
    """
    known = by_key(ran).get((run.identity, run.phase))
    if known is not None and (known.digest, known.has_succeeded) == (run.digest, run.has_succeeded):
        return tuple(ran)
    others = (past for past in ran if past != known and (declared is None or past.identity in declared))
    return (*others, run)


def forgotten(ran: Sequence[HookRun], run: HookRun) -> tuple[HookRun, ...]:
    """What is remembered without a run that is about to be repeated."""
    return tuple(past for past in ran if past != run)


def without_failures(ran: Sequence[HookRun], before: str) -> tuple[HookRun, ...]:
    """What is remembered without Jobs, no hooks, that had failed before a time."""
    return tuple(past for past in ran if past.phase or past.has_succeeded or past.at >= before)


def has_run(manifest: Manifest, past: Mapping[RunKey, HookRun]) -> HookRun | None:
    """The run of a Job that is gone when it is done, for exactly this content; None when it is due."""
    run = past.get((manifest.key.identity, ""))
    return run if run is not None and run.digest == manifest.digest else None
