"""What a push will need, tried one by one and by the means of a worker: every check says how it went, and the mend."""

import enum
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from jobs.forges.clients import clients, conversations
from jobs.forges.forge import Status, StatusState
from jobs.forges.hooks import Desk, Wish
from jobs.forges.places import holder_of, place_of
from jobs.forges.tokens import Tokens
from receiver.settings import ReceiverSettings
from reconciler.artifacts.large import reach_server
from reconciler.artifacts.mirror import Stores
from reconciler.errors import SourceRefused, TrueupError
from reconciler.git.mirror import Mirror
from reconciler.model.declared import Declarations, GitSource, Name, Repository, RepositoryType, SecretRef, Secrets
from reconciler.model.revisions import is_commit, is_range, resolve
from reconciler.sync.verified import verified
from trueup.cli.hooks import at_desk
from trueup.cli.local import SecretsWhenNeeded
from trueup.cli.output import Failure


class State(enum.StrEnum):
    """How a check went."""

    OK = "ok"
    FAILED = "failed"
    UNTRIED = "untried"
    """It was not asked for, or cannot be known from here."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried."""

    name: str
    state: State
    message: str
    """What was found; of one that failed also the mend."""


@dataclass(slots=True)
class _Trial:
    """One Repository, and what was found so far."""

    settings: ReceiverSettings
    declared: Declarations
    repository: Repository
    mirror: Mirror
    secrets: Secrets
    checks: list[Check] = field(default_factory=list)

    async def attempt(self, name: str, work: Awaitable[str], *, is_needed: bool = True) -> str | None:
        """Note how something went; what it said, None where it failed. What is not needed may be refused by others."""
        try:
            message = await work
        except (TrueupError, Failure) as error:
            state = State.FAILED if is_needed or isinstance(error, Failure) else State.UNTRIED
            self.checks.append(Check(name, state, str(error)))
            return None
        self.checks.append(Check(name, State.OK, message))
        return message

    def leave(self, name: str, why: str) -> None:
        """Note that something was not tried."""
        self.checks.append(Check(name, State.UNTRIED, why))

    @property
    def followed(self) -> Mapping[str, Sequence[tuple[Name, GitSource]]]:
        """The sources of applications that are in this repository, by what they follow."""
        found: dict[str, list[tuple[Name, GitSource]]] = {}
        for name, application in sorted(self.declared.applications.items()):
            for source in application.sources:
                if source.repository == self.repository.name:
                    found.setdefault(source.revision, []).append((name, source))
        return found


async def examine(settings: ReceiverSettings, declared: Declarations, repository: Repository) -> Sequence[Check]:
    """Everything, in the order in which a push would need it."""
    async with AsyncExitStack() as stack:
        secrets = SecretsWhenNeeded(settings, stack)
        mirrors = Stores(settings, secrets)
        stack.push_async_callback(mirrors.close)
        trial = _Trial(settings, declared, repository, mirrors.of(repository), secrets)
        commit = ""
        if await trial.attempt("credentials", _credentials(trial)) is not None:
            commit = await _sources(trial)
        if repository.lfs:
            await trial.attempt("lfs", _large(trial))
        async with aiohttp.ClientSession() as session:
            await _forge(trial, session, commit)
        await _webhook(trial)
        return trial.checks


async def _credentials(trial: _Trial) -> str:
    keyring = trial.mirror.remotes.keyring
    is_git = trial.repository.type is RepositoryType.GIT
    ref = keyring.ref(trial.repository) if is_git else trial.repository.credentials
    if ref is None:
        return "none: it is read as anybody may"
    await (keyring.open(trial.repository) if is_git else trial.secrets.read(ref))
    how = "spec.credentials" if trial.repository.credentials else "TRUEUP_CREDENTIALS"
    return f"Secret {ref.namespace}/{ref.name}, by {how}"


async def _sources(trial: _Trial) -> str:
    """Try the remote and what applications follow of it; a commit that is there, empty where none is."""
    followed = trial.followed
    if trial.repository.type is not RepositoryType.GIT:
        found = [await _revision(trial, revision, {}, sources) for revision, sources in followed.items()]
    else:
        heads: Mapping[str, str] = {}

        async def listed() -> str:
            nonlocal heads
            heads = await trial.mirror.heads(list(followed) or None)
            return f"it answers, and lists {len(heads)} of the refs that are meant" if followed else f"it has {len(heads)} refs"

        if await trial.attempt("remote", listed()) is None:
            return ""
        found = [await _revision(trial, revision, heads, sources) for revision, sources in followed.items()]
    if not followed:
        trial.leave("revisions", f"no Application follows {trial.repository.name}: a push does nothing until one does")
    return next(filter(None, found), "")


async def _revision(trial: _Trial, revision: str, heads: Mapping[str, str], sources: Sequence[tuple[Name, GitSource]]) -> str:
    """Try one revision: that it is there, is signed as it should be, and has the paths; its commit, empty where it is not."""
    followers = ", ".join(dict.fromkeys(str(name) for name, _ in sources))
    ref, commit = "", ""

    async def found() -> str:
        nonlocal ref, commit
        ref, commit = await _resolved(trial, revision, heads)
        gaps = await trial.mirror.ensure(commit, (ref,))
        if gaps:
            raise SourceRefused("; ".join(gaps.values()))
        return f"{ref or 'the commit'} is at {commit[:12]}, for {followers}"

    if await trial.attempt(f"revision {revision}", found()) is None and not commit:
        return ""
    if trial.repository.verify is not None:
        await trial.attempt(f"signature of {revision}", _signed(trial, ref, commit))
    for path in sorted({source.path for _, source in sources if source.path}):
        await trial.attempt(f"path {path}", _there(trial, commit, path, (n for n, source in sources if source.path == path)))
    return commit


async def _resolved(trial: _Trial, revision: str, heads: Mapping[str, str]) -> tuple[str, str]:
    """The ref that a revision means, empty for a commit, and where that is."""
    if trial.repository.type is not RepositoryType.GIT:
        return revision, await trial.mirror.fetch(revision)
    if is_commit(revision):
        return "", revision
    ref = resolve(revision, heads)
    if ref is None:
        kind = "tag within" if is_range(revision) else "branch or tag"
        raise SourceRefused(f"there is no {kind} {revision!r}; push it, or mend spec.sources[].git.revision")
    return ref, heads[ref]


async def _signed(trial: _Trial, ref: str, commit: str) -> str:
    refused, _ = await verified(trial.mirror, commit, {ref}, trial.secrets)
    if ref in refused:
        raise refused[ref]
    return f"{commit[:12]} is signed as spec.verify wants it"


async def _there(trial: _Trial, commit: str, path: str, names: Iterable[Name]) -> str:
    followers = ", ".join(dict.fromkeys(map(str, names)))
    if await trial.mirror.tree(commit, path) is None:
        raise SourceRefused(f"{commit[:12]} has no such directory; push it, or mend spec.sources[].git.path of {followers}")
    return f"is there, for {followers}"


async def _large(trial: _Trial) -> str:
    return f"{await reach_server(trial.mirror)} answers, and takes the login"


async def _forge(trial: _Trial, session: aiohttp.ClientSession, commit: str) -> None:
    """Try the tokens for statuses and pull requests by reading with them: nothing is written."""
    repository, policy = trial.repository, trial.repository.status
    forge = clients(session).get(repository.forge)
    if forge is None:
        trial.leave("status", f"forge: {repository.forge} takes no statuses")
    elif not policy.enabled or policy.secret is None:
        trial.leave("status", "no status is posted on commits: name a token in spec.commitStatus.secretRef")
    elif not commit:
        trial.leave("status", "no commit is known whose status could be read")
    else:
        status = Status(StatusState.PENDING, policy.context or trial.settings.instance, "")
        await trial.attempt("status", _read(trial, policy.secret, "statuses", forge.has, commit, status))
    talk, pulls = conversations(session).get(repository.forge), repository.pulls
    if pulls.plan and pulls.secret is not None and talk is not None:
        await trial.attempt("pull requests", _read(trial, pulls.secret, "pull requests", talk.open_pulls))


async def _read(trial: _Trial, secret: SecretRef, what: str, call: Any, *arguments: object) -> str:
    token = await Tokens(trial.secrets, trial.settings.git_protocols).of(trial.repository, secret)
    await call(trial.repository, *arguments, token.value)
    return f"{what} are read with the token of {secret.namespace}/{secret.name}; whether it may write, the first one shows"


async def _webhook(trial: _Trial) -> None:
    """Let the forge try the hook, where there is a token for that; one that may not look matters only where Trueup is to register it."""
    repository = trial.repository
    if repository.type is not RepositoryType.GIT:
        return
    if (secret := repository.webhook_secret) is None:
        polled = f"heads are polled every {repository.poll_seconds:g} s in any case"
        trial.leave(
            "webhook",
            f"the forge is not asked without spec.webhook.secretRef; enter it by hand: trueup webhook show {repository.name}; {polled}",
        )
        return
    await trial.attempt("webhook", _hook(trial, secret), is_needed=repository.webhook_register)


async def _hook(trial: _Trial, secret: SecretRef) -> str:
    repository, settings = trial.repository, trial.settings

    async def token() -> str:
        return (await Tokens(trial.secrets, settings.git_protocols).of(repository, secret)).value

    if not settings.master_keys:
        raise Failure("TRUEUP_WEBHOOK_KEYS is not set; secrets are derived from it: openssl rand -hex 32")
    holder = holder_of(repository, trial.declared.repositories.values())
    faults, can_tell = await at_desk(settings, holder, place_of(repository), _faults, token=token, shown=str(repository.name))
    if faults:
        raise Failure(f"{'; '.join(faults)}; mend it: trueup webhook register {repository.name}")
    return "is as it should be" + (", and a test delivery was taken" if can_tell else "; deliveries the forge does not show")


async def _faults(desk: Desk, wish: Wish) -> tuple[list[str], bool]:
    return await desk.verify(wish), desk.can_tell
