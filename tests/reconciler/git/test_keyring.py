"""Which Secret opens a Repository: its own, or the one that the settings name for the beginning of its address."""

from dataclasses import replace

import pytest

from reconciler.git.keyring import Keyring
from reconciler.model.declared import Name, SecretRef
from reconciler.settings import CredentialSettings
from tests.servers.forge_checks import app_secret
from tests.servers.git_http import GivenSecrets, repository_at

TEMPLATES = {
    "https://github.com": CredentialSettings(secret="host"),
    "https://github.com/acme": CredentialSettings(secret="acme", namespaces=("trueup", "team-*")),
    "git@github.com:acme": CredentialSettings(secret="ssh"),
}


@pytest.mark.parametrize(
    ("url", "namespace", "secret"),
    [
        ("https://github.com/acme/shop.git", "trueup", "acme"),
        ("https://github.com/acme/shop", "team-a", "acme"),
        ("https://github.com/acme/shop", "other", None),
        ("https://github.com/acme-evil/shop", "trueup", "host"),
        ("https://github.com/acme-evil/shop", "team-a", None),
        ("https://github.com.evil/acme/shop", "trueup", None),
        ("https://github.com:444/acme/shop", "trueup", None),
        ("http://github.com/acme/shop", "trueup", None),
        ("git@github.com:acme/shop.git", "trueup", "ssh"),
        ("ssh://git@github.com/acme/shop.git", "trueup", "ssh"),
        ("https://github.com@evil.example/acme/shop", "trueup", None),
    ],
)
def test_the_longest_prefix_counts_for_those_who_may(url, namespace, secret):
    keyring = Keyring(GivenSecrets(), TEMPLATES, ("https",))
    repository = replace(repository_at(url), name=Name(namespace, "shop"))
    assert keyring.ref(repository) == (SecretRef("trueup", secret) if secret else None)
    own = SecretRef(namespace, "own")
    assert keyring.ref(replace(repository, credentials=own)) == own


@pytest.mark.parametrize(("own", "asked"), [(None, "https://github.com/api/v3"), ("own", "https://evil.example")])
async def test_an_operators_app_is_not_shown_to_an_api_that_others_declare(monkeypatch, own, asked):
    """Its assertion opens every installation of the App, whoever hears it."""
    heard = []

    async def token(_, app, *__):
        heard.append(app.api)
        return "t"

    monkeypatch.setattr("reconciler.git.github_app.AppTokens.token", token)
    secrets = GivenSecrets(acme=app_secret(), own=app_secret())
    keyring = Keyring(secrets, {"https://github.example/acme": CredentialSettings(secret="acme")}, ("https",))
    repository = replace(repository_at("https://github.example/acme/shop"), api="https://evil.example")
    await keyring.open(replace(repository, credentials=SecretRef("trueup", own) if own else None))
    assert heard == [asked.replace("github.com", "github.example")]
