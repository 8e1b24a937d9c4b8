"""A repository's webhook at its forge: what it should be, what it is, and what is done about the difference.

Forges never show a hook's secret. Whether it is the newest is known by who wrote it, and by how the forge's deliveries are answered.
Hooks at other addresses are not touched: another Trueup, or another program, may live there.
"""

import asyncio
import enum
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from jobs.derive import Purpose, derive_secret, text_of, webhook_path
from jobs.forges.forge import Denied
from reconciler.errors import Stalled, Transient
from reconciler.model.declared import Repository
from reconciler.urls import default_api, parse_url

DECLARED_AT = "spec.webhook.secretRef (left out: of spec.commitStatus.secretRef)"
"""Which field names the Secret with the token, for messages."""

TEST_SECONDS = 15.0
"""How long it is waited for a forge to say how its test went; GitHub gives a delivery ten."""

TEST_PAUSE_SECONDS = 0.5

LOST_TRIES = 3
"""How often a delivery is asked for in all; who refuses it three times does not want it."""

LOST_AT_ONCE = 5
"""Deliveries that are asked for again in one look: GitLab allows five a minute."""

LOST_SECONDS = 3 * 24 * 3600.0
"""GitHub redelivers what is not older.
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks"""


class Place(enum.Enum):
    """Where a hook hangs at its forge."""

    REPOSITORY = enum.auto()
    OWNER = enum.auto()
    """An organisation, a group, a workspace or a project: one hook for all of its repositories."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a hook should be."""

    address: str
    secrets: Mapping[Purpose, str] = field(repr=False)
    """As they are entered at the forge."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as the forge shows it."""

    id: str
    address: str
    events: tuple[str, ...]
    faults: tuple[str, ...] = ()
    """What of it is not as it should be, but for its secret: `does not send push`."""
    trouble: str = ""
    """Why the forge does not use it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a forge's log of deliveries."""

    id: str
    delivery: str
    """What all attempts of one delivery share."""
    event: str
    code: int
    """Of our answer; 0 when there was none."""
    said: str
    at: float | None = None
    """Seconds since the epoch, where the forge tells it."""

    @property
    def is_good(self) -> bool:
        """Whether it was taken."""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        """For people."""
        return f"answered {self.code}" if self.code else self.said or "no answer"


class Hooks(Protocol):
    """One forge's API of webhooks; every call raises as those of `forge.Forge` do."""

    async def hooks(self, repository: Repository, token: str) -> list[Hook]:
        """All hooks of a repository."""

    async def create(self, repository: Repository, wish: Wish, token: str) -> Hook:
        """Make a hook."""

    async def update(self, repository: Repository, hook: Hook, wish: Wish, token: str) -> Hook:
        """Make a hook what it should be; events that it sends besides are left."""

    async def remove(self, repository: Repository, hook: Hook, token: str) -> None:
        """Delete a hook; one that is gone is as good."""


@runtime_checkable
class Probed(Hooks, Protocol):
    """One that sends a test when it is asked to."""

    async def test(self, repository: Repository, hook: Hook, token: str) -> Attempt | None:
        """Let the forge send something by a hook; how it went, where the answer says so."""


@runtime_checkable
class Logged(Probed, Protocol):
    """One that shows its log of deliveries, and how a test went in it."""

    async def attempts(self, repository: Repository, hook: Hook, token: str) -> list[Attempt]:
        """The forge's log of a hook, newest first."""

    async def redeliver(self, repository: Repository, hook: Hook, attempt: Attempt, token: str) -> None:
        """Ask for a delivery again."""


@dataclass(frozen=True, slots=True)
class Care:
    """What was found and done."""

    hook: Hook
    done: tuple[str, ...] = ()
    """In words: `created`, `repaired: does not send push`."""
    trouble: str = ""
    """Why deliveries do not arrive; empty when they do, or when nobody can say."""
    is_written: bool = False
    """Whether the forge was given the secret."""
    redelivered: int = 0
    """Deliveries that were never taken, and were asked for again."""
    is_tried: bool = False
    """Whether the forge says that a test was taken."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One repository at its forge, with the token that opens it."""

    api: Hooks
    repository: Repository
    token: str = field(repr=False)

    async def care(self, wish: Wish, *, known_id: str = "", has_secret: bool) -> Care:
        """Make the hook what it should be, try it where anything was wrong, and ask again for deliveries that were lost.

        Args:
            wish: what it should be.
            known_id: of the hook that was made before, wherever it points to by now.
            has_secret: whether the forge is known to have the newest secret.
        """
        hook, done = await self.put(wish, known_id=known_id, has_secret=has_secret)
        return await self.look(hook, wish, done)

    async def look(self, hook: Hook, wish: Wish, done: list[str], *, was_failing: bool = False) -> Care:
        """The second half of `care`: try the hook where anything was wrong, and ask again for deliveries that were lost.

        Args:
            hook: as it is now.
            wish: what it should be.
            done: what was written to make it so.
            was_failing: whether its deliveries did not arrive when it was looked at before; not every forge goes on to say so.
        """
        log = await self._log(hook)
        trouble, is_written, attempt = trouble_of(hook, log), bool(done), None
        if done or trouble or was_failing:
            attempt = await self.tried(hook)
            if attempt is not None and attempt.code == 401 and not is_written:
                hook = await self.api.update(self.repository, hook, wish, self.token)
                done, is_written = ["given its secret again"], True
                attempt = await self.tried(hook)
            trouble = "" if attempt is None or attempt.is_good else str(attempt)
        redelivered = 0 if trouble else await self._redelivered(hook, log)
        return Care(hook, tuple(done), trouble, is_written, redelivered, attempt is not None and attempt.is_good)

    async def put(self, wish: Wish, *, known_id: str = "", has_secret: bool) -> tuple[Hook, list[str]]:
        """The first half of `care`: make the hook what it should be. The hook as it is now, and what was written."""
        hook, doubles = choose(await self.api.hooks(self.repository, self.token), wish.address, known_id)
        done: list[str] = []
        try:
            if hook is None:
                hook = await self.api.create(self.repository, wish, self.token)
                done.append("created")
            elif reasons := wrongs(hook, wish, has_secret=has_secret):
                hook = await self.api.update(self.repository, hook, wish, self.token)
                done.append(f"repaired: {', '.join(reasons)}")
        except Denied as error:
            raise Denied(f"{error}{mend_of_refusal(error, wish)}", error.status) from error
        for double in doubles:
            await self.api.remove(self.repository, double, self.token)
            done.append(f"removed its double {double.id}")
        return hook, done

    async def verify(self, wish: Wish) -> list[str]:
        """What is wrong with the hook, in words; it is tried, and nothing is changed."""
        found = await self.api.hooks(self.repository, self.token)
        hook, doubles = choose(found, wish.address, "")
        if hook is None:
            ours = urlsplit(wish.address)
            others = [
                h.address for h in found if ours.netloc == urlsplit(h.address).netloc or ours.path == urlsplit(h.address).path
            ]
            return [f"there is no hook to {wish.address}", *(f"there is one to {address}" for address in others)]
        attempt = await self.tried(hook)
        unsaid = "the forge does not say how its test went" if attempt is None and self.can_tell else ""
        failed = f"a test was {attempt}" if attempt is not None and not attempt.is_good else unsaid
        told = [hook.trouble, failed, f"there are {len(doubles) + 1} hooks to it" if doubles else ""]
        return [*hook.faults, *filter(None, told)]

    async def remove(self, wish: Wish) -> list[Hook]:
        """Delete the hooks to our address; which there were."""
        ours = [hook for hook in await self.api.hooks(self.repository, self.token) if hook.address == wish.address]
        for hook in ours:
            await self.api.remove(self.repository, hook, self.token)
        return ours

    @property
    def can_tell(self) -> bool:
        """Whether the forge shows what became of a delivery."""
        return isinstance(self.api, Logged)

    async def tried(self, hook: Hook) -> Attempt | None:
        """How a delivery goes that the forge is asked for now; None when it does not say in time, or at all."""
        if not isinstance(self.api, Probed):
            return None
        before = {attempt.id for attempt in await self._log(hook)}
        try:
            said = await self.api.test(self.repository, hook, self.token)
        except Stalled as error:
            return Attempt("", "", "test", 0, str(error))
        except Transient:
            return None  # tests are limited: GitLab allows five a minute
        deadline = time.monotonic() + TEST_SECONDS
        while said is None and self.can_tell and time.monotonic() < deadline:
            found = await self._log(hook)
            if news := [attempt for attempt in found if attempt.id not in before]:
                return news[0]
            await asyncio.sleep(TEST_PAUSE_SECONDS)
        return said

    async def _log(self, hook: Hook) -> list[Attempt]:
        return await self.api.attempts(self.repository, hook, self.token) if isinstance(self.api, Logged) else []

    async def _redelivered(self, hook: Hook, log: Sequence[Attempt]) -> int:
        if not isinstance(self.api, Logged):
            return 0
        missed = lost(log, time.time())
        for attempt in missed:
            await self.api.redeliver(self.repository, hook, attempt, self.token)
        return len(missed)


def wish_of(repository: Repository, public_url: str, master: bytes) -> Wish:
    """What a repository's hook should be.

    Args:
        repository: whose hook it is.
        public_url: where forges reach Trueup.
        master: the newest key.

    Raises:
        Stalled: when the API is another host's, which must not learn the secret, or is spoken to in clear.
    """
    check_api(repository)
    forge, scope, generation = str(repository.forge), repository.scope, repository.webhook_generation
    derived = {purpose: text_of(derive_secret(master, forge, purpose, scope, generation), purpose) for purpose in Purpose}
    return Wish(public_url.rstrip("/") + webhook_path(forge, scope), derived)


def check_api(repository: Repository) -> None:
    """Whether a repository's API may be given its secrets: who declares one names the host that learns them.

    Raises:
        Stalled: when it may not.
    """
    url, api = parse_url(repository.url), urlsplit(repository.api)
    known = urlsplit(default_api(repository.forge, url.host)).hostname
    if api.hostname is None or api.hostname not in (url.host, f"api.{url.host}", known):
        raise Stalled(
            f"{repository.name}: spec.api is on the host {api.hostname}, and the repository on {url.host}: the secret of its webhooks is not"
            " given away; enter the hook by hand: trueup webhook show"
        )
    if api.scheme != "https" and url.protocol != "http":
        raise Stalled(f"{repository.name}: spec.api must begin with https://, since tokens and secrets are sent there")


def mend_of(trouble: str) -> str:
    """What a person looks at when deliveries end so: `answered 401`, or the forge's words when there was no answer."""
    match trouble.removeprefix("answered "):
        case "401":
            return (
                "Trueup refuses it: the receiver needs this Repository among its declarations, and the same TRUEUP_WEBHOOK_KEYS"
            )
        case "503":
            return "Trueup is there and not ready: is a worker running? its /readyz says more"
        case code if code.isdecimal():
            return (
                "something other than Trueup's receiver may answer there: look at TRUEUP_PUBLIC_URL, and at what stands in front"
            )
        case _:
            return "is TRUEUP_PUBLIC_URL where the forge reaches Trueup, and is Trueup running (trueup up)?"


def mend_of_refusal(error: Denied, wish: Wish) -> str:
    """What a person looks at when a forge does not take the address of a hook; empty where that is not why."""
    said = str(error).partition(f"answered {error.status}")[2].lower()
    if error.status not in (400, 422) or "url" not in said:
        return ""
    return (
        f"; it does not send to {wish.address}: TRUEUP_PUBLIC_URL must be an address that it may reach; GitLab's administrator"
        " allows local ones under Network, Outbound requests"
    )


def trouble_of(hook: Hook, log: Sequence[Attempt]) -> str:
    """Why the hook does not work, as far as the forge says."""
    return hook.trouble or (str(log[0]) if log and not log[0].is_good else "")


def choose(hooks: Iterable[Hook], address: str, known_id: str) -> tuple[Hook | None, list[Hook]]:
    """The hook that is ours, and its doubles: those with the same address."""
    found = list(hooks)
    same = [hook for hook in found if hook.address == address]
    known = [hook for hook in found if hook.id == known_id]
    ours = next((hook for hook in same if hook.id == known_id), None) or next(iter([*same, *known]), None)
    return ours, [hook for hook in same if ours is not None and hook.id != ours.id]


def wrongs(hook: Hook, wish: Wish, *, has_secret: bool) -> list[str]:
    """Why a hook must be written, in words."""
    elsewhere = [f"points to {hook.address}"] if hook.address != wish.address else []
    return [*elsewhere, *hook.faults, *([] if has_secret else ["may have an older secret"])]


def lost(attempts: Sequence[Attempt], now: float) -> list[Attempt]:
    """The latest attempts of deliveries that were never taken, oldest first: those that are worth asking for again."""
    latest: dict[str, Attempt] = {}
    tries: dict[str, int] = {}
    taken = {attempt.delivery for attempt in attempts if attempt.is_good}
    for attempt in attempts:
        latest.setdefault(attempt.delivery, attempt)
        tries[attempt.delivery] = tries.get(attempt.delivery, 0) + 1
    worth = [
        attempt
        for delivery, attempt in latest.items()
        if delivery not in taken
        and tries[delivery] < LOST_TRIES
        and attempt.event != "ping"
        and (attempt.at is None or now - attempt.at < LOST_SECONDS)
    ]
    return worth[::-1][:LOST_AT_ONCE]
