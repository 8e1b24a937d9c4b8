"""What a Secret opens: one host, and no other."""

import pytest

from reconciler.artifacts.fetch import Key
from reconciler.artifacts.keys import key_of
from reconciler.errors import SourceRefused
from tests.servers.tls import Authority

HOST = "registry.example.com:5000"
DOCKER = '{"auths": {"%s": %s}}'
AUTH = '{"auth": "YWRhOnA0c3M6eA=="}'


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"username": "ada", "password": "p4ss:x\n"}, Key(HOST, "ada", "p4ss:x")),
        ({"token": "t0ken"}, Key(HOST, "oauth2", "t0ken")),
        ({"password": "p"}, Key(HOST, "oauth2", "p")),
        ({".dockerconfigjson": DOCKER % (HOST, AUTH)}, Key(HOST, "ada", "p4ss:x")),
        ({".dockerconfigjson": DOCKER % (f"https://{HOST}/v1/", AUTH)}, Key(HOST, "ada", "p4ss:x")),
        ({".dockerconfigjson": DOCKER % (HOST, '{"username": "ada", "password": "p"}')}, Key(HOST, "ada", "p")),
    ],
)
def test_a_login(data, key):
    found, _ = key_of({name: text.encode() for name, text in data.items()}, HOST, "here")
    assert found == key


@pytest.mark.parametrize("name", ["ca.crt", "caFile"])
def test_an_authority_alone_is_believed_and_no_other(name, tmp_path):
    key, tls = key_of({name: Authority(tmp_path).pem}, HOST, "here")
    assert key == Key()
    assert [dict(pair[0] for pair in found["subject"]) for found in tls.get_ca_certs()] == [{"commonName": "test authority"}]


def test_a_login_shows_nothing():
    assert "p4ss" not in repr(Key(HOST, "ada", "p4ss"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "here: has neither .dockerconfigjson nor username and password nor ca.crt"),
        ({"username": b"ada"}, "here: has neither"),
        ({"ca.crt": b"PEM"}, "here: ca.crt is no certificate"),
        ({"caFile": b"\xff"}, "here: caFile is no certificate"),
        ({"password": b"a\nb"}, "here: password is more than one line of text"),
        ({"password": b"\xff"}, "here: password is no text"),
        ({".dockerconfigjson": b"x"}, "here: .dockerconfigjson: is no configuration of Docker"),
        ({".dockerconfigjson": b"[]"}, "is no configuration of Docker"),
        ({".dockerconfigjson": b'{"auths": {"registry.example.com:5000": {"auth": "!"}}}'}, "is no configuration of Docker"),
        ({".dockerconfigjson": b'{"auths": {"evil.example.com": {"auth": "YTpi"}}}'}, "has no login for registry.example.com:5000, but"),
    ],
)  # fmt: skip
def test_what_opens_nothing_is_named(data, message):
    with pytest.raises(SourceRefused) as raised:
        key_of(data, HOST, "here")
    assert message in str(raised.value)
    assert "YTpi" not in str(raised.value)
