"""Deployments at the forge, beside the statuses, where a Repository wants them: one a commit and environment, written twice."""

from collections.abc import Mapping

from jobs.connection import Redis
from jobs.forges.deployers import Deployer
from jobs.forges.forge import Status, StatusState
from jobs.keys import JOB_SECONDS, Keys
from jobs.store.jobs import JobFilter, JobStore
from jobs.verdicts import COMMIT_KINDS
from reconciler.model.declared import Forge, Repository

JOBS = 20
"""Of one commit, among which its ref is looked for."""


class Deployments:
    """Writes deployments. Each commit and environment is written by one worker at a time, see `statuses`."""

    def __init__(self, redis: Redis, keys: Keys, forges: Mapping[Forge, Deployer], jobs: JobStore) -> None:
        self._redis = redis
        self._keys = keys
        self._forges = forges
        self._jobs = jobs

    def are_wanted(self, repository: Repository) -> bool:
        """Whether this repository's forge is told of deployments."""
        return repository.status.deployments and repository.forge in self._forges

    async def post(self, repository: Repository, commit: str, status: Status, token: str, *, is_in_doubt: bool = False) -> None:
        """Say how the deployment of a commit is, to the environment that the status' context names; in doubt, unless it is said."""
        forge, environment = self._forges[repository.forge], status.context
        deployment, is_finished = await self._known(repository, commit, environment)
        if is_in_doubt or not deployment:
            newest = await forge.find(repository, commit, environment, token)
            deployment, is_finished = newest or deployment, is_finished and newest == deployment
        if status.state is StatusState.PENDING:
            if not deployment or is_finished:  # a finished one is not begun again: there is another
                deployment = await self._begin(repository, commit, environment, token)
            await self._remember(repository, commit, environment, deployment, is_finished=False)
            return
        if not deployment and status.state is StatusState.ERROR:
            return  # overtaken before it was begun
        deployment = deployment or await self._begin(repository, commit, environment, token)
        if not (is_in_doubt and await forge.is_finished(repository, deployment, status, token)):
            await forge.finish(repository, deployment, status, token)
        await self._remember(repository, commit, environment, deployment, is_finished=True)

    async def _begin(self, repository: Repository, commit: str, environment: str, token: str) -> str:
        jobs, _ = await self._jobs.find(JobFilter(commit=commit), limit=JOBS)
        ours = (job for job in jobs if job.kind in COMMIT_KINDS and job.repository in ("", str(repository.name)))
        ref = next((job.ref for job in ours if job.ref), commit)
        deployment = await self._forges[repository.forge].create(repository, commit, ref, environment, token)
        await self._remember(repository, commit, environment, deployment, is_finished=False)
        return deployment

    async def _known(self, repository: Repository, commit: str, environment: str) -> tuple[str, bool]:
        value = await self._redis.get(self._keys.deployment(str(repository.name), commit, environment))
        deployment, _, is_finished = value.decode().partition(" ") if value else ("", "", "")
        return deployment, is_finished == "1"

    async def _remember(
        self, repository: Repository, commit: str, environment: str, deployment: str, *, is_finished: bool
    ) -> None:
        key = self._keys.deployment(str(repository.name), commit, environment)
        await self._redis.set(key, f"{deployment} {int(is_finished)}", ex=JOB_SECONDS)
