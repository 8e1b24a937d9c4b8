"""Sealed sessions: who made them, until when, and for which token; whatever else comes opens nothing."""

import hashlib

import pytest

from jobs.derive import session_key
from receiver.auth import Person, Role, Tokens
from receiver.ui.sessions import SESSION_SECONDS, Sessions

NOW = 1_790_000_000.0
KEY, OLDER = session_key(b"a" * 32, "trueup"), session_key(b"b" * 32, "trueup")


def tokens(*entries):
    return Tokens([f"{name}:{role}:{hashlib.sha256(text.encode()).hexdigest()}" for name, role, text in entries])


KNOWN = tokens(("ada", "viewer", "ada-token"), ("bob", "admin", "bob-token"))
SESSIONS = Sessions([KEY], KNOWN)


def cookie(text="ada-token", sessions=SESSIONS, at=NOW):
    return sessions.seal(sessions._tokens.find(text), at)


def test_who_logged_in_is_known_again_until_the_session_ends():
    sealed = cookie()
    session = SESSIONS.open(sealed, NOW + SESSION_SECONDS - 1)
    assert (session.person, session.ends) == (Person("ada", Role.VIEWER), NOW + SESSION_SECONDS)
    assert SESSIONS.open(sealed, NOW + SESSION_SECONDS) is None


def test_every_session_is_another():
    assert len({SESSIONS.open(cookie(), NOW).id for _ in range(20)}) == 20


@pytest.mark.parametrize("text", ["ada-token", "bob-token"])
def test_a_cookie_tells_nothing_of_its_token(text):
    digest = hashlib.sha256(text.encode()).hexdigest()
    sealed = cookie(text)
    assert text not in sealed
    assert all(digest[start : start + 8] not in sealed for start in range(56))
    assert text not in repr(KNOWN.find(text))
    assert digest not in repr(KNOWN.find(text))


@pytest.mark.parametrize(
    ("later", "person"),
    [
        pytest.param(KNOWN, Person("ada", Role.VIEWER), id="nothing changed"),
        pytest.param(tokens(("bob", "admin", "bob-token")), None, id="the token is gone"),
        pytest.param(tokens(), None, id="all tokens are gone"),
        pytest.param(tokens(("ada", "viewer", "new-token")), None, id="the token was changed"),
        pytest.param(tokens(("ada", "approver", "ada-token")), Person("ada", Role.APPROVER), id="its role was changed"),
        pytest.param(tokens(("eve", "viewer", "ada-token")), Person("eve", Role.VIEWER), id="its name was changed"),
    ],
)
def test_a_session_is_what_its_token_is_now(later, person):
    session = Sessions([KEY], later).open(cookie(), NOW)
    assert (session and session.person) == person


@pytest.mark.parametrize(
    ("keys", "is_open"),
    [
        pytest.param([KEY], True, id="the same"),
        pytest.param([OLDER, KEY], True, id="a newer one before it"),
        pytest.param([OLDER], False, id="another"),
        pytest.param([session_key(b"a" * 32, "prod")], False, id="of another instance"),
    ],
)
def test_all_receivers_of_an_instance_open_it_and_nobody_else(keys, is_open):
    assert bool(Sessions(keys, KNOWN).open(cookie(), NOW)) is is_open


def changed(sealed, part):
    parts = sealed.split(".")
    parts[part] = parts[part][:-1] + ("1" if parts[part][-1] != "1" else "2")
    return ".".join(parts)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda _: "", id="nothing"),
        pytest.param(lambda c: changed(c, 1), id="a later end"),
        pytest.param(lambda c: changed(c, 2), id="another id"),
        pytest.param(lambda c: changed(c, 3), id="another seal"),
        pytest.param(lambda c: c.rpartition(".")[0], id="no seal"),
        pytest.param(lambda c: c.rpartition(".")[0] + ".", id="an empty seal"),
        pytest.param(lambda c: c.rpartition(".")[0] + "." + "0" * 64, id="a seal of zeros"),
        pytest.param(lambda c: c[:-1], id="cut"),
        pytest.param(lambda c: c + "0", id="longer"),
        pytest.param(lambda c: c + "\n", id="a new line"),
        pytest.param(lambda c: c.upper(), id="in capitals"),
        pytest.param(lambda c: c.replace("v1", "v2"), id="another version"),
        pytest.param(lambda c: c.replace(c.split(".")[1], "9" * 5000), id="an end without end"),
        pytest.param(lambda c: c.replace("1", "\u0661"), id="other digits"),
        pytest.param(lambda _: "ada-token", id="the token"),
        pytest.param(lambda _: hashlib.sha256(b"ada-token").hexdigest(), id="the hash of the token"),
        pytest.param(lambda _: "v1." + "a" * 100_000, id="long"),
    ],
)
def test_what_we_did_not_seal_opens_nothing(forged):
    assert SESSIONS.open(forged(cookie()), NOW) is None
