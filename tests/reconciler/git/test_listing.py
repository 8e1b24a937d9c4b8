"""What a server answers when it is asked where refs are, and what servers answer that are none."""

import asyncio

import pytest

from reconciler.errors import SourceRefused
from reconciler.git import listing
from reconciler.git.listing import NotVersion2, read_greeting, read_refs, request

A, B, LONG = b"a" * 40, b"b" * 40, b"c" * 64


def stream(*packets):
    reader = asyncio.StreamReader()
    for packet in packets:
        reader.feed_data(packet if packet in (b"0000", b"0001", b"0002", b"!") else b"%04x" % (len(packet) + 4) + packet)
    reader.feed_eof()
    return reader


def test_the_question_names_prefixes_and_nothing_else():
    asked = request(["refs/heads/main", "refs/tags/v"], "sha1")
    assert asked == (
        b"0014command=ls-refs\n0017object-format=sha1\n00010009peel\n001fref-prefix refs/heads/main\n001bref-prefix refs/tags/v\n0000"
    )


async def test_annotated_tags_lead_to_their_commit():
    lines = [A + b" refs/heads/main\n", A + b" refs/tags/v1 peeled:" + B + b"\n", LONG + b" HEAD symref-target:refs/heads/main"]
    assert await read_refs(stream(*lines, b"0000", b"0002"), "shop") == {
        "refs/heads/main": "a" * 40, "refs/tags/v1": "b" * 40, "HEAD": "c" * 64,
    }  # fmt: skip


async def test_a_greeting_says_how_commits_are_named():
    assert await read_greeting(stream(b"version 2\n", b"ls-refs=unborn\n", b"0000"), "shop") == "sha1"
    assert await read_greeting(stream(b"version 2\n", b"object-format=sha256\n", b"0000"), "shop") == "sha256"


@pytest.mark.parametrize("packets", [[A + b" HEAD\0caps\n", b"0000"], [b"version 1\n", b"0000"], [b"0000"]])
async def test_older_protocols_are_told_apart(packets):
    with pytest.raises(NotVersion2):
        await read_greeting(stream(*packets), "shop")


@pytest.mark.parametrize(
    ("packets", "said"),
    [
        ([b"ERR no such repository\n"], "the server says: no such repository"),
        ([A + b"\n"], "no list of refs"),
        ([b"x" * 40 + b" refs/heads/main\n"], "no list of refs"),
        ([A + b" refs/heads/a b\0c\n"], "no list of refs"),
        ([A + b"0 refs/heads/main\n"], "no list of refs"),
        ([A + b" refs/heads/a\nb\n"], "no list of refs"),
        ([b"\xff" * 100], "no list of refs"),
        ([A + b" refs/heads/" + b"m" * 50_000 + b"\n"] * 3, "MiB of refs"),
    ],
)
async def test_an_answer_that_is_none_is_refused(monkeypatch, packets, said):
    monkeypatch.setattr(listing, "LIMIT_BYTES", 100_000)
    with pytest.raises(SourceRefused, match=said):
        await read_refs(stream(*packets, b"0000"), "shop")


@pytest.mark.parametrize("raw", [b"<htm", b"00FF", b"0x10", b"0003", b"-001", b"\0\0\0\0"])
async def test_bytes_that_are_no_packets_are_refused(raw):
    reader = asyncio.StreamReader()
    reader.feed_data(raw * 10)
    with pytest.raises(SourceRefused, match="not as a Git server"):
        await read_refs(reader, "shop")


async def test_hashes_of_another_kind_are_refused():
    with pytest.raises(SourceRefused, match="'md5'"):
        await read_greeting(stream(b"version 2\n", b"object-format=md5\n", b"0000"), "shop")
