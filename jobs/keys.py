"""Every Redis key, with its type and lifetime. Nobody else spells a key.

All keys of one instance share a prefix in braces, so that they would share a slot of a Redis Cluster too.
arq's own keys are arq's (`arq:*` under its queue names); only `queue` speaks of them.
"""

from dataclasses import dataclass

DELIVERY_SECONDS = 3 * 24 * 3600
"""How long a delivery id is remembered: GitHub redelivers for three days.
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks"""

JOB_SECONDS = 7 * 24 * 3600
"""How long the record of a finished job is kept, unless the settings say otherwise."""

INDEX_LENGTH = 10_000
"""How many jobs an index lists; older ones are found by their address only."""

HISTORY_LENGTH = 20
"""How many outcomes of an application are kept."""

DEPLOYMENTS_LENGTH = 20_000
DEPLOYMENTS_SECONDS = 90 * 24 * 3600
"""How many deployments of all applications are remembered, and how long: ten megabytes."""

RECOVERY_SECONDS = 3600
"""How long all is left to the one worker that looks at it again, should that worker hang."""

WORKER_SECONDS = 4
"""A worker that has not said for so long that it lives is dead; it says so every second."""

LEASE_SECONDS = 4
"""A cluster's lease lapses after so long; its holder cancels its work a second earlier."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one instance."""

    instance: str = "trueup"

    def _key(self, *parts: str) -> str:
        return ":".join((f"{{trueup:{self.instance}}}", *parts))

    @property
    def epoch(self) -> str:
        """string, no expiry: when it is missing, Redis lost everything and every head is looked at again."""
        return self._key("epoch")

    @property
    def recovering(self) -> str:
        """string, RECOVERY_SECONDS: the worker that looks at every head again."""
        return self._key("recovering")

    @property
    def scopes(self) -> str:
        """string (JSON list of ScopeRecord), no expiry: whose webhooks are welcome; published by workers."""
        return self._key("scopes")

    def delivery(self, provider: str, delivery_id: str) -> str:
        """string (job id), DELIVERY_SECONDS: the job that a delivery became; the id stands behind the scope of its hook."""
        return self._key("delivery", provider, delivery_id)

    def job(self, job_id: str) -> str:
        """hash, JOB_SECONDS after the job's end: `record` (JSON) as created, and fields that stand over it.

        `state`, `message`, `stage:<name>`, `sync:<application>` and others change with the job; `work` says who does which part of it,
        or when somebody should, see `store.parts`.
        """
        return self._key("job", job_id)

    @property
    def active(self) -> str:
        """zset (job id by creation, ms), no expiry: jobs that are not final; what is lost is found here."""
        return self._key("active")

    @property
    def jobs(self) -> str:
        """zset (job id by creation, ms), trimmed to INDEX_LENGTH: all jobs."""
        return self._key("jobs")

    def jobs_of(self, index: str, value: str) -> str:
        """zset (job id by creation, ms), trimmed to INDEX_LENGTH, JOB_SECONDS: jobs of a `repository`, `commit` or `application`."""
        return self._key("jobs", index, value)

    @property
    def applications(self) -> str:
        """hash (name -> JSON of ApplicationRecord), no expiry: how every application is."""
        return self._key("applications")

    def history(self, application: str) -> str:
        """list (JSON of OutcomeRecord, newest first), trimmed to HISTORY_LENGTH, gone with its application: what its syncs came to."""
        return self._key("history", application)

    @property
    def deployments(self) -> str:
        """zset (JSON of DeploymentRecord by its end, ms), trimmed to DEPLOYMENTS_LENGTH and DEPLOYMENTS_SECONDS: for the figures."""
        return self._key("deployments")

    @property
    def hooks(self) -> str:
        """hash (repository -> JSON of HookRecord), no expiry: how the webhooks are that Trueup registers; gone with their repository."""
        return self._key("hooks")

    @property
    def identities(self) -> str:
        """hash (repository -> JSON of IdentityRecord), no expiry: what its forge knows each repository by; gone with the repository."""
        return self._key("identities")

    @property
    def identities_number(self) -> str:
        """string (counter), no expiry: moves with every change in `identities`."""
        return self._key("identities", "number")

    def head(self, repository: str) -> str:
        """hash (ref -> JSON {commit, observed}), no expiry: where the refs of a repository are, newest observation wins."""
        return self._key("head", repository)

    @property
    def looks(self) -> str:
        """hash (repository -> why its heads could not be read, or nothing), no expiry: written by whoever looked last."""
        return self._key("looks")

    @property
    def observations(self) -> str:
        """string (microseconds), no expiry: numbers the observations of heads in the order they began."""
        return self._key("observations")

    def checked(self, repository: str) -> str:
        """hash (ref -> commit), no expiry: every application that is not dirty is known to be as in this commit."""
        return self._key("checked", repository)

    def dirty(self, repository: str, ref: str) -> str:
        """set (application), no expiry: applications whose inputs changed and that were not rendered since."""
        return self._key("dirty", repository, ref)

    def inputs(self, repository: str) -> str:
        """hash (application -> JSON), no expiry: what each application's last render read and looked for."""
        return self._key("inputs", repository)

    def outside(self, repository: str) -> str:
        """hash (application -> name), no expiry: which ConfigMaps and Secrets each application was rendered with last."""
        return self._key("inputs", repository, "outside")

    def inputs_order(self, repository: str) -> str:
        """zset (application by the number of its last change), no expiry: what changed in `inputs` since."""
        return self._key("inputs", repository, "order")

    def inputs_number(self, repository: str) -> str:
        """string (microseconds), no expiry: the number of the last change in `inputs`."""
        return self._key("inputs", repository, "number")

    @property
    def clusters(self) -> str:
        """hash (name of a destination -> uid), no expiry: which cluster a name means; written by whoever reached it."""
        return self._key("clusters")

    def lease(self, cluster: str) -> str:
        """string (worker id), LEASE_SECONDS: who holds a cluster."""
        return self._key("lease", cluster)

    def worker(self, worker: str) -> str:
        """string, WORKER_SECONDS: a worker lives."""
        return self._key("worker", worker)

    @property
    def open_statuses(self) -> str:
        """hash (`repository|commit|context` -> JSON), no expiry: statuses that were posted as pending and not closed."""
        return self._key("statuses", "open")

    @property
    def statuses(self) -> str:
        """zset (`repository|commit|context` by due time), no expiry: statuses to look at and post."""
        return self._key("statuses", "due")

    def posted(self, repository: str, commit: str, context: str) -> str:
        """string (JSON), JOB_SECONDS: what was last posted on a commit, so that it is not posted again."""
        return self._key("statuses", "posted", repository, commit, context)

    def full(self, repository: str, commit: str, context: str) -> str:
        """string, a day: the forge takes no more statuses of this commit and context."""
        return self._key("statuses", "full", repository, commit, context)

    def check(self, repository: str, commit: str, context: str) -> str:
        """string (id, a space, whether it is completed), JOB_SECONDS: the check run that was written last on a commit."""
        return self._key("statuses", "check", repository, commit, context)

    def deployment(self, repository: str, commit: str, environment: str) -> str:
        """string (id, a space, whether it is finished), JOB_SECONDS: the deployment that was written last of a commit."""
        return self._key("statuses", "deployment", repository, commit, environment)

    def limited(self, api: str, secret: str) -> str:
        """string (seconds since 1970), expires with it: until when a forge wants nothing of a token."""
        return self._key("statuses", "limited", api, secret)

    def allowance(self, api: str, secret: str) -> str:
        """hash, two hours: what a forge said last of a token's `limit`, what is `remaining` of it, and until when (`reset`)."""
        return self._key("statuses", "allowance", api, secret)

    def written(self, api: str, secret: str, minute: int) -> str:
        """string (a count), two minutes: how often a forge was asked of something with a token in a minute."""
        return self._key("statuses", "written", api, secret, str(minute))

    def turns(self, api: str, secret: str, who: str) -> str:
        """string (seconds since 1970), expires with it: the last turn that was given to those who wait for a limit's end."""
        return self._key("statuses", "turns", api, secret, who)

    def posting(self, repository: str, commit: str, context: str) -> str:
        """string, expires after the longest call: a worker is posting this status."""
        return self._key("statuses", "posting", repository, commit, context)

    @property
    def status_attempts(self) -> str:
        """hash (`repository|commit|context` -> counter), until posted: how often a status was tried, the try under way among them."""
        return self._key("statuses", "attempts")

    @property
    def comments(self) -> str:
        """zset (`repository|number` by due time), no expiry: comments of pull requests to look at and write."""
        return self._key("comments", "due")

    def comment(self, repository: str, number: int) -> str:
        """hash, JOB_SECONDS: of the comment beneath a pull request, its `id`, what was `posted`, the `job` it is to show, `attempts`."""
        return self._key("comment", repository, str(number))

    def commenting(self, repository: str, number: int) -> str:
        """string, expires after the longest calls: a worker is writing this comment."""
        return self._key("commenting", repository, str(number))

    def tick(self, name: str) -> str:
        """string, expires after the tick's interval: who does a periodic thing this time."""
        return self._key("tick", name)

    def ended_session(self, session: str) -> str:
        """string, until the session would have ended by itself: somebody logged out."""
        return self._key("session", "ended", session)

    @property
    def events(self) -> str:
        """pub/sub channel: a line of JSON for everything that happens to a job or application."""
        return self._key("events")

    def lane(self, scope: str) -> str:
        """string (ms), expires: how old the last wake-up of a scope counts; the next one counts younger."""
        return self._key("lane", scope)

    @property
    def queue(self) -> str:
        """arq queue of what any worker may do."""
        return self._key("queue")

    def cluster_queue(self, cluster: str) -> str:
        """arq queue of what only a cluster's holder may do."""
        return self._key("queue", cluster)

    @staticmethod
    def wake(queue: str) -> str:
        """list (tokens, trimmed), no expiry: one token per enqueued job; workers block on it."""
        return f"{queue}:wake"

    def question(self, cluster: str) -> str:
        """list (JSON), expires: questions for a cluster's holder."""
        return self._key("question", cluster)

    def answer(self, question: str) -> str:
        """list (JSON), expires: the answer to one question."""
        return self._key("answer", question)
