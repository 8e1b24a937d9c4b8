"""Who may do what: roles, tokens, and answers that tell nothing to those who may not know."""

import hashlib

import pytest
from aiohttp.test_utils import make_mocked_request

from receiver.auth import Person, Role, Tokens
from receiver.problems import Refused


def entry(name: str, role: str, token: str) -> str:
    return f"{name}:{role}:{hashlib.sha256(token.encode()).hexdigest()}"


TOKENS = Tokens([entry(role.name.lower(), role.name.lower(), f"{role.name.lower()}-token") for role in Role])


def request(authorization: str | None):
    return make_mocked_request("GET", "/", {} if authorization is None else {"Authorization": authorization})


@pytest.mark.parametrize("needed", Role, ids=lambda role: f"needs {role.name}")
@pytest.mark.parametrize("has", Role, ids=lambda role: f"has {role.name}")
def test_each_role_may_do_what_those_before_it_may(has, needed):
    asked = request(f"Bearer {has.name.lower()}-token")
    if has >= needed:
        assert TOKENS.require(asked, needed) == Person(has.name.lower(), has)
        return
    with pytest.raises(Refused) as refused:
        TOKENS.require(asked, needed)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("Bearer", id="without a token"),
        pytest.param("Bearer ", id="an empty token"),
        pytest.param("Bearer wrong", id="an unknown token"),
        pytest.param("Bearer viewer-toke", id="a part of a token"),
        pytest.param("Bearer viewer-tokens", id="more than a token"),
        pytest.param("Bearer VIEWER-TOKEN", id="in capitals"),
        pytest.param("Basic viewer-token", id="another scheme"),
        pytest.param("viewer-token", id="without a scheme"),
        pytest.param(f"Bearer {hashlib.sha256(b'viewer-token').hexdigest()}", id="the hash of a token"),
        pytest.param("Bearer ÿé", id="odd letters"),
    ],
)
def test_without_a_known_token_nobody_is_let_in(authorization):
    with pytest.raises(Refused) as refused:
        TOKENS.require(request(authorization), Role.VIEWER)
    assert refused.value.status == 401
    assert "Bearer" in refused.value.detail


@pytest.mark.parametrize("authorization", ["bearer viewer-token", "BEARER viewer-token", "Bearer  viewer-token "])
def test_the_scheme_may_be_written_otherwise(authorization):
    assert TOKENS.require(request(authorization), Role.VIEWER).name == "viewer"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("viewer-token", "viewer"),
        (" viewer-token\n", "viewer"),
        ("viewer-toke", None),
        ("", None),
        ("\udcff", None),
    ],
)
def test_a_token_is_found_by_its_hash(text, name):
    token = TOKENS.find(text)
    assert (token and token.owner.name) == name


def test_a_token_shows_nothing_of_itself():
    assert hashlib.sha256(b"viewer-token").hexdigest() not in repr(TOKENS.find("viewer-token"))


def test_a_name_may_hold_dots_and_dashes():
    tokens = Tokens([entry("ci-bot.prod", "deployer", "t")])
    assert tokens.require(request("Bearer t"), Role.VIEWER) == Person("ci-bot.prod", Role.DEPLOYER)


def test_without_settings_nobody_is_let_in():
    with pytest.raises(Refused):
        Tokens([]).require(request("Bearer "), Role.VIEWER)
