"""What a sync would do, told as the record of a sync that did nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from jobs.holder.held import Held
from jobs.observe import hold_records, policy_records, step_record
from jobs.plans import is_trusted
from jobs.records import JobRecord, SyncRecord
from reconciler.errors import NotAllowed, TrueupError, Waiting
from reconciler.model.declared import Name
from reconciler.model.outcome import Action, Revision, SyncState
from reconciler.sync.preview import Preview, preview
from reconciler.sync.proposal import Proposal, Proposed, propose
from reconciler.sync.source import Target


async def previewed(target: Target, held: Held, job: JobRecord) -> SyncRecord:
    """One application's steps as a sync would do them; failed where the API server would refuse one, or it cannot be rendered."""
    application = target.application
    record = SyncRecord(
        application=str(application.name),
        cluster=application.destination.cluster,
        revision=str(target.revision),
        state=SyncState.SUCCEEDED,
        started=datetime.now(UTC),
    )
    try:
        found = await preview(target, held.environment, only=job.only, is_refreshed=job.refresh)
    except TrueupError as error:
        denied = policy_records(error.findings) if isinstance(error, NotAllowed) else ()
        told = {"state": SyncState.FAILED, "message": str(error), "finished": datetime.now(UTC), "policies": denied}
        return record.model_copy(update=told)
    refused = [result for result in found.results if result.error]
    return record.model_copy(
        update={
            "state": SyncState.FAILED if refused else SyncState.SUCCEEDED,
            "message": refused[0].error if refused else summary(found),
            "finished": datetime.now(UTC),
            "steps": tuple(step_record(result) for result in found.results),
            "kept": found.kept,
            "holds": hold_records(found.plan.holds),
            "policies": policy_records(found.findings),
        }
    )


async def proposed(
    targets: Sequence[Target], unseen: Sequence[tuple[Name, Waiting]], held: Held, job: JobRecord
) -> list[SyncRecord]:
    """What merging a pull request would change of some applications; failed where it cannot be told, or would be refused."""
    began = datetime.now(UTC)
    proposals = [Proposal(_at(target, job, job.before), _at(target, job, job.merge)) for target in targets]
    found = await propose(proposals, held.environment, is_trusted=await is_trusted(held.context, job)) if proposals else {}
    answers: dict[Name, Proposed | TrueupError] = {**found, **dict(unseen)}
    revisions = {proposal.after.name: str(proposal.after.revision) for proposal in proposals}
    return [
        _told(
            SyncRecord(
                application=str(name), cluster=held.name, revision=revisions.get(name, ""), state=SyncState.SUCCEEDED,
                started=began, finished=datetime.now(UTC),
            ),
            answer,
        )
        for name, answer in sorted(answers.items())
    ]  # fmt: skip


def _told(record: SyncRecord, answer: Proposed | TrueupError) -> SyncRecord:
    if isinstance(answer, TrueupError):
        denied = policy_records(answer.findings) if isinstance(answer, NotAllowed) else ()
        return record.model_copy(update={"state": SyncState.FAILED, "message": str(answer), "policies": denied})
    refused = [result for result in answer.results if result.error]
    touched = [result for result in answer.results if result.action in (Action.CREATE, Action.UPDATE, Action.DEFER)]
    others = f"{answer.others} more differ from Git today, merged or not" if answer.others else ""
    return record.model_copy(
        update={
            "state": SyncState.FAILED if refused else SyncState.SUCCEEDED,
            "message": refused[0].error if refused else "",
            "steps": tuple(step_record(result) for result in answer.results),
            "kept": answer.objects - len(touched),
            "holds": hold_records(answer.holds),
            "notices": (*answer.notices, *filter(None, [others])),
            "policies": policy_records(answer.findings),
        }
    )


def _at(target: Target, job: JobRecord, commit: str) -> Target:
    """An application with a commit of the job's repository, wherever it follows what the pull request goes into."""
    assert job.pull is not None
    repository, base = Name.parse(job.repository), job.pull.base
    pairs = zip(target.application.sources, target.revisions, strict=True)
    revisions = (
        Revision(revision.ref, commit) if source.repository == repository and revision.ref == base else revision
        for source, revision in pairs
    )
    return replace(target, revisions=tuple(revisions))


def summary(found: Preview) -> str:
    """One line: `would create 1, update 2; 7 as desired`."""
    counts = Counter(str(result.action) for result in found.results)
    told = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()))
    return f"would {told}; {found.kept} as desired" if told else f"nothing to do: {found.kept} as desired"
