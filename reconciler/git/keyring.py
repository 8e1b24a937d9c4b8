"""Which Secret opens a Repository, and what it gives: the Repository's own, or the one that the settings name for its address.

Secrets are read anew each time and kept nowhere; only the tokens that GitHub gives for them are kept, as long as they count.
"""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from reconciler.git.credentials import NONE, Address, Credentials, Login, host_of, parse_credentials
from reconciler.git.github_app import AppTokens
from reconciler.model.declared import HOME, Forge, Repository, SecretRef, Secrets
from reconciler.settings import CredentialSettings
from reconciler.urls import covers, default_api, parse_url


class Keyring:
    """The credentials of one worker's repositories."""

    def __init__(self, secrets: Secrets, templates: Mapping[str, CredentialSettings], protocols: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._templates = templates
        self._tokens = AppTokens(protocols)

    def ref(self, repository: Repository) -> SecretRef | None:
        """The Secret that counts: a Repository's own, else that of the longest prefix of its address; None for none."""
        if repository.credentials is not None:
            return repository.credentials
        found = [
            (len(prefix), template.secret)
            for prefix, template in self._templates.items()
            if covers(prefix, repository.url)
            and any(fnmatchcase(repository.name.namespace, glob) for glob in template.namespaces)
        ]
        return SecretRef(HOME, max(found)[1]) if found else None

    async def open(self, repository: Repository) -> Credentials:
        """What opens a Repository now; a GitHub App is turned into a token of its installation.

        Raises:
            SourceRefused: when its Secret has nothing that git could use, or GitHub refuses the App.
            SourceUnavailable: when GitHub does not answer.
        """
        ref = self.ref(repository)
        if ref is None:
            return NONE
        what = f"{repository.name}: Secret {ref.name}"
        address = Address(repository.url, repository.forge, self._api_of(repository))
        credentials = parse_credentials(await self._secrets.read(ref), address, what)
        if credentials.app is None:
            return credentials
        token = await self._tokens.token(credentials.app, repository.url, credentials.authorities, what)
        return replace(credentials, login=Login("x-access-token", token, host_of(repository.url)), app=None)

    @staticmethod
    def _api_of(repository: Repository) -> str:
        """Whom a GitHub App speaks to: of operators' Secrets never the address that who may use them has declared."""
        if repository.credentials is not None:
            return repository.api
        return default_api(Forge.GITHUB, parse_url(repository.url).host)
