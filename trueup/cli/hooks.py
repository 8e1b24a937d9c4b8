"""`trueup webhook register`, `verify`, `rotate` and `remove`: the hook at the forge, through the forge's API."""

import dataclasses
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import click

from jobs.forges.clients import hook_clients
from jobs.forges.hooks import Care, Desk, Place, Wish, mend_of, wish_of
from jobs.forges.places import holder_of, place_of
from jobs.forges.tokens import Tokens
from jobs.worker import open_secrets
from receiver.settings import ReceiverSettings
from reconciler.errors import TrueupError
from reconciler.model.declared import Forge, Name, Repository
from reconciler.urls import scope_contains
from trueup.cli.arguments import NameType
from trueup.cli.output import ExitCode, Failure, json_option, print_json, say
from trueup.cli.server import run
from trueup.cli.webhooks import check_one, hook_of, known, of_scope, settings_and_repositories, webhook

T = TypeVar("T")

UNTOLD = "whether deliveries arrive, the forge does not say: push a commit, and look for its job: trueup job list"


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Whose hook a command is about."""

    repository: Name | None
    scope: str | None
    forge: str | None
    token_file: Path | None

    def __str__(self) -> str:
        """As it is written on the command line."""
        forge = f" --forge {self.forge}" if self.forge else ""
        return f"--scope {self.scope}{forge}" if self.repository is None else str(self.repository)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What these commands take: they are handed a target."""

    def targeted(repository: Name | None, scope: str | None, forge: str | None, token_file: Path | None, as_json: bool) -> None:
        check_one(repository, scope, forge, function.__name__)
        function(Target(repository, scope, forge, token_file), as_json)

    targeted.__name__, targeted.__doc__ = function.__name__, function.__doc__
    token = click.option(
        "--token-file", type=click.Path(path_type=Path), help="A file with a token that may write webhooks, - is standard input; "
        "left out: the one in the Secret that the Repository names.",
    )  # fmt: skip
    argument = click.argument("repository", type=NameType(), required=False)
    options: Callable[..., Any] = argument(of_scope(token(json_option(targeted))))
    return options


@webhook.command(epilog="Example: trueup webhook register shop")
@_options
def register(target: Target, as_json: bool) -> None:
    """Make a webhook at its forge, or put it right, and try it: a Repository's, or one for all within a scope."""
    _finish(_at_desk(target, lambda desk, wish: desk.care(wish, has_secret=False)), target, as_json)


@webhook.command(epilog="Example: trueup webhook verify shop")
@_options
def verify(target: Target, as_json: bool) -> None:
    """Say what is wrong with a webhook, after a test delivery; changes nothing."""

    async def work(desk: Desk, wish: Wish) -> tuple[list[str], bool]:
        return await desk.verify(wish), desk.can_tell

    wrong, can_tell = _at_desk(target, work)
    if as_json:
        print_json({"faults": wrong})
    elif not wrong:
        say(f"the hook is as it should be{', and a test delivery was taken' if can_tell else f'; {UNTOLD}'}")
    if wrong:
        raise Failure(f"{'; '.join(wrong)}; mend it: trueup webhook register {target}")


@webhook.command(epilog="Example: trueup webhook rotate shop")
@_options
def rotate(target: Target, as_json: bool) -> None:
    """Give the forge the secret of the newest key and the declared generation; those of older keys go on to open the door."""

    async def work(desk: Desk, wish: Wish) -> Care:
        if not any(hook.address == wish.address for hook in await desk.api.hooks(desk.repository, desk.token)):
            raise Failure(f"there is no hook to {wish.address}; make it: trueup webhook register {target}")
        return await desk.care(wish, has_secret=False)

    _finish(_at_desk(target, work), target, as_json)


@webhook.command(epilog="Example: trueup webhook remove shop")
@_options
def remove(target: Target, as_json: bool) -> None:
    """Delete a webhook at its forge; heads are polled as before."""
    gone = _at_desk(target, lambda desk, wish: desk.remove(wish))
    if as_json:
        print_json({"removed": [hook.id for hook in gone]})
        return
    say(f"removed hook {', '.join(hook.id for hook in gone)}" if gone else "there was none")


def _finish(care: Care, target: Target, as_json: bool) -> None:
    if as_json:
        print_json({"hook": care.hook.id, "done": care.done, "trouble": care.trouble, "redelivered": care.redelivered})
    else:
        say(f"hook {care.hook.id}: {'; '.join(care.done)}{'' if care.is_tried or care.trouble else f'; {UNTOLD}'}")
    if care.trouble:
        told = f"a test delivery did not arrive: {care.trouble}; the forge sends to {care.hook.address}"
        undone = f"; before another address, take this hook out: trueup webhook remove {target}" if "created" in care.done else ""
        raise Failure(f"{told}; {mend_of(care.trouble)}{undone}")


def _at_desk(target: Target, work: Callable[[Desk, Wish], Awaitable[T]]) -> T:
    """Do something at the forge.

    Raises:
        Failure: when it cannot be done.
    """
    settings, repository, place = _place_of(target)

    async def token() -> str:
        return await _token(settings, repository, target.token_file)

    try:
        return run(at_desk(settings, repository, place, work, token=token, shown=str(target)))
    except TrueupError as error:
        raise Failure.of(error) from error


async def at_desk(
    settings: ReceiverSettings,
    repository: Repository,
    place: Place,
    work: Callable[[Desk, Wish], Awaitable[T]],
    *,
    token: Callable[[], Awaitable[str]],
    shown: str,
) -> T:
    """Do something about a hook at its forge.

    Args:
        settings: with a webhook key.
        repository: whose hook it is, or what holds that.
        place: where the hook hangs.
        work: what is done.
        token: reads the forge's token, when everything else is there.
        shown: whose hook it is, as it is written on the command line.

    Raises:
        Failure: when it cannot be done here.
        TrueupError: when the forge refuses, or does not answer.
    """
    if not settings.public_url:
        raise Failure(
            "TRUEUP_PUBLIC_URL is not set; it is where the forge reaches Trueup: export TRUEUP_PUBLIC_URL=https://trueup.example",
            ExitCode.USAGE,
        )
    async with aiohttp.ClientSession() as session:
        api = hook_clients(session, place).get(repository.forge)
        if api is None:
            known = ", ".join(sorted(hook_clients(session)))
            raise Failure(
                f"{repository.name}: webhooks of {repository.forge} are entered by hand: trueup webhook show {shown};"
                f" this command knows {known}"
            )
        wish = wish_of(repository, settings.public_url, settings.master_keys[0])
        return await work(Desk(api, repository, await token()), wish)


def _place_of(target: Target) -> tuple[ReceiverSettings, Repository, Place]:
    """A Repository, or in its stead what holds it: one within the scope, by whose API and token the scope's hook is reached.

    Raises:
        Failure: when there is none.
    """
    settings, declared = settings_and_repositories()
    if target.repository is not None:
        found = known(target.repository, declared)
        return settings, holder_of(found, declared.values()), place_of(found)
    hook = hook_of(target.scope or "", Forge(target.forge) if target.forge else None, declared.values())
    within = [r for _, r in sorted(declared.items()) if r.forge is hook.forge and scope_contains(hook.scope, r.scope)]
    if "/" not in hook.scope:
        raise Failure(f"the hook of a whole host is entered by hand: trueup webhook show {target}")
    if own := next((r for r in within if r.scope == hook.scope), None):
        raise Failure(f"{hook.scope} is the Repository {own.name}: name that instead of --scope", ExitCode.USAGE)
    if len(apis := sorted({r.api for r in within})) > 1:
        raise Failure(f"the Repositories within {hook.scope} have several APIs: {', '.join(apis)}; give them one in spec.api")
    secrets = {r.webhook_secret for r in within if r.webhook_secret is not None}
    if len(secrets) > 1 and target.token_file is None:
        names = ", ".join(sorted(f"{secret.namespace}/{secret.name}" for secret in secrets))
        raise Failure(f"the Repositories within {hook.scope} name several Secrets ({names}); give a token with --token-file")
    chosen = next((r for r in within if r.webhook_secret is not None), within[0])
    shared = dataclasses.replace(chosen, webhook_scope=hook.scope)
    return settings, holder_of(shared, declared.values()), Place.OWNER


async def _token(settings: ReceiverSettings, repository: Repository, token_file: Path | None) -> str:
    if token_file is not None:
        try:
            text = sys.stdin.read() if str(token_file) == "-" else token_file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"--token-file {token_file}: {error}", ExitCode.USAGE) from error
        if not (token := text.strip()) or not token.isascii() or not token.isprintable():
            raise Failure(f"--token-file {token_file}: holds no token", ExitCode.USAGE)
        return token
    if repository.webhook_secret is None:
        raise Failure(f"{repository.name}: name a Secret with a token in spec.webhook.secretRef, or give one with --token-file")
    async with open_secrets(settings) as secrets:
        return (await Tokens(secrets, settings.git_protocols).of(repository, repository.webhook_secret)).value
