"""`trueup webhook`: what to enter at a forge, or having it entered. `show` speaks to nobody."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from jobs.derive import Purpose, derive_secret, text_of, webhook_path
from jobs.forges.places import holder_of
from receiver.settings import ReceiverSettings
from reconciler.model.declared import Forge, Name, Repository
from reconciler.urls import parse_scope, scope_contains
from trueup.cli.arguments import NameType
from trueup.cli.declared import declarations
from trueup.cli.output import ExitCode, Failure, json_option, print_json
from trueup.cli.serve import load_settings
from trueup.cli.server import run

JSON = {"content type": "application/json"}
SECRET = {"secret": Purpose.HMAC}
GITEA = "push, delete, pull request, pull request synchronized, pull request comment"


@dataclass(frozen=True, slots=True)
class Form:
    """What a forge asks for, by the words it uses."""

    events: str
    secrets: Mapping[str, Purpose]
    more: Mapping[str, str]


FORMS = {
    Forge.GITHUB: Form("pushes, pull requests, issue comments", SECRET, JSON),
    Forge.GITLAB: Form(
        "push events, tag push events, comments, merge request events",
        {"secret token": Purpose.TOKEN, "signing token": Purpose.SIGNING},
        JSON,
    ),
    Forge.GITEA: Form(GITEA, SECRET, JSON),
    Forge.FORGEJO: Form(GITEA, SECRET, JSON),
    Forge.BITBUCKET: Form(
        "repository push, pull request created, pull request updated, pull request comment created", SECRET, {}
    ),
    Forge.BITBUCKET_DC: Form("repository push, pull request opened, source branch updated, modified, comment added", SECRET, {}),
    Forge.AZURE: Form(
        "code pushed, pull request created, pull request updated, pull request commented on",
        {"password": Purpose.TOKEN},
        {"user name": "trueup", "resource details": "all"},
    ),
    Forge.GENERIC: Form("push", SECRET, JSON),
}


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook to show: of a repository, or of all within a scope."""

    forge: Forge
    scope: str
    generation: int


def of_scope(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command about a Repository's webhook, or one for many."""
    scope = click.option(
        "--scope", help="Of one hook for many repositories: an organisation, a group or a host, as `github.com/acme`."
    )
    forge = click.option(
        "--forge",
        type=click.Choice([str(forge) for forge in Forge]),
        help="Of the repositories within --scope, where they are of several.",
    )
    options: Callable[..., Any] = scope(forge(function))
    return options


def check_one(repository: Name | None, scope: str | None, forge: str | None, command: str) -> None:
    """Whether a command was told whose webhook it is about.

    Raises:
        Failure: when it was not, or of both.
    """
    if (repository is None) is (scope is None) or (forge is not None and scope is None):
        raise Failure(f"name a Repository, or a scope: trueup webhook {command} --scope github.com/acme", ExitCode.USAGE)


@click.group()
def webhook() -> None:
    """Webhooks: where a forge sends pushes, and the secret that it signs them with."""


@webhook.command(epilog="Example: trueup webhook show shop")
@click.argument("repository", type=NameType(), required=False)
@of_scope
@json_option
def show(repository: Name | None, scope: str | None, forge: str | None, as_json: bool) -> None:
    """Print the address and the secret of a Repository's webhook, or of one for all within a scope; enter both at the forge."""
    check_one(repository, scope, forge, "show")
    settings, declared = settings_and_repositories()
    if repository is not None:
        found = holder_of(known(repository, declared), declared.values())
        hook = Hook(found.forge, found.scope, found.webhook_generation)
    else:
        hook = hook_of(scope or "", Forge(forge) if forge else None, declared.values())
    shown = _shown(hook, settings)
    if as_json:
        print_json(shown)
        return
    width = max(map(len, shown)) + 1
    for name, value in shown.items():
        click.echo(f"{name + ':':{width}} {value}")


def known(name: Name, declared: Mapping[Name, Repository]) -> Repository:
    """A Repository that is declared.

    Raises:
        Failure: when it is not.
    """
    found = declared.get(name)
    if found is None:
        there = ", ".join(str(other) for other in sorted(declared)) or "none"
        raise Failure(f"there is no Repository {name}; there are: {there}", ExitCode.FAILED)
    return found


def settings_and_repositories() -> tuple[ReceiverSettings, Mapping[Name, Repository]]:
    """The settings, with a webhook key, and all Repositories that are declared.

    Raises:
        Failure: when there is no key, or declarations cannot be read.
    """
    settings = load_settings(ReceiverSettings)
    if not settings.master_keys:
        raise Failure("TRUEUP_WEBHOOK_KEYS is not set; secrets are derived from it: openssl rand -hex 32", ExitCode.USAGE)
    return settings, run(declarations(settings)).repositories


def hook_of(text: str, forge: Forge | None, declared: Iterable[Repository]) -> Hook:
    """The hook of a scope; its secret is of the lowest generation within it, which is the last to be revoked.

    Raises:
        Failure: when it would bring nothing, or it is not clear from which forge.
    """
    try:
        scope = parse_scope(text)
    except ValueError as error:
        raise Failure(f"--scope {text!r}: {error}, host/owner or host", ExitCode.USAGE) from error
    within = [
        repository for repository in declared if scope_contains(scope, repository.scope) and forge in (None, repository.forge)
    ]
    forges = sorted({repository.forge for repository in within})
    if not forges:
        known = ", ".join(sorted({f"{repository.scope} ({repository.forge})" for repository in declared})[:10]) or "none"
        raise Failure(
            f"no Repository{f' of {forge}' if forge else ''} is declared within {scope}; declare one; there are: {known}"
        )
    if len(forges) > 1:
        raise Failure(f"within {scope} there are Repositories of {' and '.join(forges)}; say which with --forge", ExitCode.USAGE)
    return Hook(forges[0], scope, min(repository.webhook_generation for repository in within))


def _shown(hook: Hook, settings: ReceiverSettings) -> dict[str, str]:
    base = settings.public_url.rstrip("/") or f"http://{settings.listen}"
    form, provider = FORMS[hook.forge], str(hook.forge)
    shown = {"address": base + webhook_path(provider, hook.scope), **form.more, "events": form.events}
    for word, purpose in form.secrets.items():
        shown[word] = text_of(derive_secret(settings.master_keys[0], provider, purpose, hook.scope, hook.generation), purpose)
    return shown
