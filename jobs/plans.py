"""From a pull request to the plan of what merging it would change: by any worker up to the applications, then by their clusters' holders."""

from collections.abc import Collection, Mapping

import structlog

from jobs.context import Context
from jobs.follow import dispatch, short
from jobs.forges.conversation import Pull
from jobs.forges.forge import path_of
from jobs.planned import conclude_plan
from jobs.records import JobKind, JobRecord, JobState, PullRecord
from reconciler.errors import NotVerified, TrueupError
from reconciler.git.merge import Merge, merge
from reconciler.model.declared import Application, ForkPolicy, Repository
from reconciler.sync.verified import verified

log = structlog.get_logger()


async def plan(context: Context, job: JobRecord) -> None:
    """Find what merging a pull request makes, and which applications that affects; ends the job where there is nothing to plan."""
    repository, pull = context.repository_of(job), _pull(job)
    if repository is None:
        await context.end(job, JobState.IGNORED, f"no Repository is declared for {job.scope or job.repository}")
        return
    applications = context.declarations.following(repository.name, pull.base)
    if reason := why_none(repository, pull, applications, silent=context.comments.why_silent(repository)):
        await context.end(job, JobState.IGNORED, reason)
        return
    if not await _is_newest(context, job):
        return
    await context.comments.want(repository, pull.number, job.id)
    if not job.ref:
        await conclude(context, job, JobState.FAILED, not_offered(repository))
        return
    await context.tell_forge(job, repository, JobState.RUNNING, "planning")
    found = await merge(context.mirrors.of(repository), pull.base, job.ref)
    if found.head != job.commit:
        job = await _move_on(context, job, repository, found.head)
    await context.jobs.update(job.id, before=found.base, merge=found.commit)
    into = f"{short(pull.base)} ({found.base[:12]})"
    await context.jobs.add_stage(job.id, "merged", found.why_none or f"{found.head[:12]} into {into}")
    if found.why_none:
        await conclude(context, job, JobState.FAILED, f"cannot be merged into {short(pull.base)}: {found.why_none}")
        return
    affected = await _affected(context, repository, pull.base, found, applications)
    await context.jobs.add_stage(job.id, "affected", f"{len(affected)} of {len(applications)} applications affected")
    if affected:
        await dispatch(context, job, affected)
    else:
        await conclude(context, job, JobState.SUCCEEDED, "no application is affected")


def why_none(repository: Repository, pull: PullRecord, applications: Collection[str], *, silent: str) -> str:
    """Why no plan is made of a pull request; empty when one is.

    Args:
        repository: that it goes into.
        pull: as its event, or a command beneath it, says.
        applications: those that follow what it goes into.
        silent: why nothing can be written beneath it; empty when it can.
    """
    what = f"pull request {pull.number}"
    if not applications:
        return f"no application follows {short(pull.base)} of {repository.name}"
    if not repository.pulls.plan:
        return f"{what}: spec.pullRequests.plan of {repository.name} is false"
    if silent:
        return f"{what}: {silent}"
    if pull.is_fork and repository.pulls.forks is ForkPolicy.IGNORE:
        return f"{what} is from a fork, which spec.pullRequests.forks of {repository.name} ignores"
    if pull.is_fork and repository.pulls.forks is ForkPolicy.ASK and not pull.is_asked:
        return f"{what} is from a fork: somebody who may write to {repository.name} must say /trueup plan beneath it"
    return ""


def not_offered(repository: Repository) -> str:
    """Why a pull request cannot be planned whose commits are not where it goes into."""
    mend = f"push its branch to {path_of(repository)} to have it planned"
    return f"it is from a fork, whose commits {repository.forge} does not offer here; {mend}"


async def is_trusted(context: Context, job: JobRecord) -> bool:
    """Whether a pull request is rendered with Secrets: it is of people who may write to the repository, and signed where that is wanted."""
    repository = context.repository_of(job)
    if repository is None or job.pull is None or job.pull.is_fork:
        return False
    if repository.verify is None:
        return True
    try:
        refused, _ = await verified(context.mirrors.of(repository), job.commit, {""}, context.secrets)
    except NotVerified:
        return False
    return not refused


async def conclude(context: Context, job: JobRecord, state: JobState, message: str) -> None:
    """End a plan, and say so on its commit; the comment follows by itself."""
    await context.jobs.add_stage(job.id, "finished")
    if await context.end(job, state, message):
        repository = context.repository_of(job)
        await context.tell_forge(job, repository, state, message)
        if repository is not None:
            await context.comments.hurry(repository, _pull(job).number)


async def conclude_planned(context: Context, job: JobRecord) -> None:
    """End a plan when all its clusters have said what they would do."""
    fresh = await context.jobs.load(job.id)
    if fresh is not None and len(fresh.syncs) >= len(fresh.applications):
        state, message = conclude_plan(fresh.syncs)
        await conclude(context, fresh, state, message)


async def replan(context: Context, repository: Repository, pull: Pull, *, detail: str, actor: str = "") -> str:
    """Make a plan of a pull request as the forge shows it now; the job's id.

    Args:
        context: the worker's means.
        repository: where it is.
        pull: as the forge shows it.
        detail: why, for people.
        actor: who asked for it, and may write to the repository; empty: nobody.
    """
    record = context.record(
        JobKind.PLAN, str(repository.name), ref=pull.ref, commit=pull.commit, detail=detail, scope=repository.scope, actor=actor,
        pull=PullRecord(number=pull.number, base=pull.base, is_fork=pull.is_fork, is_asked=bool(actor)),
    )  # fmt: skip
    await context.enqueue(record)
    return record.id


def _pull(job: JobRecord) -> PullRecord:
    assert job.pull is not None
    return job.pull


async def _affected(
    context: Context, repository: Repository, base: str, merged: Merge, applications: Mapping[str, Application]
) -> list[Application]:
    """The applications that read something of what merging changes, by name."""
    is_news = merged.commit != merged.base
    changed = await context.mirrors.of(repository).changed(merged.base, merged.commit) if is_news else ()
    if not changed:
        return []
    cache = context.inputs_of(repository.name)
    await cache.refresh(context.heads, str(repository.name))
    return [applications[name] for name in sorted(cache.affected(base, applications, changed))]


async def _is_newest(context: Context, job: JobRecord) -> bool:
    """End the older plans of the same pull request; False when this is one itself."""
    for other in await context.jobs.active_of(job.repository):
        if other.kind is not JobKind.PLAN or other.pull is None or other.pull.number != _pull(job).number or other.id == job.id:
            continue
        older, newer = sorted((job, other), key=lambda one: (one.created, one.id))
        await _overtake(context, older, newer.commit)
        if older is job:
            return False
    return True


async def _overtake(context: Context, job: JobRecord, commit: str) -> None:
    message = f"superseded by {commit[:12]}"
    if await context.end(job, JobState.SUPERSEDED, message, superseded_by=commit) and commit != job.commit:
        await context.tell_forge(job, context.repository_of(job), JobState.SUPERSEDED, message)


async def _move_on(context: Context, job: JobRecord, repository: Repository, head: str) -> JobRecord:
    """The pull request has moved since its event was sent: plan what it is now."""
    await context.tell_forge(job, repository, JobState.SUPERSEDED, f"superseded by {head[:12]}")
    await context.jobs.update(job.id, commit=head)
    moved = job.model_copy(update={"commit": head})
    await context.tell_forge(moved, repository, JobState.RUNNING, "planning")
    return moved


async def recover_plans(context: Context) -> None:
    """Redis lost everything: make the plans of open pull requests anew, whose statuses may have been left pending."""
    for repository in context.declarations.repositories.values():
        if not repository.pulls.plan or not context.comments.may_speak(repository):
            continue
        try:
            api, token = context.comments.conversations[repository.forge], await context.comments.token(repository)
            async with context.limits.asking(repository, repository.pulls.secret):
                pulls = await api.open_pulls(repository, token)
            for pull in pulls:
                about = await context.jobs.about(str(repository.name), pull.commit)
                is_known = any(job.kind is JobKind.PLAN for job in about)  # its event has come meanwhile
                if pull.ref and not is_known and context.declarations.following(repository.name, pull.base):
                    await replan(context, repository, pull, detail="its record was lost")
        except TrueupError as error:
            log.warning("plans.not_recovered", repository=str(repository.name), error=str(error))
