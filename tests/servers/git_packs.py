"""Git servers that say what they are told to: packets, packs made by hand, answers that never end."""

import asyncio
import hashlib
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence

from aiohttp import web

from tests.servers.git_http import Remote

KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
MAIN = "refs/heads/main"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


def packet(payload: bytes) -> bytes:
    return b"%04x" % (len(payload) + 4) + payload


def object_id(kind: str, content: bytes) -> str:
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content).hexdigest()


def header(kind: str, size: int) -> bytes:
    """Of an object in a pack: its kind, and the size that it says it has."""
    first, size = KINDS[kind] << 4 | size & 15, size >> 4
    found = bytearray()
    while size:
        found.append(first | 128)
        first, size = size & 127, size >> 7
    return bytes([*found, first])


def pack(objects: Sequence[tuple[str, bytes]], *, count: int | None = None, sizes: Sequence[int] | None = None) -> bytes:
    """A pack of whole objects; it may lie about their number and sizes."""
    body = b"PACK" + struct.pack(">II", 2, len(objects) if count is None else count)
    for index, (kind, content) in enumerate(objects):
        body += header(kind, sizes[index] if sizes else len(content)) + zlib.compress(content)
    return body + hashlib.sha1(body).digest()


def commit_of(tree: str, message: bytes = b"made by hand\n") -> bytes:
    who = b"Ada <ada@example.com> 1700000000 +0000"
    return b"tree %s\nauthor %s\ncommitter %s\n\n%s" % (tree.encode(), who, who, message)


def tree_of(entries: Iterable[tuple[str, bytes, str]]) -> bytes:
    """A tree with exactly these entries: mode, name, object id."""
    return b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(identity) for mode, name, identity in entries)


def one_commit(blob: bytes = b"a: 1\n") -> tuple[str, list[tuple[str, bytes]]]:
    tree = tree_of([("100644", b"a.yaml", object_id("blob", blob))])
    commit = commit_of(object_id("tree", tree))
    return object_id("commit", commit), [("commit", commit), ("tree", tree), ("blob", blob)]


def saying(
    fetched: bytes | Callable[[web.StreamResponse], Awaitable[None]], *, commit: str, ref: str = MAIN, greets: bytes = b""
) -> Answer:
    """A server of protocol version 2 with one ref, and with this for an answer to a fetch."""
    greeting = [b"version 2\n", b"agent=git/x\n", b"ls-refs=unborn\n", b"fetch=shallow wait-for-done filter\n"]

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            lines = packet(b"# service=git-upload-pack\n") + b"0000" + b"".join(map(packet, greeting))
            content = "application/x-git-upload-pack-advertisement"
            return web.Response(body=greets or lines + b"0000", headers={"Content-Type": content})
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        await response.prepare(request)
        if b"command=ls-refs" in await request.read():
            await response.write(packet(f"{commit} {ref}\n".encode()) + b"0000")
        elif isinstance(fetched, bytes):
            await response.write(fetched)
        else:
            await fetched(response)
        return response

    return answer


def packfile(content: bytes, commit: str) -> bytes:
    """A pack as a server sends it, one deep."""
    bands = b"".join(packet(b"\1" + content[i : i + 65000]) for i in range(0, len(content), 65000))
    return packet(b"shallow-info\n") + packet(f"shallow {commit}\n".encode()) + b"0001" + packet(b"packfile\n") + bands + b"0000"


def endless(piece: bytes, *, before: bytes = b"", pause: float = 0.0) -> Callable[[web.StreamResponse], Awaitable[None]]:
    """An answer that never ends, as long as anybody listens."""

    async def write(response: web.StreamResponse) -> None:
        await response.write(before)
        while True:
            await response.write(piece)
            await asyncio.sleep(pause)

    return write


async def written(remote: Remote, objects: Sequence[tuple[str, bytes]], ref: str = MAIN) -> str:
    """Put objects into a repository as they are, and let a ref be at the first one."""
    await remote.server.create(remote.name)
    ids = [
        await remote.git("hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=content) for kind, content in objects
    ]
    await remote.set_ref(ref, ids[0])
    return ids[0]
