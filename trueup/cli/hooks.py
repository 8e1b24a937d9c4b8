"""`trueup webhook register`, `verify`, `rotate` and `remove`: the hook at the forge, through the forge's API."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import click

from jobs.forges.github_hooks import GitHubHooks
from jobs.forges.gitlab_hooks import GitLabHooks
from jobs.forges.hooks import Care, Desk, Hooks, Wish, wish_of
from jobs.forges.tokens import Tokens
from jobs.worker import open_secrets
from receiver.settings import ReceiverSettings
from reconciler.errors import TrueupError
from reconciler.model.declared import Forge, Name, Repository
from trueup.cli.arguments import NameType
from trueup.cli.output import ExitCode, Failure, json_option, print_json, say
from trueup.cli.server import run
from trueup.cli.webhooks import settings_and_repository, webhook

T = TypeVar("T")

CLIENTS: Mapping[Forge, Callable[[aiohttp.ClientSession], Hooks]] = {Forge.GITHUB: GitHubHooks, Forge.GITLAB: GitLabHooks}


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What these commands take."""
    token = click.option(
        "--token-file", type=click.Path(path_type=Path), help="A file with a token that may write webhooks, - is standard input; "
        "left out: the one in the Secret that the Repository names.",
    )  # fmt: skip
    options: Callable[..., Any] = click.argument("repository", type=NameType())(token(json_option(function)))
    return options


@webhook.command(epilog="Example: trueup webhook register shop")
@_options
def register(repository: Name, token_file: Path | None, as_json: bool) -> None:
    """Make a Repository's webhook at its forge, or put it right, and try it."""
    _finish(_at_desk(repository, token_file, lambda desk, wish: desk.care(wish, has_secret=False)), as_json)


@webhook.command(epilog="Example: trueup webhook verify shop")
@_options
def verify(repository: Name, token_file: Path | None, as_json: bool) -> None:
    """Say what is wrong with a Repository's webhook, after a test delivery; changes nothing."""
    wrong = _at_desk(repository, token_file, lambda desk, wish: desk.verify(wish))
    if as_json:
        print_json({"faults": wrong})
    elif not wrong:
        say("the hook is as it should be, and a test delivery was taken")
    if wrong:
        raise Failure(f"{'; '.join(wrong)}; mend it: trueup webhook register {repository}")


@webhook.command(epilog="Example: trueup webhook rotate shop")
@_options
def rotate(repository: Name, token_file: Path | None, as_json: bool) -> None:
    """Give the forge the secret of the newest key and the declared generation; those of older keys go on to open the door."""

    async def work(desk: Desk, wish: Wish) -> Care:
        if not any(hook.address == wish.address for hook in await desk.api.hooks(desk.repository, desk.token)):
            raise Failure(f"there is no hook to {wish.address}; make it: trueup webhook register {repository}")
        return await desk.care(wish, has_secret=False)

    _finish(_at_desk(repository, token_file, work), as_json)


@webhook.command(epilog="Example: trueup webhook remove shop")
@_options
def remove(repository: Name, token_file: Path | None, as_json: bool) -> None:
    """Delete a Repository's webhook at its forge; its heads are polled as before."""
    gone = _at_desk(repository, token_file, lambda desk, wish: desk.remove(wish))
    if as_json:
        print_json({"removed": [hook.id for hook in gone]})
        return
    say(f"removed hook {', '.join(hook.id for hook in gone)}" if gone else "there was none")


def _finish(care: Care, as_json: bool) -> None:
    if as_json:
        print_json({"hook": care.hook.id, "done": care.done, "trouble": care.trouble, "redelivered": care.redelivered})
    else:
        say(f"hook {care.hook.id}: {'; '.join(care.done)}")
    if care.trouble:
        raise Failure(f"a test delivery did not arrive: {care.trouble}; the forge sends to {care.hook.address}")


def _at_desk(name: Name, token_file: Path | None, work: Callable[[Desk, Wish], Awaitable[T]]) -> T:
    """Do something at the forge.

    Raises:
        Failure: when it cannot be done.
    """
    settings, repository = settings_and_repository(name)
    if repository.forge not in CLIENTS:
        known = ", ".join(sorted(CLIENTS))
        raise Failure(f"{name}: webhooks of {repository.forge} are entered by hand; this command knows {known}")
    if not settings.public_url:
        raise Failure("TRUEUP_PUBLIC_URL is not set; it is where the forge sends to", ExitCode.USAGE)

    async def at_desk() -> T:
        wish = wish_of(repository, settings.public_url, settings.master_keys[0])
        token = await _token(settings, repository, token_file)
        async with aiohttp.ClientSession() as session:
            return await work(Desk(CLIENTS[repository.forge](session), repository, token), wish)

    try:
        return run(at_desk())
    except TrueupError as error:
        raise Failure.of(error) from error


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
