"""The table of routes, from which the application and its OpenAPI document are made."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from pydantic import BaseModel

from jobs.dora import DoraList
from jobs.records import ApplicationRecord, JobRecord, OutcomeList
from jobs.replies import OrphanList, ResourceList, StrayList
from jobs.store.hooks import HookList
from jobs.store.identities import IdentityList
from receiver.api import applications, clusters, commits, decisions, dora, events, hooks, jobs, orphans, repositories
from receiver.schemas import (
    AcceptedAnswer,
    ApplicationList,
    ApproveRequest,
    CommitAnswer,
    DriftList,
    JobList,
    PauseRequest,
    RemoveRequest,
    RollbackRequest,
    SyncRequest,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API."""

    method: str
    path: str
    handler: Handler
    answer: type[BaseModel] | None
    role: str
    query: tuple[str, ...] = ()
    body: type[BaseModel] | None = None
    status: int = 200

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or "").strip().splitlines()[0]


_APPLICATION = "/api/v1/applications/{namespace}/{name}"

ROUTES = (
    Route("GET", "/api/v1/jobs", jobs.find, JobList, "viewer", (*jobs.FILTERS, "limit", "next")),
    Route("GET", "/api/v1/jobs/{id}", jobs.get, JobRecord, "viewer"),
    Route("GET", "/api/v1/commits/{sha}", commits.get, CommitAnswer, "viewer", ("repository", "wait")),
    Route("GET", "/api/v1/applications", applications.find, ApplicationList, "viewer"),
    Route("GET", _APPLICATION, applications.get, ApplicationRecord, "viewer"),
    Route("GET", f"{_APPLICATION}/resources", applications.resources, ResourceList, "viewer"),
    Route("GET", f"{_APPLICATION}/drift", applications.drift, DriftList, "viewer"),
    Route("GET", f"{_APPLICATION}/history", applications.history, OutcomeList, "viewer", ("limit",)),
    Route("POST", f"{_APPLICATION}/diff", applications.diff, AcceptedAnswer, "viewer", status=202),
    Route("POST", f"{_APPLICATION}/sync", applications.sync, AcceptedAnswer, "deployer", body=SyncRequest, status=202),
    Route("POST", f"{_APPLICATION}/approve", applications.approve, AcceptedAnswer, "approver", body=ApproveRequest, status=202),
    Route("POST", f"{_APPLICATION}/pause", decisions.pause, AcceptedAnswer, "deployer", body=PauseRequest, status=202),
    Route("POST", f"{_APPLICATION}/resume", decisions.resume, AcceptedAnswer, "deployer", status=202),
    Route("POST", f"{_APPLICATION}/rollback", decisions.rollback, AcceptedAnswer, "deployer", body=RollbackRequest, status=202),
    Route("GET", "/api/v1/metrics/dora", dora.get, DoraList, "viewer", ("window", "application")),
    Route("GET", "/api/v1/webhooks", hooks.find, HookList, "viewer"),
    Route("GET", "/api/v1/repositories", repositories.find, IdentityList, "viewer"),
    Route("GET", "/api/v1/orphans", orphans.find, OrphanList, "viewer"),
    Route(
        "POST",
        "/api/v1/orphans/{namespace}/{name}/remove",
        orphans.remove,
        AcceptedAnswer,
        "approver",
        body=RemoveRequest,
        status=202,
    ),
    Route("GET", "/api/v1/clusters/{cluster}/strays", clusters.strays, StrayList, "viewer", ("search",)),
    Route("GET", "/api/v1/events", events.stream, None, "viewer"),
)
