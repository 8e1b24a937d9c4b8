"""`trueup webhook`: what to enter at a forge, or having it entered. `show` speaks to nobody."""

import click

from jobs.derive import Purpose, derive_secret, text_of, webhook_path
from receiver.settings import ReceiverSettings
from reconciler.model.declared import Forge, Name, Repository
from trueup.cli.arguments import NameType
from trueup.cli.declared import declarations
from trueup.cli.output import ExitCode, Failure, json_option, print_json
from trueup.cli.serve import load_settings
from trueup.cli.server import run

PURPOSES = {
    Forge.GITHUB: {"secret": Purpose.HMAC},
    Forge.GITLAB: {"secret token": Purpose.TOKEN, "signing token": Purpose.SIGNING},
}
"""What each forge asks for, by the word it uses."""


@click.group()
def webhook() -> None:
    """Webhooks: where a forge sends pushes, and the secret that it signs them with."""


@webhook.command(epilog="Example: trueup webhook show shop")
@click.argument("repository", type=NameType())
@json_option
def show(repository: Name, as_json: bool) -> None:
    """Print the address and the secret of a Repository's webhook; enter both at the forge."""
    settings, found = settings_and_repository(repository)
    if found.forge not in PURPOSES:
        raise Failure(f"{found.name}: webhooks of {found.forge} are not understood yet; its heads are polled", ExitCode.FAILED)
    shown = _shown(found, settings)
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        click.echo(f"{name + ':':15} {value}")


def settings_and_repository(name: Name) -> tuple[ReceiverSettings, Repository]:
    """The settings, with a webhook key, and a Repository that is declared.

    Raises:
        Failure: when either is missing.
    """
    settings = load_settings(ReceiverSettings)
    if not settings.master_keys:
        raise Failure("TRUEUP_WEBHOOK_KEYS is not set; secrets are derived from it: openssl rand -hex 32", ExitCode.USAGE)
    declared = run(declarations(settings)).repositories
    found = declared.get(name)
    if found is None:
        known = ", ".join(str(known) for known in sorted(declared)) or "none"
        raise Failure(f"there is no Repository {name}; there are: {known}", ExitCode.FAILED)
    return settings, found


def _shown(repository: Repository, settings: ReceiverSettings) -> dict[str, str]:
    base = settings.public_url.rstrip("/") or f"http://{settings.listen}"
    shown = {
        "address": base + webhook_path(str(repository.forge), repository.scope),
        "content type": "application/json",
        "events": "push" if repository.forge is Forge.GITHUB else "push events, tag push events",
    }
    for word, purpose in PURPOSES[repository.forge].items():
        generation = repository.webhook_generation
        secret = derive_secret(settings.master_keys[0], str(repository.forge), purpose, repository.scope, generation)
        shown[word] = text_of(secret, purpose)
    return shown
