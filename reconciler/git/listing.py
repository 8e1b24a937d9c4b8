"""Asking a Git server where some of its refs are, and no others: what a poll costs does not grow with the refs of a repository.

`git ls-remote` asks for every branch and tag, whatever patterns it is given; protocol version 2 takes prefixes. Pure, but for reading a
stream. https://git-scm.com/docs/protocol-v2#_ls_refs, https://git-scm.com/docs/gitprotocol-common#_pkt_line_format
"""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from reconciler.errors import SourceRefused

LIMIT_BYTES = 64 * 1024 * 1024
"""Of an answer; 10,000 refs are 1 MB."""

_LINE = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) ([^\x00-\x20\x7f]+)((?: [^\x00-\x1f ]+)*)\n?")
_SPECIAL = ("0000", "0001", "0002")
"""Flush, delimiter, end of an answer."""


class Stream(Protocol):
    """What a process or a channel says beside."""

    async def read(self, n: int, /) -> bytes:
        """At most so many bytes; none at its end."""


class Reader(Protocol):
    """What is read from: a process or a channel."""

    async def readexactly(self, n: int) -> bytes:
        """So many bytes.

        Raises:
            IncompleteReadError: when it ends before.
        """


class NotVersion2(Exception):
    """A server speaks an older protocol, which knows no prefixes."""


def request(prefixes: Iterable[str], algorithm: str) -> bytes:
    """The question for refs whose full names begin so, with what annotated tags lead to."""
    lines = ["peel", *(f"ref-prefix {prefix}" for prefix in prefixes)]
    return b"".join((
        _packet("command=ls-refs"), _packet(f"object-format={algorithm}"), b"0001", *map(_packet, lines), b"0000",
    ))  # fmt: skip


async def read_greeting(reader: Reader, what: str) -> str:
    """What a server says first; the algorithm of its hashes.

    Raises:
        NotVersion2: when it speaks another version.
        SourceRefused: when it says what no server says.
        IncompleteReadError: when it ends.
    """
    algorithm, packets = "sha1", _Packets(reader, what)
    while (packet := await packets.next()) is not None:
        if packets.count == 1 and packet.rstrip(b"\n") != b"version 2":
            raise NotVersion2
        if packet.startswith(b"object-format="):
            algorithm = packet.rstrip(b"\n").partition(b"=")[2].decode("ascii", "replace")
    if packets.count == 0:
        raise NotVersion2
    if algorithm not in ("sha1", "sha256"):
        raise SourceRefused(f"{what}: the server names its commits by {algorithm!r}, which nobody knows here")
    return algorithm


async def read_refs(reader: Reader, what: str) -> Mapping[str, str]:
    """A server's answer: every ref with its commit; annotated tags are followed to theirs.

    Raises:
        SourceRefused: when it is too long, or none.
        IncompleteReadError: when it ends.
    """
    refs: dict[str, str] = {}
    packets = _Packets(reader, what)
    while (packet := await packets.next()) is not None:
        if packet.startswith(b"ERR "):
            raise SourceRefused(f"{what}: the server says: {packet[4:200].decode(errors='replace').strip()}")
        match = _LINE.fullmatch(packet)
        if match is None:
            raise SourceRefused(f"{what}: the server's answer is no list of refs; check spec.url")
        peeled = [part[len(b"peeled:") :] for part in match[3].split() if part.startswith(b"peeled:")]
        refs[match[2].decode(errors="replace")] = (peeled[0] if peeled else match[1]).decode("ascii", "replace")
    return refs


def parse_listed(output: bytes) -> dict[str, str]:
    """What `git ls-remote` printed: every ref with its commit; annotated tags are followed to theirs."""
    refs: dict[str, str] = {}
    for line in output.decode(errors="replace").splitlines():
        commit, _, ref = line.partition("\t")
        refs[ref.removesuffix("^{}")] = commit  # the peeled line follows the tag's own
    return refs


class _Packets:
    """The packets of a stream up to the next flush."""

    def __init__(self, reader: Reader, what: str) -> None:
        self._reader = reader
        self._what = what
        self._size_bytes = 0
        self.count = 0

    async def next(self) -> bytes | None:
        while True:
            head = await self._reader.readexactly(4)
            if not re.fullmatch(rb"[0-9a-f]{4}", head):
                raise SourceRefused(f"{self._what}: the address answers, but not as a Git server; check spec.url")
            size = int(head, 16)
            self._size_bytes += size
            if self._size_bytes > LIMIT_BYTES:
                raise SourceRefused(
                    f"{self._what}: more than {LIMIT_BYTES >> 20} MiB of refs; this is no configuration repository"
                )
            if size == 0:
                return None
            if size >= 4:
                self.count += 1
                return await self._reader.readexactly(size - 4)
            if head.decode() not in _SPECIAL:
                raise SourceRefused(f"{self._what}: the address answers, but not as a Git server; check spec.url")


def _packet(line: str) -> bytes:
    raw = f"{line}\n".encode()
    return b"%04x" % (len(raw) + 4) + raw


async def read_some(stream: Stream, limit_bytes: int) -> bytes:
    """A stream to its end, of which no more than so much is kept."""
    kept = b""
    while chunk := await stream.read(8192):
        kept = (kept + chunk)[-limit_bytes:]
    return kept
