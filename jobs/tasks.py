"""What any worker does: begin jobs, look at heads, find what was lost, close statuses. Each task may run twice or stop anywhere."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import structlog
from redis.exceptions import RedisError

from jobs.commands import command
from jobs.context import STATUS_OF, Context
from jobs.follow import REFS, dispatch, follow, hand_over, jobs_about, run_again
from jobs.forges.forge import Status, StatusState
from jobs.identities import recognise
from jobs.plans import plan, recover_plans
from jobs.records import JobKind, JobRecord, JobState
from jobs.refs import followed_refs, forget, heads_of, moves
from jobs.retry import retry_after
from jobs.schedule import interval_number
from jobs.statuses import Subject
from jobs.store.parts import Part
from reconciler.errors import Stalled, TrueupError
from reconciler.git.verify import signers_of
from reconciler.model.declared import Application, Name, Repository
from reconciler.sync.outside import name_now

log = structlog.get_logger()

NEWEST = frozenset({JobKind.MANUAL, JobKind.PARTIAL, JobKind.DIFF, JobKind.RESUME, JobKind.ROLLBACK})
"""Jobs that begin at an application, and want to know where its refs are now, not when they were last looked at."""

PULLS = {JobKind.PLAN: plan, JobKind.COMMAND: command}
"""Jobs that begin at a pull request."""

UNREAD = "-"
"""Written of an application whose ConfigMaps or Secrets could not be read: once they can, it is rendered."""

SWEEP_SECONDS = 3600.0
"""How often mirrors that nobody needs are looked for."""

POLLS_AT_ONCE = 8
"""Repositories that one worker looks at at once: one that does not answer holds no other up."""


async def begin(arq_context: Mapping[str, Any], job_id: str) -> None:
    """Begin a job, or begin it again."""
    context: Context = arq_context["context"]
    await context.declared.wait()  # a worker that has just started would take every repository for unknown
    if not await _is_put_off(context, job_id):
        await guarded(context, Part(job_id), _begin)


async def _is_put_off(context: Context, job_id: str) -> bool:
    """Leave a job for later whose repository has all the places that it may have here."""
    found = await context.jobs.load_brief([job_id]) if context.shares.is_crowded else []
    seconds = context.shares.pause(found[0]) if found else None
    if seconds is None:
        return False
    if await context.parts.postpone(job_id, due_seconds=seconds):
        await context.queue.enqueue(context.keys.queue, "begin", job_id, delay_seconds=seconds)
    return True


async def guarded(context: Context, part: Part, work: Callable[[Context, JobRecord], Awaitable[None]]) -> None:
    """Do a part of a job as its owner; what goes wrong becomes the job's state, and its next try."""
    if part in context.running:
        return
    context.running.add(part)  # before it is ours: what is ours and not here is taken for lost
    try:
        found = await context.jobs.load_brief([part.job]) if await context.parts.claim(part, context.worker) else []
        for job in found:
            with structlog.contextvars.bound_contextvars(job=job.id, repository=job.repository):
                await _handled(context, job, work)
            await context.parts.end(part, context.worker)
    finally:
        context.running.discard(part)


async def _handled(context: Context, job: JobRecord, work: Callable[[Context, JobRecord], Awaitable[None]]) -> None:
    try:
        await work(context, job)
    except TrueupError as error:
        await give_up(context, job, error)
    except RedisError:
        raise  # Redis went away, and with it what could be said; the job is begun again when it is back
    except Exception:  # a defect ends the job in words, instead of being begun again for ever
        log.exception("job.crashed")
        message = "an error in Trueup itself; its log says more"
        await context.end(job, JobState.FAILED, message)
        await context.tell_forge(job, context.repository_of(job), JobState.FAILED, message)


async def give_up(context: Context, job: JobRecord, error: TrueupError) -> None:
    """End a job that a person must help, or try it again later."""
    seconds = retry_after(error, job.attempts, random.random())  # noqa: S311 - jitter is no secret
    message = str(error)
    if seconds is None:
        log.warning("job.failed", error=message)
        await context.end(job, JobState.FAILED, message)
        await context.tell_forge(job, context.repository_of(job), JobState.FAILED, message)
        return
    log.warning("job.waits", error=message, retry_seconds=round(seconds, 1))
    await context.jobs.transition(job.id, JobState.WAITING, message)
    await context.parts.release(job.id, due_seconds=seconds)
    await context.queue.enqueue(context.keys.queue, "begin", job.id, delay_seconds=seconds)


async def _begin(context: Context, job: JobRecord) -> None:
    with context.shares.taken(job):
        await _begin_now(context, job)


async def _begin_now(context: Context, job: JobRecord) -> None:
    await context.jobs.add_stage(job.id, "started", await recognise(context, job))
    if job.state is JobState.QUEUED:
        await context.jobs.transition(job.id, JobState.RUNNING, "")
    if job.kind in REFS:
        await follow(context, job)
        return
    if job.kind is JobKind.MANUAL and not job.applications:
        await run_again(context, job)
        return
    if job.kind in PULLS:
        await PULLS[job.kind](context, job)
        return
    names = [Name.parse(name) for name in job.applications]
    if job.kind is JobKind.REMOVAL:
        await hand_over(context, job, [job.cluster])
        return
    known = {**context.declarations.applications, **context.declarations.leaving}
    applications = [known[name] for name in names if name in known]
    if not applications:
        raise Stalled(f"there is no application {', '.join(job.applications)}")
    if job.kind in NEWEST:
        repositories = {source.repository for application in applications for source in application.sources}
        await asyncio.gather(*(_observe_newest(context, job, name) for name in sorted(repositories)))
    await dispatch(context, job, applications)


async def _observe_newest(context: Context, job: JobRecord, name: Name) -> None:
    """See where the refs are; a rollback, and the end of a pause, do not wait for a Git host that is away."""
    try:
        await _observe_heads(context, name)
    except TrueupError as error:
        if job.kind not in (JobKind.RESUME, JobKind.ROLLBACK):
            raise
        log.warning("heads.not_seen", repository=str(name), error=str(error))


async def _observe_heads(context: Context, name: Name) -> None:
    repository = context.declarations.repositories[name]
    observation = await context.heads.begin_observation()
    heads = await heads_of(context, repository)
    ranges = await moves(context, repository, await context.heads.heads(str(name)), heads)
    for ref in followed_refs(context, repository, heads):
        await context.heads.observe(str(name), ref, heads[ref], observation)
    await forget(context, repository, ranges, observation)


async def poll(context: Context, repository: Repository, *, kind: JobKind = JobKind.POLL) -> int:
    """Look at a repository's heads, and make a job for each that moved, or that nothing is known of; how many."""
    name = str(repository.name)
    observation = await context.heads.begin_observation()
    try:
        heads = await heads_of(context, repository)
    except TrueupError as error:
        await context.heads.note_look(name, str(error))
        raise
    await context.heads.note_look(name, "")
    known = await context.heads.heads(name)
    count = await _look_outside(context, repository, heads)
    ranges = await moves(context, repository, known, heads)
    for ref in followed_refs(context, repository, heads):
        commit = heads[ref]
        is_moved = known.get(ref) != commit or ref in ranges.moved
        if not is_moved and not await _is_undone(context, name, ref, commit):
            continue
        about = await jobs_about(context, name, commit)
        if any(_is_going_on(job) for job in about) or (about and not is_moved):
            continue
        is_unheard = kind is JobKind.POLL and is_moved and ref in known and repository.webhook_register
        detail = f"no webhook had told of it; at most {repository.poll_seconds:g} s late" if is_unheard else ""
        found = JobKind.RECOVERED if is_unheard else kind
        await context.enqueue(context.record(found, name, ref=ref, commit=commit, detail=detail))
        log.info("head.moved", repository=name, ref=ref, commit=commit, kind=str(found))
        count += 1
    await forget(context, repository, ranges, observation)  # last, so that one who stops before does it all again
    return count


async def _look_outside(context: Context, repository: Repository, heads: Mapping[str, str]) -> int:
    """Make a job for each ref of which an application needs a ConfigMap or Secret that is not what it was, or other submodules; how many."""
    name = str(repository.name)
    known = await context.heads.outside(name)
    needing = {
        shown: application
        for followers in context.declarations.followers(repository.name).values()
        for shown, application in followers.items()
        if repository.verify is not None
        or repository.added
        or shown in known
        or any(s.repository == repository.name and (s.render or application.render).references for s in application.sources)
    }
    now = await _outside_now(context, repository, needing.values())
    changed = {shown: found for shown, found in now.items() if found != known.get(shown)}
    if not changed:
        return 0
    await context.heads.put_outside(name, changed)
    rendered = context.inputs_of(repository.name)
    await rendered.refresh(context.heads, name)
    due = {n for n, found in changed.items() if found not in (UNREAD, known.get(n, "")) and (n in known or n in rendered)}
    count = 0
    for ref in followed_refs(context, repository, heads) if due else ():
        if names := due & context.declarations.following(repository.name, ref).keys():
            await context.heads.soil(name, ref, names)
            await context.enqueue(context.record(JobKind.POLL, name, ref=ref, commit=heads[ref]))
            log.info("outside.changed", repository=name, ref=ref, applications=sorted(names))
            count += 1
    return count


async def _outside_now(context: Context, repository: Repository, needing: Collection[Application]) -> Mapping[str, str]:
    """By application a name for what it needs from outside of Git now."""
    signers = await _signers(context, repository) if needing else ""
    names: dict[str, str] = {}
    for application in needing:
        names[str(application.name)] = UNREAD
        try:
            if signers != UNREAD:
                names[str(application.name)] = await name_now(
                    application, repository.name, context.secrets, context.seal_key, signers + repository.added
                )
        except TrueupError as error:
            log.warning("outside.unread", application=str(application.name), error=str(error))
    return names


async def _signers(context: Context, repository: Repository) -> str:
    """A name for the keys that signatures are checked with now, read once for all applications; empty where none are wanted."""
    if repository.verify is None:
        return ""
    try:
        return (await signers_of(repository, context.secrets)).name
    except TrueupError as error:
        log.warning("signers.unread", repository=str(repository.name), error=str(error))
        return UNREAD


async def _is_undone(context: Context, repository: str, ref: str, commit: str) -> bool:
    """Whether something is left to do for a head that was seen before: it is so when its job vanished with all of Redis."""
    return await context.heads.checked(repository, ref) != commit or bool(await context.heads.dirty(repository, ref))


def _is_going_on(job: JobRecord) -> bool:
    return not job.state.is_final and job.state is not JobState.HELD


async def poll_due(context: Context) -> frozenset[Name]:
    """Look at the heads of every repository that is due, several at once; one worker does each. Which ones it was here."""
    free = asyncio.Semaphore(POLLS_AT_ONCE)
    looked_at: set[Name] = set()

    async def look(repository: Repository) -> None:
        number = interval_number(str(repository.name), repository.poll_seconds, time.time())
        key = context.keys.tick(f"poll:{repository.name}:{number}")
        async with free:
            if await context.redis.set(key, context.worker, nx=True, px=int(repository.poll_seconds * 1000)):
                looked_at.add(repository.name)
                try:
                    await poll(context, repository)
                except TrueupError as error:
                    log.warning("poll.failed", repository=str(repository.name), error=str(error))

    await asyncio.gather(*(look(repository) for repository in context.declarations.repositories.values()))
    return frozenset(looked_at)


async def sweep_mirrors(context: Context) -> None:
    """Remove the mirrors of Repositories that are gone, once an hour on every host; never when some declarations are not known."""
    now = time.monotonic()
    if not context.declarations.is_complete or now < context.mirrors.sweep_at:
        return
    context.mirrors.sweep_at = now + SWEEP_SECONDS
    if count := await context.mirrors.sweep(context.declarations.repositories.values()):
        log.info("mirrors.swept", count=count)


async def recover(context: Context) -> None:
    """Redis lost everything: look at every head, and close what forges still show as pending."""
    await context.publish()
    for repository in context.declarations.repositories.values():
        context.inputs.pop(repository.name, None)
        try:
            await poll(context, repository, kind=JobKind.RECOVERED)
            await _close_left(context, repository)
        except TrueupError as error:
            log.warning("recovery.failed", repository=str(repository.name), error=str(error))
    await recover_plans(context)


async def _close_left(context: Context, repository: Repository) -> None:
    """Commits that are no head any more are overtaken; the heads have new jobs."""
    name = context.status_name(repository)
    heads = await heads_of(context, repository)
    for ref in followed_refs(context, repository, heads):
        for commit in await context.statuses.left_pending(repository, ref, name):
            if commit != heads[ref]:
                status = Status(StatusState.ERROR, name, f"superseded by {heads[ref][:12]}")
                await context.statuses.want(repository, commit, status)
    context.statuses_due.set()


async def close_forgotten(context: Context) -> None:
    """Close statuses left pending by work that ended: whoever ended it died before the forge was told."""

    async def verdict(subject: Subject) -> Status | None:
        if context.is_plan(subject):
            about = await context.jobs.about(subject.repository, subject.commit)
            found = [job for job in about if job.kind is JobKind.PLAN]
        else:
            found = await jobs_about(context, subject.repository, subject.commit)
        told = [job for job in found if job.state in STATUS_OF or not job.state.is_final]
        if any(not job.state.is_final for job in told):
            return None
        if not told:
            return Status(StatusState.ERROR, subject.context, "its job is gone; push again, or sync by hand")
        return Status(STATUS_OF[told[-1].state], subject.context, told[-1].message, context.link_to(told[-1]))

    if await context.statuses.sweep(verdict):
        context.statuses_due.set()


async def wake_lost(context: Context) -> None:
    """Begin again what nobody is doing: parts of dead workers, and parts that are overdue."""
    for part in await context.parts.lost(context.worker, context.running):
        if part in context.running:
            continue
        log.info("job.lost", job=part.job, cluster=part.name)
        if part.name in await _clusters(context):
            await context.queue.enqueue(context.keys.cluster_queue(part.name), "sync", part.job, is_repeated=True)
            continue
        if part.name:  # the cluster is another one by now
            await context.parts.release(part.job)
        await context.queue.enqueue(context.keys.queue, "begin", part.job, is_repeated=True)


async def _clusters(context: Context) -> frozenset[str]:
    return frozenset(uid.decode() for uid in await context.redis.hvals(context.keys.clusters))
