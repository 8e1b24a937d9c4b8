"""What every task needs of its worker, built in one place: `worker`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from jobs import metrics
from jobs.comments import Comments
from jobs.connection import Redis
from jobs.forges.forge import Status, StatusState
from jobs.forges.hooks import Hooks, Place
from jobs.forges.places import registered
from jobs.forges.tokens import Tokens
from jobs.inputs import InputCache
from jobs.intake import new_job_id
from jobs.keys import Keys
from jobs.limits import Limits
from jobs.planned import PLAN_SUFFIX
from jobs.queue import Queue, Wake
from jobs.records import ApplicationRecord, JobKind, JobRecord, JobState, ScopeRecord, SourceRecord, StageRecord, VerdictState
from jobs.settings import JobSettings
from jobs.shares import Shares
from jobs.statuses import Statuses, Subject
from jobs.store.applications import ApplicationStore
from jobs.store.heads import HeadStore
from jobs.store.hooks import HookRecord, HookStore
from jobs.store.identities import IdentityRecord, IdentityStore
from jobs.store.jobs import JobFilter, JobStore
from jobs.store.parts import Part, PartStore
from jobs.verdicts import verdicts, worst
from reconciler.declarations.resources import ResourceKey
from reconciler.git.mirror import Mirrors
from reconciler.kube.resources import Resources
from reconciler.model.declared import Application, Declarations, Forge, Instance, Name, Repository, Secrets
from reconciler.render.renderer import Renderer
from reconciler.sync.recall import Memory

log = structlog.get_logger()

STATUS_OF = {
    JobState.SUCCEEDED: StatusState.SUCCESS,
    JobState.FAILED: StatusState.FAILURE,
    JobState.SUPERSEDED: StatusState.ERROR,
}
"""Everything else is pending; a held commit says so in its description."""

UNTOLD = frozenset({
    JobKind.DRIFT, JobKind.DIFF, JobKind.PARTIAL, JobKind.PAUSE, JobKind.ROLLBACK, JobKind.PLAN, JobKind.COMMAND,
})  # fmt: skip
"""Jobs that say nothing about their commit by how they end; a rollback says by itself what becomes of it."""

VERDICT_JOBS = 100
"""Jobs of one commit that its status is made from."""

STATUS_OF_VERDICT = {
    VerdictState.SUCCEEDED: StatusState.SUCCESS,
    VerdictState.FAILED: StatusState.FAILURE,
    VerdictState.SUPERSEDED: StatusState.ERROR,
}

REOPENING = frozenset({JobKind.MANUAL, JobKind.APPROVAL, JobKind.RESUME})
"""Jobs by which people ask for more work on a commit: its status may go back to pending."""


@dataclass(eq=False)
class Context:
    """One worker's means."""

    settings: JobSettings
    instance: Instance
    worker: str
    url: str
    """Of Redis."""
    redis: Redis
    keys: Keys
    jobs: JobStore
    parts: PartStore
    applications: ApplicationStore
    heads: HeadStore
    queue: Queue
    statuses: Statuses
    comments: Comments
    """Beneath pull requests."""
    limits: Limits
    """Of what forges allow."""
    mirrors: Mirrors
    renderer: Renderer
    memory: Memory
    """What was rendered before."""
    secrets: Secrets
    tokens: Tokens
    """Of forges."""
    seal_key: bytes
    resources: Resources
    """Repositories and Applications in the cluster `in-cluster`."""
    declarations: Declarations = field(default_factory=Declarations)
    problems: tuple[str, ...] = ()
    """What is wrong with the newest files of declarations; those before them are in force."""
    refused: Mapping[ResourceKey, tuple[str, ...]] = field(default_factory=dict)
    """Resources that are not in force, and what is wrong with each."""
    declared: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when declarations were read for the first time."""
    changes: set[asyncio.Event] = field(default_factory=set)
    """Set, all of them, at every change of the declarations."""
    inputs: dict[Name, InputCache] = field(default_factory=dict)
    """By repository; forgotten when Redis was lost."""
    hooks: Mapping[Place, Mapping[Forge, Hooks]] = field(default_factory=dict)
    """The forges at which webhooks are registered, and where these hang."""
    identities: Mapping[str, IdentityRecord] = field(default_factory=dict)
    """What forges know repositories by, as far as it was learned."""
    identities_number: int = 0
    """Up to which change."""
    hook_troubles: tuple[str, ...] = ()
    """What is wrong with some of these webhooks."""
    shares: Shares = field(init=False)
    """How many jobs of one repository are begun at once."""
    running: set[Part] = field(default_factory=set)
    """Parts of jobs that this worker is busy with."""
    overtaking: set[str] = field(default_factory=set)
    """Repositories of which what was overtaken is being ended."""
    statuses_due: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a status is wanted, so that it is posted at once."""

    def __post_init__(self) -> None:
        self.shares = Shares(self.settings.concurrency)

    def inputs_of(self, repository: Name) -> InputCache:
        """What the applications of a repository were rendered from, as this worker knows it."""
        return self.inputs.setdefault(repository, InputCache())

    def record(
        self, kind: JobKind, repository: str = "", *, ref: str = "", commit: str = "", detail: str = "", **more: object
    ) -> JobRecord:
        """A new job, received now; the detail says how."""
        now = datetime.now(UTC)
        fields = {"repository": repository, "ref": ref, "commit": commit, **more}
        return JobRecord(
            id=new_job_id(now), kind=kind, state=JobState.QUEUED, created=now, updated=now,
            stages=(StageRecord(name="received", at=now, detail=detail),), **fields,
        )  # fmt: skip

    async def enqueue(self, record: JobRecord, *, once: str = "") -> JobRecord:
        """Store a job, and wake any worker for it; the job, or the one that was stored before under the same name.

        Args:
            record: the job.
            once: what it is known by to whoever may ask for it again, if anybody.
        """
        key = self.keys.delivery("once", once) if once else ""
        job_id = await self.jobs.create(record, Wake.first(self.keys, record), delivery_key=key)
        return record.model_copy(update={"id": job_id})

    async def end(self, job: JobRecord, state: JobState, message: str, **more: str) -> bool:
        """Bring a job to its end: once, counted and logged; False when somebody else did."""
        if not await self.jobs.transition(job.id, state, message, **more):
            return False
        metrics.JOBS.labels(job.kind, state).inc()
        log.info("job.finished", job=job.id, kind=str(job.kind), state=str(state), message=message)
        return True

    async def tell_forge(self, job: JobRecord, repository: Repository | None, state: JobState, message: str) -> None:
        """Say on the commit how its job is."""
        if repository is None or not job.commit or (job.kind in UNTOLD and job.kind is not JobKind.PLAN):
            return
        may_reopen = job.kind in REOPENING or state is JobState.HELD
        told = STATUS_OF.get(state, StatusState.PENDING)
        await self.tell_commit(repository, job, told, message or str(state), may_reopen=may_reopen)

    async def tell_verdict(self, job: JobRecord, state: JobState, message: str) -> None:
        """Say on the commit what a job that ended makes of it: where it has others, none speaks for all applications."""
        repository = self.repository_of(job)
        if repository is None or not job.commit or job.kind in (JobKind.DIFF, JobKind.PLAN):
            return
        if await self.redis.zcard(self.keys.jobs_of("commit", job.commit)) == 1:
            await self.tell_forge(job, repository, state, message)
            return
        jobs, _ = await self.jobs.find(JobFilter(commit=job.commit), limit=VERDICT_JOBS)
        ours = [other for other in jobs if other.repository in ("", job.repository)]
        if found := verdicts(ours, commit=job.commit, instance=self.instance.id):
            verdict = worst(found)
            if verdict.state is VerdictState.PENDING:
                return  # it says so already, and the end of what is under way says more
            told = STATUS_OF_VERDICT.get(verdict.state, StatusState.PENDING)
            may_reopen = job.kind in REOPENING or verdict.state is VerdictState.HELD
            await self.tell_commit(repository, job, told, verdict.message or str(verdict.state), may_reopen=may_reopen)

    async def tell_commit(
        self, repository: Repository, job: JobRecord, state: StatusState, message: str, *, may_reopen: bool = False
    ) -> None:
        """Post a status on a job's commit."""
        name = self.plan_name(repository) if job.kind is JobKind.PLAN else self.status_name(repository)
        status = Status(state, name, message, self.link_to(job))
        deploys = job.kind is not JobKind.PLAN
        await self.statuses.want(repository, job.commit, status, may_reopen=may_reopen, deploys=deploys)
        self.statuses_due.set()

    def status_name(self, repository: Repository) -> str:
        """What the status of a repository's commits is called."""
        return repository.status.context or self.instance.id

    def plan_name(self, repository: Repository) -> str:
        """What the status of a pull request's plan is called."""
        return f"{self.status_name(repository)}{PLAN_SUFFIX}"

    def is_plan(self, subject: Subject) -> bool:
        """Whether a status is one of a plan, and not of what was synced."""
        repository = self.declarations.repositories.get(Name.parse(subject.repository))
        return repository is not None and subject.context == self.plan_name(repository)

    def link_to(self, job: JobRecord) -> str:
        """A job's page; empty when nobody said where Trueup is reached."""
        return f"{self.settings.public_url.rstrip('/')}/jobs/{job.id}" if self.settings.public_url else ""

    def repository_of(self, job: JobRecord) -> Repository | None:
        """The declared repository of a job, by name or else by scope."""
        found = (r for r in self.declarations.repositories.values() if job.repository in ("", str(r.name)))
        return next((r for r in found if job.repository or r.scope == job.scope), None)

    async def publish(self) -> None:
        """Tell receivers what is declared: whose webhooks are welcome, and which applications there are."""
        self.identities = await IdentityStore(self.redis, self.keys).all()
        await self.publish_scopes()
        await self.applications.introduce(_introduction(a) for a in self.declarations.applications.values())
        known = self.declarations
        await self.applications.keep_only(str(name) for name in {*known.applications, *known.leaving, *known.refused})

    async def publish_scopes(self) -> None:
        """Tell receivers whose webhooks are welcome."""
        await self.applications.publish_scopes(self.scopes(await HookStore(self.redis, self.keys).all()))

    def current_identities(self) -> Sequence[IdentityRecord]:
        """What was learned of repositories at the addresses that are declared now."""
        return [record for record in self.identities.values() if self.is_current(record)]

    def is_current(self, record: IdentityRecord) -> bool:
        """Whether what was learned is of the address that is declared now."""
        found = self.declarations.repositories.get(Name.parse(record.repository))
        return found is not None and (record.forge, record.scope) == (str(found.forge), found.scope)

    def scopes(self, hooks: Mapping[str, HookRecord]) -> tuple[ScopeRecord, ...]:
        """Whose webhooks are welcome, and with which generations of their secrets."""
        now, ids = datetime.now(UTC), {record.repository: record.id for record in self.current_identities()}
        own = [
            ScopeRecord(
                scope=r.scope, provider=str(r.forge), repository=(name := str(r.name)), generation=generation,
                repository_id=ids.get(name, ""),
            )
            for r in self.declarations.repositories.values()
            for generation in generations(r, None if r.webhook_scope else _hook_of(r, hooks), now)
        ]  # fmt: skip
        shared = [
            ScopeRecord(scope=hook.scope, provider=str(hook.forge), generation=generation)
            for hook in registered(self.declarations.repositories.values()).values()
            for generation in generations(hook, _hook_of(hook, hooks), now)[1:]
            if hook.webhook_scope
        ]
        return (*own, *shared)


def _hook_of(repository: Repository, hooks: Mapping[str, HookRecord]) -> HookRecord | None:
    """How the hook is that a Repository registers; what is known of another one that it had does not count."""
    found = hooks.get(str(repository.name))
    return found if found is not None and found.scope == repository.webhook_scope else None


def generations(repository: Repository, hook: HookRecord | None, now: datetime) -> tuple[int, ...]:
    """The generations of a repository's secret that open the door: the declared one, and while the forge is given it, the one before."""
    declared = repository.webhook_generation
    if not repository.webhook_register or hook is None:
        return (declared,)
    is_untold = bool(hook.fingerprint) and hook.generation not in (declared, hook.former)  # nobody looked at it since
    is_former = hook.former not in (None, declared) and hook.former_until is not None and now < hook.former_until
    return (
        declared,
        *([hook.generation] if is_untold else []),
        *([hook.former] if is_former and hook.former is not None else []),
    )


def _introduction(application: Application) -> ApplicationRecord:
    """An application that is declared, and that was never synced as far as is known."""
    first = application.sources[0]
    sources = (SourceRecord(repository=str(s.repository), path=s.path, ref=s.ref) for s in application.sources)
    return ApplicationRecord(
        name=str(application.name), repository=str(first.repository), path=first.path, sources=tuple(sources),
        cluster=application.destination.cluster, namespace=application.destination.namespace,
        message="not synced yet", updated=datetime.now(UTC),
    )  # fmt: skip
