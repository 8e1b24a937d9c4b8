"""What a Secret gives to speak with a forge: a token that stands in it, or one of an installation of a GitHub App."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.errors import Stalled
from reconciler.git.credentials import Address, parse_app
from reconciler.git.github_app import AppTokens
from reconciler.model.declared import Forge, Repository, SecretRef, Secrets

NAMED = frozenset({Forge.BITBUCKET, Forge.BITBUCKET_DC})
"""Forges that have tokens which count only together with the name of an account."""


@dataclass(frozen=True, slots=True)
class Token:
    """A forge's API token; its representation does not show it."""

    value: str = field(repr=False)
    """At Bitbucket, where the Secret has a `username` beside it, `username:token`."""
    is_app: bool = False
    """Whether it is an installation's of a GitHub App, which may write check runs."""


class Tokens:
    """The tokens of one worker. Secrets are read anew each time and kept nowhere; an App's token is kept as long as it counts.

    Args:
        secrets: where Secrets are read.
        protocols: by which the API of an App may be asked.
    """

    def __init__(self, secrets: Secrets, protocols: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._apps = AppTokens(protocols)

    async def of(self, repository: Repository, secret: SecretRef) -> Token:
        """The token for a repository's forge in a Secret.

        Raises:
            Stalled: when there is none in it, or GitHub refuses the App.
            Transient: when it cannot be read, or asked for, now.
        """
        data = await self._secrets.read(secret)
        what = f"{repository.name}: Secret {secret.name}"
        if repository.forge is Forge.GITHUB and (app := parse_app(data, _address(repository), what)):
            if data.get("token"):
                raise Stalled(f"{what}: has token and githubAppID; only one of them can be sent, leave the other out")
            authorities = data.get("ca.crt", b"")
            return Token(await self._apps.token(app, repository.url, authorities, what), is_app=True)
        return Token(_written(data, what, is_named=repository.forge in NAMED))


def _address(repository: Repository) -> Address:
    return Address(repository.url, repository.forge, repository.api)


def _written(data: Mapping[str, bytes], what: str, *, is_named: bool) -> str:
    token = data.get("token", b"").decode(errors="replace").strip()
    if not token:
        raise Stalled(
            f"{what}: its key `token` {'is empty' if 'token' in data else 'is missing'}; write the forge's token into it"
        )
    if not token.isascii() or not token.isprintable():
        raise Stalled(f"{what} has a key `token` that is no token: it has lines or letters that none has")
    username = data.get("username", b"").decode(errors="replace").strip()
    if not is_named or not username:
        return token
    if not username.isprintable() or ":" in username:
        raise Stalled(f"{what} has a key `username` that is no name")
    return f"{username}:{token}"
