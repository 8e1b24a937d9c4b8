"""Commands beneath pull requests: allowed by what their author may do at the forge, carried out as jobs, answered where they stand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from jobs.context import Context
from jobs.forges.conversation import Pull
from jobs.intake import asked_for
from jobs.orders import NEEDS, USAGE, Order, Standing, Verb, read
from jobs.planned import code, fenced, form_of, hidden
from jobs.plans import not_offered, replan
from jobs.records import ApplicationRecord, DecisionRecord, JobKind, JobRecord, JobState
from jobs.store.jobs import JobFilter
from reconciler.model.declared import Repository

log = structlog.get_logger()

OURS = "trueup answers"
"""What says, where nobody sees it, that a comment is ours, so that it commands nothing."""

PLANS = 100
"""Jobs of a repository that are looked through for the newest plan of a pull request."""

KINDS = {
    Verb.SYNC: JobKind.MANUAL,
    Verb.DIFF: JobKind.DIFF,
    Verb.PAUSE: JobKind.PAUSE,
    Verb.RESUME: JobKind.RESUME,
    Verb.ROLLBACK: JobKind.ROLLBACK,
    Verb.APPROVE: JobKind.APPROVAL,
}


async def command(context: Context, job: JobRecord) -> None:
    """Carry a command out, and answer it; whoever may not command gets a sign and no words."""
    repository = context.repository_of(job)
    assert job.pull is not None
    if reason := _why_none(context, repository):
        await context.end(job, JobState.IGNORED, reason)
        return
    assert repository is not None
    async with context.limits.asking(repository, repository.pulls.secret):
        await _carry_out(context, job, repository)


async def _carry_out(context: Context, job: JobRecord, repository: Repository) -> None:
    assert job.pull is not None
    api, token = context.comments.conversations[repository.forge], await context.comments.token(repository)
    standing = await api.standing(repository, job.actor, token)
    if standing is Standing.NONE:
        await api.react(repository, job.pull.number, job.pull.comment, token, is_good=False)
        await context.end(job, JobState.FAILED, f"{job.actor} may not write to {repository.name}")
        return
    pull = await api.pull(repository, job.pull.number, token)
    is_good, message, lines = await _obeyed(context, job, repository, (pull, standing))
    await api.react(repository, pull.number, job.pull.comment, token, is_good=is_good)
    if lines:
        text = "\n".join([code(job.pull.command), "", *lines, "", hidden(OURS, form_of(repository.forge))])
        await api.write_comment(repository, pull.number, text, token)
    await context.end(job, JobState.SUCCEEDED if is_good else JobState.FAILED, message)


def _why_none(context: Context, repository: Repository | None) -> str:
    if repository is None:
        return "its Repository is not declared any more"
    if not repository.pulls.commands:
        return f"spec.pullRequests.commands of {repository.name} is false"
    return context.comments.why_silent(repository)


async def _obeyed(
    context: Context, job: JobRecord, repository: Repository, about: tuple[Pull, Standing]
) -> tuple[bool, str, Sequence[str]]:
    """Whether it was done, one line about it, and what is answered beneath the pull request."""
    pull, standing = about
    followers = context.declarations.following(repository.name, pull.base)
    order = read(job.pull.command if job.pull else "", followers.keys())
    if isinstance(order, str):
        return False, order, [fenced([order]), "", USAGE]
    if standing < NEEDS[order.verb]:
        message = f"{order.verb} needs the right to maintain the repository"
        return False, message, [message]
    match order.verb:
        case Verb.HELP:
            return True, "help", [USAGE]
        case Verb.PLAN:
            if not pull.is_open:
                return False, "the pull request is closed", ["The pull request is closed: there is nothing to plan."]
            if not pull.ref:
                message = not_offered(repository)
                return False, message, [message]
            made = await replan(context, repository, pull, detail=f"{job.actor} asked for it", actor=job.actor)
            return True, f"plan: job {made}", []
    names = order.applications or await _planned(context, repository, pull)
    if not names:
        message = f"name the applications: /trueup {order.verb} APPLICATION"
        return False, message, [f"No plan says which applications this is about; {message}", "", fenced(sorted(followers))]
    return await _started(context, job, order, [name for name in names if name in followers])


async def _planned(context: Context, repository: Repository, pull: Pull) -> tuple[str, ...]:
    """The applications of the pull request's newest plan."""
    found, _ = await context.jobs.find(JobFilter(repository=str(repository.name)), limit=PLANS)
    plans = (job for job in found if job.kind is JobKind.PLAN and job.pull is not None and job.pull.number == pull.number)
    return next((plan.applications for plan in plans if plan.applications), ())


async def _started(context: Context, job: JobRecord, order: Order, names: Sequence[str]) -> tuple[bool, str, Sequence[str]]:
    """A job for each application, the same one when the command is begun again."""
    lines: list[str] = []
    count = 0
    for name in names:
        record = await context.applications.get(name)
        if record is None or (order.verb is Verb.APPROVE and not record.held_digest):
            lines.append(f"- {code(name)}: {'nothing of it is held' if record else 'not known yet'}")
            continue
        made = await context.enqueue(_job(job, order, record), once=f"command:{job.id}:{name}")
        count += 1
        link = context.link_to(made)
        lines.append(f"- {code(name)}: {f'[job {made.id}]({link})' if link else f'job {code(made.id)}'}")
    return count > 0, f"{order.verb}: {count} of {len(names)} applications", lines


def _job(job: JobRecord, order: Order, application: ApplicationRecord) -> JobRecord:
    return asked_for(
        application,
        KINDS[order.verb],
        job.actor,
        detail=f"beneath pull request {job.pull.number if job.pull else 0}",
        approves=application.held_digest if order.verb is Verb.APPROVE else "",
        decision=_decision(order, application),
    )


def _decision(order: Order, application: ApplicationRecord) -> DecisionRecord | None:
    match order.verb:
        case Verb.PAUSE:
            until = datetime.now(UTC) + timedelta(seconds=order.seconds) if order.seconds else None
            return DecisionRecord(reason=order.reason, until=until)
        case Verb.RESUME:
            return DecisionRecord(ends="pause" if application.pause else "rollback")
        case Verb.ROLLBACK:
            return DecisionRecord(to=order.to, reason=order.reason)
    return None
