"""Pointers, and what LFS servers answer."""

import orjson
import pytest

from reconciler.artifacts.lfs import Action, Pointer, endpoint, parse_answer, parse_granted, parse_pointer, question
from reconciler.urls import parse_url

OID = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
TEXT = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n".encode()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(TEXT, Pointer(OID, 12345), id="pointer"),
        pytest.param(TEXT.rstrip(), Pointer(OID, 12345), id="without its last line break"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b" " + TEXT, None, id="something before it"),
        pytest.param(TEXT + b"x", None, id="something behind it"),
        pytest.param(TEXT + b"\n" * 1024, None, id="too long"),
        pytest.param(TEXT.replace(b"\n", b"\r\n"), None, id="other line breaks"),
        pytest.param(TEXT.replace(b"size 12345", b"size -1"), None, id="negative"),
        pytest.param(TEXT.replace(b"12345", b"9" * 16), None, id="no size of a file"),
        pytest.param(TEXT.replace(OID.encode(), OID.upper().encode()), None, id="capitals"),
        pytest.param(TEXT.replace(b"sha256", b"sha1"), None, id="another algorithm"),
        pytest.param(TEXT.replace(b"oid", b"ext-0-foo sha256:" + OID.encode() + b"\noid"), None, id="an extension"),
        pytest.param(TEXT.replace(OID.encode(), b"../../../../etc/passwd"), None, id="a path"),
    ],
)
def test_pointers(content, found):
    assert parse_pointer(content) == found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://git.example/acme/shop.git", "https://git.example/acme/shop.git/info/lfs"),
        ("https://git.example/acme/shop", "https://git.example/acme/shop.git/info/lfs"),
        ("https://git.example/acme/shop/", "https://git.example/acme/shop.git/info/lfs"),
    ],
    ids=["with its ending", "without", "behind a slash"],
)
def test_where_the_server_is(url, found):
    assert endpoint(url) == found


def test_what_is_asked_and_answered():
    assert orjson.loads(question([Pointer(OID, 7)]))["objects"] == [{"oid": OID, "size": 7}]
    download = {
        "href": "https://store.example/x?sig=1",
        "header": {"Authorization": "a", "Host": "evil", "X\n": "b", "Y": "c\r\nd", "Z": 1},
    }
    objects = [
        {"oid": OID, "actions": {"download": download}},
        {"oid": "b", "error": {"code": 404, "message": "gone\n"}},
        {"oid": "c"},
        {"oid": "d", "actions": {"download": {"href": 1}}},
        "nonsense",
    ]
    found = parse_answer(orjson.dumps({"objects": objects}))
    assert found == {
        OID: Action("https://store.example/x?sig=1", {"Authorization": "a"}),
        "b": "the server says: 'gone\\n'",
        "c": "the server does not have it; run git lfs push --all where it is",
        "d": "the server does not have it; run git lfs push --all where it is",
    }
    assert "sig" not in repr(found[OID])


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "no JSON"),
        (b"[]", "none of Git LFS"),
        (b"{}", "none of Git LFS"),
        (b'{"objects": {}}', "none of Git LFS"),
        (b'{"transfer": "tus", "objects": []}', "another way of transfer"),
    ],
    ids=["a page", "a list", "nothing", "a mapping", "another transfer"],
)
def test_what_is_no_answer(body, why):
    with pytest.raises(ValueError, match=why):
        parse_answer(body)


@pytest.mark.parametrize(
    ("url", "href", "is_taken"),
    [
        ("git@git.example:acme/shop.git", "https://git.example/acme/shop.git/info/lfs", True),
        ("ssh://git@ssh.github.com:443/acme/shop.git", "https://github.com/acme/shop.git/info/lfs", True),
        ("git@git.example:acme/shop.git", "https://evil.example/acme/shop.git/info/lfs", False),
        ("git@git.example:acme/shop.git", "https://git.example@evil.example/info/lfs", False),
        ("git@git.example:acme/shop.git", "/info/lfs", False),
    ],
    ids=["same host", "by its name for https", "another host", "another host behind a name", "no address"],
)
def test_where_an_ssh_host_leads(url, href, is_taken):
    body = orjson.dumps({"href": href, "header": {"Authorization": "RemoteAuth x"}})
    if is_taken:
        assert parse_granted(body, parse_url(url)) == Action(href, {"Authorization": "RemoteAuth x"})
    else:
        with pytest.raises(ValueError, match="elsewhere"):
            parse_granted(body, parse_url(url))
