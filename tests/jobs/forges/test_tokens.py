"""Tokens of forges: what stands in a Secret, or what a GitHub App in it gets."""

import asyncio

import pytest

from jobs.forges.tokens import Token, Tokens
from reconciler.errors import Stalled
from reconciler.model.declared import Forge, SecretRef
from tests.servers.forge_checks import TOKEN, app_secret
from tests.servers.forges import on_forge
from tests.servers.git_http import GivenSecrets

SECRET = SecretRef("trueup", "forge")


def token_in(data, repository):
    return Tokens(GivenSecrets(forge=data), ("http",)).of(repository, SECRET)


@pytest.mark.parametrize(
    ("forge", "data", "token"),
    [
        (Forge.GITHUB, {"token": b"t\n"}, "t"),
        (Forge.GITHUB, {"username": b"ada", "token": b"t"}, "t"),
        (Forge.GITLAB, {"token": b"t", "githubAppID": b"1"}, "t"),
        (Forge.BITBUCKET, {"username": b"ada@example.com\n", "token": b"t"}, "ada@example.com:t"),
        (Forge.BITBUCKET_DC, {"username": b"ada", "token": b"t"}, "ada:t"),
        (Forge.BITBUCKET, {"token": b"t"}, "t"),
    ],
)
async def test_what_stands_in_the_secret(forge, data, token):
    assert await token_in(data, on_forge("", forge)) == Token(token)


@pytest.mark.parametrize(
    ("forge", "data", "told"),
    [
        (Forge.GITHUB, {}, "trueup/shop: Secret forge: its key `token` is missing; write the forge's token into it"),
        (Forge.GITHUB, {"token": b" \n"}, "its key `token` is empty; write the forge's token into it"),
        (Forge.GITHUB, {"token": b"a\nb"}, "has a key `token` that is no token"),
        (Forge.BITBUCKET, {"username": b"a:b", "token": b"t"}, "has a key `username` that is no name"),
        (Forge.GITHUB, {"githubAppID": b"1"}, "needs githubAppID and githubAppPrivateKey"),
        (Forge.GITHUB, app_secret(token=b"t"), "only one of them can be sent"),
        (Forge.GITHUB, app_secret(url=b"https://github.com/other"), "is not sent to"),
        (Forge.GITHUB, app_secret(githubAppBaseURL=b"ftp://x"), "is no address"),
    ],
)
async def test_what_is_none_is_said(forge, data, told):
    with pytest.raises(Stalled, match=told):
        await token_in(data, on_forge("https://127.0.0.1:1", forge))


@pytest.mark.parametrize("more", [{}, {"githubAppInstallationID": b"77"}], ids=["found", "given"])
async def test_an_app_gets_one_token_for_all(forge_server, forge_checks, more):
    tokens = Tokens(GivenSecrets(forge=app_secret(**more)), ("http",))
    found = await asyncio.gather(*(tokens.of(on_forge(forge_server.url), SECRET) for _ in range(5)))
    assert set(found) == {Token(TOKEN, is_app=True)}
    assert forge_checks.tokens == 1
    assert len(forge_server.requests) == (1 if more else 2)


def test_a_token_does_not_show_itself():
    assert "ghs" not in repr(Token("ghs_x", is_app=True))
