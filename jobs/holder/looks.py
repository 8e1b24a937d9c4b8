"""What a sync would do, told as the record of a sync that did nothing."""

from collections import Counter
from datetime import UTC, datetime

from jobs.holder.held import Held
from jobs.observe import hold_records, policy_records, step_record
from jobs.records import JobRecord, SyncRecord
from reconciler.errors import NotAllowed, TrueupError
from reconciler.model.outcome import SyncState
from reconciler.sync.preview import Preview, preview
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


def summary(found: Preview) -> str:
    """One line: `would create 1, update 2; 7 as desired`."""
    counts = Counter(str(result.action) for result in found.results)
    told = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()))
    return f"would {told}; {found.kept} as desired" if told else f"nothing to do: {found.kept} as desired"
