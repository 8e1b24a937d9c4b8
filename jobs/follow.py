"""From a ref that may have moved to the applications that are affected, and to the holders of their clusters."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from jobs.context import Context
from jobs.queue import LEAD_MS
from jobs.records import ApplicationRecord, JobKind, JobRecord, JobState
from jobs.refs import followed_refs, followers_now, heads_of, is_left
from reconciler.errors import SourceRefused, Waiting
from reconciler.model.declared import Application, Name, Repository
from reconciler.model.intent import Intent
from reconciler.model.outcome import SyncState
from reconciler.model.policy import SyncMode
from reconciler.plan.intent import describe_rollback, is_about
from reconciler.sync.verified import verified

REFS = frozenset({JobKind.PUSH, JobKind.POLL, JobKind.RECOVERED, JobKind.DECLARED})
"""Jobs that begin at a ref; the others begin at an application."""

TRIES = 5
"""Two workers that advance one ref at once: the slower one looks again."""

SEEN_TRIES = 5
"""How often a job waits for what it is about to be seen by whoever begins it; then it may be gone again."""

SEEN_SECONDS = 0.5

SKEW_SECONDS = 5.0
"""By how much the clocks of receivers and workers may differ."""

ENDED_AT_ONCE = 16
"""Jobs that were overtaken; more at once, and whoever else works in this process waits."""

DISPATCHED_SECONDS = 5.0
"""When a job that was handed to a holder is looked at again, should the holder not have taken it."""


async def follow(context: Context, job: JobRecord) -> None:
    """Fetch what a job is about, find what it affects, and hand it on; ends the job where nothing is to be done."""
    _wait_for_declarations(context, job)
    repository = context.repository_of(job)
    if repository is None:
        await context.end(job, JobState.IGNORED, f"no Repository is declared for {job.scope or job.repository}")
        return
    name = str(repository.name)
    applications = await followers_now(context, repository, job.ref)
    if not applications:
        await context.end(job, JobState.IGNORED, f"no application follows {short(job.ref)} of {name}")
        return
    if job.kind is not JobKind.DECLARED:
        await context.tell_forge(job, repository, JobState.RUNNING, "syncing")
    observation = await context.heads.begin_observation()
    before = context.jobs.now() - timedelta(seconds=SKEW_SECONDS)
    fetched = await context.mirrors.of(repository).fetch(job.ref)
    head = await context.heads.observe(name, job.ref, fetched, observation)
    await context.jobs.add_stage(job.id, "fetched", f"{short(job.ref)} is at {head[:12]}")
    if job.commit and head != job.commit:
        await _go_over(context, job, repository, head)
        await _end_overtaken(context, job, repository, head, before)
        return
    if job.kind is JobKind.DECLARED:
        await context.tell_forge(job, repository, JobState.RUNNING, "syncing")
    await _supersede_older(context, job, repository, head, applications)
    is_checked = await context.heads.checked(name, job.ref) == head
    dirty = await _advance(context, repository, job.ref, head, applications) | await _put_off(context, job)
    if job.kind is JobKind.DECLARED and job.applications and is_checked:
        dirty &= frozenset(job.applications)  # the others have jobs of their own, one of which may wait for this one
    await _dispatch(context, job, [applications[name] for name in sorted(dirty & applications.keys())], applications)


async def run_again(context: Context, job: JobRecord) -> None:
    """Sync what follows a commit's ref by itself, whether it is affected or not: somebody asked for its check again."""
    repository = context.repository_of(job)
    if repository is None:
        await context.end(job, JobState.IGNORED, f"no Repository is declared for {job.scope or job.repository}")
        return
    observation = await context.heads.begin_observation()  # before looking: what others see meanwhile is newer
    heads = await heads_of(context, repository)
    followed = {ref: heads[ref] for ref in followed_refs(context, repository, heads) if job.ref in ("", ref)}
    ref = next((ref for ref, head in followed.items() if head == job.commit), "")
    if not ref:
        await _refuse_again(context, job, repository, followed)
        return
    name = str(repository.name)
    await context.heads.observe(name, ref, job.commit, observation)
    await context.jobs.update(job.id, ref=ref)
    followers = (await followers_now(context, repository, ref)).values()
    wanted = [application for application in followers if application.sync.mode is SyncMode.AUTOMATIC]
    if not wanted:
        await context.end(job, JobState.IGNORED, f"all applications that follow {short(ref)} of {name} are synced by hand")
        return
    await context.tell_forge(job, repository, JobState.RUNNING, "syncing")
    await dispatch(context, job, wanted)


async def _refuse_again(context: Context, job: JobRecord, repository: Repository, followed: Mapping[str, str]) -> None:
    """An older commit is not applied after a newer one, nor what nobody follows."""
    if job.ref in followed:
        await supersede(context, job, repository, followed[job.ref])
        return
    where = short(job.ref) if job.ref else f"a ref that is at {job.commit[:12]}"
    await context.end(job, JobState.IGNORED, f"no application follows {where} of {repository.name}")


async def _put_off(context: Context, job: JobRecord) -> frozenset[str]:
    """What this job could not do when it was begun before; whoever did it since, this job tells how it is."""
    begun = await context.jobs.load(job.id) if job.attempts > 1 else None
    return frozenset(sync.application for sync in begun.syncs if sync.state is SyncState.WAITING) if begun else frozenset()


def _wait_for_declarations(context: Context, job: JobRecord) -> None:
    """Whoever saw a new declaration made the job; another worker may see it a moment later.

    Raises:
        Waiting: when this one has not seen it yet.
    """
    missing = next((name for name in job.applications if Name.parse(name) not in context.declarations.applications), None)
    if job.kind is JobKind.DECLARED and missing is not None and job.attempts <= SEEN_TRIES:
        raise Waiting(f"{missing} is not declared yet, as far as this worker knows", retry_seconds=SEEN_SECONDS)


async def supersede(context: Context, job: JobRecord, repository: Repository | None, head: str, *, is_begun: bool = True) -> None:
    """End a job whose commit was overtaken.

    Before it is begun, one about what was declared has told its commit nothing: that keeps what it was told of the others.
    """
    message = f"superseded by {head[:12]}"
    is_silent = job.kind is JobKind.DECLARED and not is_begun
    if await context.end(job, JobState.SUPERSEDED, message, superseded_by=head) and not is_silent:
        await context.tell_forge(job, repository, JobState.SUPERSEDED, message)


async def _go_over(context: Context, job: JobRecord, repository: Repository, head: str) -> None:
    """Leave a job whose commit was overtaken to the newer commit's, which has one of its own, unless its delivery was lost.

    What was declared anew may not have been known when that job was begun: it gets another job.
    """
    await supersede(context, job, repository, head, is_begun=job.attempts > 1)
    if job.kind is JobKind.DECLARED:
        again = context.record(JobKind.DECLARED, str(repository.name), ref=job.ref, commit=head, applications=job.applications)
        await context.enqueue(again)
        return
    about = await jobs_about(context, str(repository.name), head)
    for other in (other for other in about if other.state is JobState.QUEUED):  # of a long queue, the one that counts
        await context.queue.enqueue(context.keys.queue, "begin", other.id, delay_seconds=-2 * LEAD_MS / 1000, is_repeated=True)
    if not about:
        await context.enqueue(context.record(JobKind.RECOVERED, str(repository.name), ref=job.ref, commit=head))


async def _end_overtaken(context: Context, job: JobRecord, repository: Repository, head: str, before: datetime) -> None:
    """End what waits in the queue for commits of this ref that were not its head any more when it was looked at.

    So ten thousand pushes cost a few fetches; of what is younger nobody knows.
    """
    name = str(repository.name)
    if name in context.overtaking:
        return
    context.overtaking.add(name)
    try:
        async for page in context.jobs.pages_of(name):
            overtaken = [
                other
                for other in page
                if other.ref == job.ref and other.commit not in ("", head) and other.created < before and other.id != job.id
                and other.kind in REFS and other.kind is not JobKind.DECLARED and other.state is JobState.QUEUED
            ]  # fmt: skip
            for start in range(0, len(overtaken), ENDED_AT_ONCE):
                some = overtaken[start : start + ENDED_AT_ONCE]
                await asyncio.gather(*(supersede(context, other, repository, head) for other in some))
    finally:
        context.overtaking.discard(name)


async def jobs_about(context: Context, repository: str, commit: str) -> list[JobRecord]:
    """What is known to be done about a commit as a whole, or to have been; a person who syncs one application is no reason to stop."""
    return [job for job in await context.jobs.about(repository, commit) if job.kind in REFS]


async def _supersede_older(
    context: Context, job: JobRecord, repository: Repository, head: str, applications: Mapping[str, Application]
) -> None:
    """End the older jobs of a ref; not one about an application that this job does not know yet."""
    for other in await context.jobs.active_of(str(repository.name)):
        is_unknown = other.kind is JobKind.DECLARED and not set(other.applications) <= applications.keys()
        if other.id == job.id or other.created > job.created or is_unknown or other.kind is JobKind.PLAN:
            continue
        is_overtaken = (
            other.commit not in ("", head) if other.ref == job.ref else is_left(context, repository, other.ref, job.ref)
        )
        if is_overtaken:
            await supersede(context, other, repository, head, is_begun=other.attempts > 0)


async def _advance(
    context: Context, repository: Repository, ref: str, head: str, applications: Mapping[str, Application]
) -> frozenset[str]:
    """Make the head the checked commit; returns every application that is dirty then."""
    name, cache = str(repository.name), context.inputs_of(repository.name)
    for _ in range(TRIES):
        old = await context.heads.checked(name, ref)
        await cache.refresh(context.heads, name)
        changed = await _changed(context, repository, old, head)
        touched = applications if changed is None else cache.affected(ref, applications, changed)
        if await context.heads.advance(name, ref, old=old, new=head, dirty=sorted(touched)):
            return frozenset(found for found in await context.heads.dirty(name, ref) if found in applications)
    raise Waiting(f"{name}: {short(ref)} moves faster than it can be looked at", retry_seconds=1.0)


async def _changed(context: Context, repository: Repository, old: str, head: str) -> frozenset[str] | None:
    """The paths that changed since the checked commit; None when that cannot be known, and everything is affected."""
    if old == head:
        return frozenset()
    if not old:
        return None
    mirror = context.mirrors.of(repository)
    try:
        for commit in (old, head):
            await mirror.ensure(commit)
        return await mirror.changed(old, head)
    except SourceRefused:
        return None  # force-pushed away and no longer given out: the render says why


async def _dispatch(
    context: Context, job: JobRecord, affected: Sequence[Application], applications: Mapping[str, Application]
) -> None:
    """Hand the affected applications to the holders of their clusters; those that people sync are left to them."""
    wanted = [a for a in affected if a.sync.mode is SyncMode.AUTOMATIC or job.kind is JobKind.MANUAL]
    manual = len(affected) - len(wanted)
    detail = f"{len(affected)} of {len(applications)} applications affected" + (f", {manual} synced by hand" if manual else "")
    await context.jobs.add_stage(job.id, "affected", detail)
    if not wanted:
        await _conclude_untouched(context, job, applications, detail)
        return
    await dispatch(context, job, wanted)


async def _conclude_untouched(context: Context, job: JobRecord, applications: Mapping[str, Application], detail: str) -> None:
    """Nothing to sync: the commit is live as far as its applications are healthy, and none was rolled back from it.

    Raises:
        NotVerified: when it has not the signature that is wanted: nothing good is said of it.
    """
    await _expect_verified(context, job)
    bad = []
    for name, record in (await context.applications.troubled(tuple(applications))).items():
        short_name = applications[name].name.name
        if record.rollback is not None and is_about(_intent(record), job.commit):
            bad.append(f"{short_name}: {describe_rollback(record.rollback)}")
        elif record.unhealthy:
            bad.append(f"{short_name}: {record.unhealthy[0].object}: {record.unhealthy[0].reason}")
    state = JobState.FAILED if bad else JobState.SUCCEEDED
    message = f"{detail}; {bad[0]}" if bad else detail
    await context.end(job, state, message)
    await context.tell_verdict(job, state, message)


async def _expect_verified(context: Context, job: JobRecord) -> None:
    """What is rendered is verified then; this is for a commit of which nothing is."""
    repository = context.repository_of(job)
    if repository is None or repository.verify is None or not job.commit:
        return
    mirror = context.mirrors.of(repository)
    await mirror.ensure(job.commit, (job.ref,))
    refused, _ = await verified(mirror, job.commit, (job.ref,), context.secrets)
    if job.ref in refused:
        raise refused[job.ref]


def _intent(record: ApplicationRecord) -> Intent:
    return Intent(rollback=record.rollback, quarantine=record.quarantine)


async def dispatch(context: Context, job: JobRecord, applications: Sequence[Application]) -> None:
    """Hand a job to the holders of the applications' clusters: one part each.

    Raises:
        Waiting: when no worker has reached one of the clusters yet.
    """
    await context.jobs.set_applications(job.id, sorted(str(application.name) for application in applications))
    await hand_over(context, job, {application.destination.cluster for application in applications})


async def hand_over(context: Context, job: JobRecord, clusters: Iterable[str]) -> None:
    """Hand a job to the holders of clusters, by the names that declarations have for them.

    Raises:
        Waiting: when no worker has reached one of them yet.
    """
    names = sorted(set(clusters))
    uids = await context.redis.hmget(context.keys.clusters, names)
    if None in uids:
        away = names[uids.index(None)]
        raise Waiting(
            f"no worker has reached the cluster {away} yet; a worker's log says why (cluster.unavailable)", retry_seconds=0.5
        )
    found = sorted({uid.decode() for uid in uids})
    await context.parts.hand_over(job.id, found, due_seconds=DISPATCHED_SECONDS)
    for uid in found:
        await context.queue.enqueue(context.keys.cluster_queue(uid), "sync", job.id)


def short(ref: str) -> str:
    """A branch's or tag's name as people say it."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
