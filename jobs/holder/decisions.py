"""What people decide about an application: written into the cluster before anything is done about it. Each may be carried out twice."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from jobs import metrics
from jobs.holder.held import Held
from jobs.holder.ready import at, look
from jobs.records import DecisionRecord, JobKind, JobRecord, JobState, OutcomeRecord
from jobs.store.jobs import JobFilter
from reconciler.errors import SourceRefused, Stalled, TrueupError
from reconciler.model.declared import Name
from reconciler.model.intent import Healthy, Intent, Pause, Rollback
from reconciler.model.outcome import SyncState
from reconciler.plan.intent import Commits, describe_pause, found_by, is_older, is_rolled_back, pause_of, previous, released
from reconciler.sync.source import Target

log = structlog.get_logger()

HEALTHY = frozenset({SyncState.SUCCEEDED, SyncState.HELD})
"""Everything of the revision was applied and was healthy."""

WAITING_JOBS = 50
"""Jobs of one application that are woken when it goes on."""


async def decide(held: Held, job: JobRecord, names: Sequence[Name]) -> bool:
    """Write down what a job's person decided about its applications; whether nothing is to be synced for it.

    Raises:
        Stalled: when it cannot be done, with what to do instead.
    """
    decision = job.decision or DecisionRecord()
    for name in names:
        match job.kind:
            case JobKind.PAUSE:
                await _pause(held, job, decision, name)
            case JobKind.RESUME:
                await _resume(held, job, decision, name)
            case JobKind.ROLLBACK:
                await _roll_back(held, job, decision, name)
            case JobKind.MANUAL if decision.is_forced:
                await _release(held, job, name)
            case _:
                pass
    return job.kind is JobKind.PAUSE


async def _pause(held: Held, job: JobRecord, decision: DecisionRecord, name: Name) -> None:
    """What is under way comes to its end; from now on nothing is begun."""
    until = decision.until.isoformat() if decision.until else ""
    pause = Pause(job.actor, decision.reason, job.created.isoformat(), until)
    await held.decide(name, lambda intent: replace(intent, pause=pause))
    async with held.noting:
        applications = held.context.applications
        known = await applications.get(str(name))
        if known is not None:
            await applications.put([known.model_copy(update={"pause": pause, "updated": datetime.now(UTC)})])
    message = describe_pause(pause)
    log.info("application.paused", application=str(name), note=message)
    if await held.context.jobs.transition(job.id, JobState.SUCCEEDED, message):
        metrics.JOBS.labels(job.kind, JobState.SUCCEEDED).inc()


async def _resume(held: Held, job: JobRecord, decision: DecisionRecord, name: Name) -> None:
    """End what was asked to end, but nothing that was decided since."""
    if decision.ends == "rollback":
        await _release(held, job, name)
        return

    def without_pause(intent: Intent) -> Intent:
        is_newer = intent.pause is not None and datetime.fromisoformat(intent.pause.at) > job.created
        is_over = pause_of(intent, datetime.now(UTC)) is None
        return replace(intent, pause=None) if is_over or (job.actor and not is_newer) else intent

    intent = await held.decide(name, without_pause)
    log.info("application.resumed", application=str(name), by=job.actor or "its time")
    if pause_of(intent, datetime.now(UTC)) is None:
        await _wake(held, job, name)


async def _release(held: Held, job: JobRecord, name: Name) -> None:
    await held.decide(name, lambda intent: released(intent) if is_older(intent, job.created) else intent)
    log.info("application.released", application=str(name), by=job.actor)


async def _wake(held: Held, job: JobRecord, name: Name) -> None:
    """Begin again the jobs that waited for an application."""
    context = held.context
    waiting, _ = await context.jobs.find(JobFilter(application=str(name), state=JobState.WAITING), limit=WAITING_JOBS)
    for other in waiting:
        if other.id != job.id:
            await context.parts.release(other.id)
            await context.queue.enqueue(context.keys.queue, "begin", other.id, is_repeated=True)


async def _roll_back(held: Held, job: JobRecord, decision: DecisionRecord, name: Name) -> None:
    """Hold an application at an older revision, when that can be rendered."""
    targets, waiting = await held.targets([held.environment.applications[name]])
    if waiting:
        raise waiting[0]
    target, heads = targets[0], targets[0].commits
    await held.context.jobs.update(job.id, commit=target.revision.commit, ref=target.revision.ref)
    intent = (await held.cluster.records.intents()).get(name, Intent())
    if intent.rollback is not None and intent.rollback.job == job.id:
        return  # begun again
    if job.decision is None:  # made by `onFailure: rollback`, which has written down where to; or somebody has ended it since
        return
    history = (await held.context.applications.histories([str(name)]))[str(name)]
    commits = await _chosen(held, decision.to, history, target, intent)
    if commits == heads:
        raise Stalled(
            f"{name} is to be at {'+'.join(heads)} anyway, the newest revision; to end a rollback: trueup app resume {name}"
        )
    await look(held, at(target, commits))
    rollback = Rollback(
        commits, heads, await _digest(held, target), job.actor, decision.reason, datetime.now(UTC).isoformat(), job.id
    )
    await held.decide(name, lambda intent: replace(intent, rollback=rollback))
    log.info("application.rolled_back", application=str(name), commit=commits[0], by=job.actor)


async def _chosen(held: Held, wanted: str, history: Sequence[OutcomeRecord], target: Target, intent: Intent) -> Commits:
    """The commits to return to: those that were named, or the last that were healthy."""
    name, heads = target.name, target.commits
    if wanted:
        found = found_by(wanted, [outcome.commits for outcome in history if len(outcome.commits) == len(heads)])
        if len(found) == 1:
            return found[0]
        if len(wanted) not in (40, 64):
            raise Stalled(f"{name}: {len(found)} of its last revisions begin with {wanted}; give all digits of the commit")
        where = await _repository_with(held, target, wanted)
        sources = zip(target.application.sources, heads, strict=True)
        return tuple(wanted if source.repository == where else head for source, head in sources)
    is_held = intent.rollback is not None and is_rolled_back(intent, heads) is not False
    present = Healthy(intent.rollback.commits if is_held and intent.rollback else heads)
    applied = next((outcome for outcome in history if outcome.digest), None)
    if applied is not None:
        present = Healthy(applied.commits, applied.digest)
    past = [Healthy(outcome.commits, outcome.digest) for outcome in history if outcome.state in HEALTHY]
    past += [intent.fallback] if intent.fallback else []
    found_healthy = previous([healthy for healthy in past if len(healthy.commits) == len(heads)], present, intent)
    if found_healthy is None:
        raise Stalled(f"{name}: no revision before the present one is known to have been healthy; name one: --to COMMIT")
    return found_healthy.commits


async def _repository_with(held: Held, target: Target, commit: str) -> Name:
    """The first of a target's repositories that has a commit; the first of all where it is in none, which is told of when it is fetched."""
    repositories = list(dict.fromkeys(source.repository for source in target.application.sources))
    for name in repositories if len(repositories) > 1 else ():
        with contextlib.suppress(SourceRefused):
            await held.context.mirrors.of(held.context.declarations.repositories[name]).ensure(commit)
            return name
    return repositories[0]


async def _digest(held: Held, target: Target) -> str:
    """Of what the heads render to; empty when they do not."""
    known = held.environment.desired.of(target.name)
    if known is not None and known.revision == target.revision and len(target.revisions) == 1:
        return known.content
    try:
        rendering, _ = await look(held, target)
    except TrueupError:
        return ""
    return rendering.content if rendering else ""
