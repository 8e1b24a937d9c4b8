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


class ApproveRequest(Schema):
    """Which set of deletions is approved; without a digest, the one shown last."""

    digest: str = ""
