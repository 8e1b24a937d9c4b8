"""The JSON of the API that is no record: lists, acceptances, verdicts, problems."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from jobs.records import ApplicationRecord, DriftRecord, JobRecord, JobState, Verdict


class Schema(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class AcceptedAnswer(Schema):
    """A job that was made, or that there was."""

    id: str
    url: str = Field(description="Path of the job.")
    state: JobState


class JobList(Schema):
    """Jobs, newest first."""

    items: tuple[JobRecord, ...]
    next: str | None = Field(default=None, description="Where the next page begins, as the query parameter `next`.")


class ApplicationList(Schema):
    """Applications by name."""

    items: tuple[ApplicationRecord, ...]
    next: str | None = None


class DriftList(Schema):
    """Drift findings, newest first."""

    items: tuple[DriftRecord, ...]


class CommitAnswer(Schema):
    """What is said of a commit, and all its jobs."""

    verdicts: tuple[Verdict, ...]
    jobs: tuple[JobRecord, ...]


class Problem(Schema):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    request: str = Field(default="", description="The request's id, as in the log.")


class SyncRequest(Schema):
    """What is synced, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    only: tuple[Annotated[str, Field(pattern=r"^([^/\s]+/)?[^/\s]+/[^/\s]+$", max_length=600)], ...] = Field(
        default=(),
        max_length=100,
        description="Only these objects, `KIND/NAME` or `NAMESPACE/KIND/NAME`; nothing is deleted then.",
    )
    refresh: bool = Field(default=False, description="List the live objects, instead of trusting the watches.")
    dry_run: bool = Field(default=False, description="Only say what would be done.")
    force: bool = Field(default=False, description="Sync the newest commit though it was rolled back or is quarantined.")


class ApproveRequest(Schema):
    """Which set of deletions is approved; without a digest, the one shown last."""

    digest: str = ""


class PauseRequest(Schema):
    """Why an application is paused, and how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1, max_length=500, description="For those who wonder why nothing is synced.")
    for_: str = Field(default="", alias="for", description="Such as 90m or 2h; left out: until somebody resumes.")


class RollbackRequest(Schema):
    """What to return to, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str = Field(default="", description="A commit, or its first digits; left out: the last one that was healthy before.")
    reason: str = Field(default="", max_length=500, description="For those who wonder why the newest revision is not live.")


class RemoveRequest(Schema):
    """Which objects are to be removed: exactly those that were shown."""

    cluster: str = "in-cluster"
    digest: str = Field(min_length=1)
