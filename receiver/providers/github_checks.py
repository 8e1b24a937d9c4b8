"""GitHub: somebody asks for a check run of ours again.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#check_run; `rerequested` goes to the App's own webhook alone.
"""

from pydantic import Field

from jobs.planned import PLAN_SUFFIX
from receiver.providers.event import Event, Ignored, PullRequest, Rerun
from receiver.providers.payload import LONGEST_NAME, Payload, RepositoryId, is_commit, is_ref, read, scopes_of

EVENTS = frozenset({"check_run", "check_suite"})

OURS = "trueup:"
"""How the external ids of our check runs begin."""


class _Suite(Payload):
    head_sha: str
    head_branch: str | None = None


class _Fork(Payload):
    id: int


class _Side(Payload):
    ref: str
    repo: _Fork


class _Pull(Payload):
    number: int = Field(gt=0)
    head: _Side
    base: _Side


class _Run(Payload):
    name: str = ""
    pull_requests: list[_Pull] = Field(default_factory=list)
    """Those of the repository itself; GitHub lists none of a fork."""
    external_id: str | None = None
    check_suite: _Suite | None = None


class _Repository(Payload):
    id: RepositoryId = ""
    clone_url: str
    ssh_url: str | None = None


class _Sender(Payload):
    login: str = ""


class _Action(Payload):
    action: str


class _Event(Payload):
    check_run: _Run | None = None
    check_suite: _Suite | None = None
    repository: _Repository
    sender: _Sender = _Sender()


def rerun(body: bytes) -> Event:
    """What `check_run` (one of them) and `check_suite` (all of an App) say."""
    what = read(body, _Action)
    if isinstance(what, Ignored):
        return what
    if what.action != "rerequested":
        return Ignored(f"a check that was {what.action[:LONGEST_NAME]} means nothing to Trueup")
    payload = read(body, _Event)
    if isinstance(payload, Ignored):
        return payload
    run = payload.check_run
    if run is not None and not (run.external_id or "").startswith(OURS):
        return Ignored("the check run is not Trueup's")
    suite = run.check_suite if run is not None else payload.check_suite
    if suite is None or not is_commit(suite.head_sha):
        return Ignored("payload not understood: head_sha is no commit")
    ref = f"refs/heads/{suite.head_branch}" if suite.head_branch else ""
    if ref and not is_ref(ref):
        return Ignored("payload not understood: head_branch is no branch")
    scopes = scopes_of(payload.repository.clone_url, payload.repository.ssh_url)
    if not scopes:
        return Ignored("payload not understood: no address of the repository is one")
    again = Rerun(scopes[0], ref, suite.head_sha, payload.sender.login[:LONGEST_NAME], scopes[1:], payload.repository.id)
    if run is not None and run.name.endswith(PLAN_SUFFIX) and run.pull_requests:
        return _plan(run.pull_requests[0], again)
    return again


def _plan(pull: _Pull, again: Rerun) -> Event:
    base = f"refs/heads/{pull.base.ref}"
    if not is_ref(base):
        return Ignored("payload not understood: pull_requests.base.ref is no branch")
    is_fork = pull.head.repo.id != pull.base.repo.id
    return PullRequest(
        again.scope, pull.number, again.commit, f"refs/pull/{pull.number}/head", base, again.actor, is_fork, again.also,
        again.repository_id,
    )  # fmt: skip
