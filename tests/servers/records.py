"""Records as jobs and holders leave them in Redis."""

from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.intake import new_job_id
from jobs.records import ApplicationRecord, HoldRecord, JobKind, JobRecord, JobState, SyncRecord
from reconciler.model.outcome import HealthStatus, SyncState

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
COMMIT = "c" * 40


def job_record(minute: int = 0, **fields: Any) -> JobRecord:
    """A push of trueup/shop, some minutes after noon."""
    at = NOON + timedelta(minutes=minute)
    known = {
        "id": new_job_id(at), "kind": JobKind.PUSH, "state": JobState.QUEUED, "repository": "trueup/shop", "commit": COMMIT,
        "ref": "refs/heads/main", "created": at, "updated": at,
    }  # fmt: skip
    return JobRecord(**(known | fields))


def sync_record(state: SyncState = SyncState.SUCCEEDED, **fields: Any) -> SyncRecord:
    """A sync of trueup/web in the cluster `in-cluster`."""
    known = {"application": "trueup/web", "cluster": "in-cluster", "revision": f"main@sha1:{COMMIT}", "state": state}
    return SyncRecord(**(known | fields))


def application_record(name: str = "web", **fields: Any) -> ApplicationRecord:
    """An application of trueup/shop that is as it should be."""
    known = {
        "name": f"trueup/{name}", "repository": "trueup/shop", "revision": f"main@sha1:{COMMIT}",
        "desired": f"main@sha1:{COMMIT}", "path": f"apps/{name}", "cluster": "in-cluster", "namespace": "web",
        "state": SyncState.SUCCEEDED, "health": HealthStatus.HEALTHY, "objects": 3, "updated": NOON,
    }  # fmt: skip
    return ApplicationRecord(**(known | fields))


def held_application(digest: str = "d1", **fields: Any) -> ApplicationRecord:
    """One whose deletions wait for an approval."""
    holds = (HoldRecord(guard="empty", reason="it renders to nothing", objects=("web/ConfigMap/a",)),)
    return application_record(state=SyncState.HELD, held_digest=digest, holds=holds, **fields)
