"""Keys as people give them: what each entry is, and what is wrong with it."""

import base64

import pytest

from reconciler.declarations.signers import LIMIT_BYTES, parse_signers
from reconciler.errors import SourceRefused

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIINOdxSuCAaljY92jdGBaLZUdsfazPATn1NSgyMLM52X"
ARMOR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n%b\n%b\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
BINARY = b"\x99\x01\x0d"


@pytest.mark.parametrize(
    ("entries", "ssh", "names"),
    [
        pytest.param({"a": f"ada@example.com {KEY}"}, [f"ada@example.com {KEY}"], ("ada@example.com",), id="signer"),
        pytest.param(
            {"a": f"ada@x,eve@x {KEY} laptop"}, [f"ada@x,eve@x {KEY} laptop"], ("ada@x,eve@x",), id="several principals"
        ),
        pytest.param({"a": f'*@x namespaces="git" {KEY}'}, [f'*@x namespaces="git" {KEY}'], ("*@x",), id="options"),
        pytest.param({"a.pub": KEY}, [f"* {KEY}"], ("*",), id="a public key alone counts for anybody"),
        pytest.param({"a": f"# us\n\nada@x {KEY}\r\n"}, [f"ada@x {KEY}"], ("ada@x",), id="comments and empty lines"),
        pytest.param({"b": f"b@x {KEY}", "a": f"a@x {KEY}"}, [f"a@x {KEY}", f"b@x {KEY}"], ("a@x", "b@x"), id="several entries"),
    ],
)
def test_allowed_signers(entries, ssh, names):
    found = parse_signers({name: text.encode() for name, text in entries.items()}, "here")
    assert (found.ssh.splitlines(), found.names, found.openpgp) == (ssh, names, b"")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(ARMOR % (b"", base64.b64encode(BINARY)), id="armored"),
        pytest.param(ARMOR % (b"Comment: x\nVersion: 1\n", base64.b64encode(BINARY)), id="with headers"),
        pytest.param((ARMOR % (b"", base64.b64encode(BINARY))).replace(b"\n", b"\r\n"), id="with returns"),
        pytest.param(b"Ada's key:\n" + ARMOR % (b"", base64.b64encode(BINARY)), id="with words before it"),
        pytest.param(BINARY, id="binary"),
    ],
)
def test_openpgp_keys(content):
    found = parse_signers({"ada.asc": content}, "here")
    assert (found.openpgp, found.names, found.ssh) == (BINARY, ("ada.asc",), "")


def test_several_openpgp_keys_stand_one_after_another():
    armored = ARMOR % (b"", base64.b64encode(BINARY))
    assert parse_signers({"a": armored + armored, "b": BINARY}, "here").openpgp == BINARY * 3


def test_revoked_keys_are_no_signers():
    found = parse_signers({"a": f"ada@x {KEY}".encode(), "revoked_keys": KEY.encode()}, "here")
    assert (found.revoked, found.names) == (KEY, ("ada@x",))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param({}, "here: there is no key in it", id="nothing"),
        pytest.param({"a": b""}, "here: there is no key in it", id="empty"),
        pytest.param({"revoked_keys": KEY.encode()}, "here: there is no key in it", id="revoked keys only"),
        pytest.param(
            {"a": b"ada@x not-a-key"}, "here: a: line 1 names no signer; write: ada@example.com ssh-ed25519", id="no key"
        ),
        pytest.param({"a": f"ada@x {KEY}\nx".encode()}, "here: a: line 2 names no signer", id="second line"),
        pytest.param({"a": b"-----BEGIN PGP PRIVATE KEY BLOCK-----"}, "is a private key; only the public one", id="private"),
        pytest.param({"a": b"-----BEGIN OPENSSH PRIVATE KEY-----"}, "line 1 names no signer", id="private key of ssh"),
        pytest.param({"a": ARMOR % (b"", b"!!!")}, "the OpenPGP key is damaged", id="damaged"),
        pytest.param(
            {"a": b"-----BEGIN PUBLIC KEY-----\\nAAAA"}, "a: the public key is damaged; get it anew: cosign", id="damaged pem"
        ),
        pytest.param({"a": "ada é".encode()}, "here: a: is neither a key of OpenPGP nor allowed signers", id="no ascii"),
        pytest.param({"a": b"x" * (LIMIT_BYTES + 1)}, "here: more than 1 MiB of keys", id="too much"),
    ],
)
def test_what_is_no_key_is_named(entries, message):
    with pytest.raises(SourceRefused) as raised:
        parse_signers(entries, "here")
    assert message in str(raised.value)


def test_other_keys_have_another_name():
    one, two = (parse_signers({"a": f"{who} {KEY}".encode()}, "here") for who in ("ada@x", "eve@x"))
    assert one.name != two.name
    assert one.name == parse_signers({"b": f"ada@x {KEY}".encode()}, "there").name
