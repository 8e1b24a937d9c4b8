"""What a sync would do, told as the record of a sync that did nothing."""

from collections import Counter
from datetime import UTC, datetime

from jobs.holder.held import Held
from jobs.observe import hold_records, step_record
from jobs.records import JobRecord, SyncRecord
from reconciler.errors import TrueupError
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
        return record.model_copy(update={"state": SyncState.FAILED, "message": str(error), "finished": datetime.now(UTC)})
    refused = [result for result in found.results if result.error]
    return record.model_copy(
        update={
            "state": SyncState.FAILED if refused else SyncState.SUCCEEDED,
            "message": refused[0].error if refused else summary(found),
            "finished": datetime.now(UTC),
            "steps": tuple(step_record(result) for result in found.results),
            "kept": found.kept,
            "holds": hold_records(found.plan.holds),
        }
    )


def summary(found: Preview) -> str:
    """One line: `would create 1, update 2; 7 as desired`."""
    counts = Counter(str(result.action) for result in found.results)
    told = ", ".join(f"{action} {count}" for action, count in sorted(counts.items()))
    return f"would {told}; {found.kept} as desired" if told else f"nothing to do: {found.kept} as desired"
