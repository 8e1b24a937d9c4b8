"""Check runs in place of statuses: one a commit and context, written twice; found again at GitHub when Redis was lost."""

from dataclasses import replace

from jobs.connection import Redis
from jobs.forges.forge import Denied, Status, StatusState
from jobs.forges.github_checks import GitHubChecks, Run
from jobs.keys import JOB_SECONDS, Keys
from jobs.planned import PLAN_SUFFIX
from jobs.records import JobKind
from jobs.report import Report, plan_report, report_of
from jobs.store.jobs import JobFilter, JobStore
from reconciler.errors import Stalled
from reconciler.model.declared import Repository

UNPROCESSABLE = 422

JOBS = 20
"""Of one commit, the newest ones, that are told of."""


class Checks:
    """Writes check runs. Each commit and context is written by one worker at a time, see `statuses`."""

    def __init__(self, redis: Redis, keys: Keys, api: GitHubChecks, jobs: JobStore) -> None:
        self._redis = redis
        self._keys = keys
        self._api = api
        self._jobs = jobs

    async def post_status(self, repository: Repository, commit: str, status: Status, token: str) -> None:
        """Say on a commit how it is; raises as `forge.Forge.post_status`."""
        report = await self._report(repository, commit, status.context)
        run = await self._known(repository, commit, status.context)
        run = run or await self._api.newest(repository, commit, status.context, token)
        is_final = status.state is not StatusState.PENDING
        if run is not None and run.is_completed and not is_final:
            run = None  # more work was asked for: a completed one is not opened again, a newer one stands over it
        if not is_final or (run is not None and run.is_completed):
            report = replace(report, annotations=())  # it would have them twice
        try:
            written = await self._write(repository, commit, run, status, report, token)
        except Denied as error:
            if error.status != UNPROCESSABLE or report == Report():
                raise
            written = await self._write(
                repository, commit, run, status, Report(), token
            )  # how it ended counts, whatever is wrong with the rest
        await self._remember(repository, commit, status, written)

    async def has(self, repository: Repository, commit: str, status: Status, token: str) -> bool:
        """Whether GitHub's newest check run of ours says this; it is known from then on."""
        run = await self._api.has(repository, commit, status, token)
        if run is not None:
            await self._remember(repository, commit, status, run.id)
        return run is not None

    async def pending(self, repository: Repository, ref: str, context: str, token: str) -> list[str]:
        """Recent commits of a ref that GitHub shows as in progress."""
        return await self._api.pending(repository, ref, context, token)

    async def _write(  # noqa: PLR0913, PLR0917 - one check run
        self, repository: Repository, commit: str, run: Run | None, status: Status, report: Report, token: str
    ) -> str:
        if run is None:
            return await self._api.create(repository, commit, status, report, token)
        try:
            await self._api.update(repository, run.id, status, report, token)
        except Stalled:
            there = await self._api.newest(repository, commit, status.context, token)
            if there is not None and there.id == run.id:
                raise
            return await self._api.create(repository, commit, status, report, token)  # GitHub deletes the oldest of a thousand
        return run.id

    async def _remember(self, repository: Repository, commit: str, status: Status, run: str) -> None:
        value = f"{run} {int(status.state is not StatusState.PENDING)}"
        await self._redis.set(self._keys.check(str(repository.name), commit, status.context), value, ex=JOB_SECONDS)

    async def _known(self, repository: Repository, commit: str, context: str) -> Run | None:
        value = await self._redis.get(self._keys.check(str(repository.name), commit, context))
        if value is None:
            return None
        run, _, is_completed = value.decode().partition(" ")
        return Run(run, is_completed == "1")

    async def _report(self, repository: Repository, commit: str, context: str) -> Report:
        found, _ = await self._jobs.find(JobFilter(commit=commit), limit=JOBS)
        plan = next((job for job in found if job.kind is JobKind.PLAN and job.repository == str(repository.name)), None)
        if context.endswith(PLAN_SUFFIX) and plan is not None:
            return plan_report(plan)
        return report_of(job for job in found if job.repository in ("", str(repository.name)))
