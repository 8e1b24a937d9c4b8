"""Archives into a stream for `git fast-import`: regular files within bounds, and nothing that a checkout would not hold. Pure.

Nothing is unpacked to disk: what git takes in is what every other source is rendered from.
"""

import io
import tarfile
import zlib
from collections.abc import Iterator

from reconciler.errors import SourceRefused

LIMIT_BYTES = 256 * 1024 * 1024
LIMIT_FILES = 20_000
LIMIT_RATIO = 200
"""How much larger than its archive the content may be, beyond a MiB."""

REF = "refs/trueup/import"

IDENTITY = b"trueup <trueup@localhost> 0 +0000"
"""Of every commit, so that the same archive is the same commit everywhere."""


def stream_of(archive: bytes, digest: str, *, ref: str, what: str, strip: bool) -> bytes:
    """One commit with an archive's files: the same for the same digest, wherever it is made.

    Args:
        archive: tar, or tar and gzip.
        digest: names it; the commit's message.
        ref: that will be at the commit.
        what: how messages begin.
        strip: whether everything lies in one directory that is left out.

    Raises:
        SourceRefused: naming what is wrong with the archive.
    """
    message = f"{digest}\n".encode()
    parts = [b"commit %b\ncommitter %b\ndata %d\n%b\ndeleteall\n" % (ref.encode(), IDENTITY, len(message), message)]
    for name, content, is_executable in _files(archive, what, strip=strip):
        mode = b"100755" if is_executable else b"100644"
        parts.append(b"M %b inline %b\ndata %d\n%b\n" % (mode, _quoted(name), len(content), content))
    return b"".join(parts)


def _files(archive: bytes, what: str, *, strip: bool) -> Iterator[tuple[str, bytes, bool]]:
    most = min(LIMIT_BYTES, 1024 * 1024 + LIMIT_RATIO * len(archive))
    size, seen = 0, set[str]()
    try:
        with tarfile.open(fileobj=_plain(archive, most, what), mode="r:") as tar:
            for member in tar:
                if member.isdir() or member.type in (tarfile.XGLTYPE, tarfile.XHDTYPE):
                    continue
                name = _checked(member.name, what, strip=strip)
                if not member.isfile():
                    raise SourceRefused(f"{what}: {member.name[:200]!r} is no regular file; links and devices are not unpacked")
                size += member.size
                if size > most or len(seen) >= LIMIT_FILES:
                    raise SourceRefused(f"{what}: more than {LIMIT_FILES} files or {most >> 20} MiB in it")
                if name in seen:
                    raise SourceRefused(f"{what}: {name!r} is in it twice")
                seen.add(name)
                source = tar.extractfile(member)
                assert source is not None
                yield name, source.read(), bool(member.mode & 0o100)
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise SourceRefused(f"{what}: the archive is damaged: {error}") from error
    if not seen:
        raise SourceRefused(f"{what}: the archive is empty")


def _plain(archive: bytes, most: int, what: str) -> io.BytesIO:
    if not archive.startswith(b"\x1f\x8b"):
        return io.BytesIO(archive)
    unzip = zlib.decompressobj(wbits=31)
    headers = 1024 * (LIMIT_FILES + 1)  # of files, which are no content
    try:
        found = unzip.decompress(archive, most + headers)
    except zlib.error as error:
        raise SourceRefused(f"{what}: the archive is damaged: {error}") from error
    if unzip.unconsumed_tail:
        raise SourceRefused(f"{what}: the archive unpacks to more than {most >> 20} MiB")
    return io.BytesIO(found)


def _checked(name: str, what: str, *, strip: bool) -> str:
    parts = name.removeprefix("./").split("/")
    if strip:
        parts = parts[1:]
    dubious = any(part in ("", ".", "..") or part.lower().rstrip(". ") == ".git" for part in parts)
    if not parts or dubious or any(ord(c) < 32 or c in "\\\x7f" for c in name) or len(name) > 1024:
        raise SourceRefused(f"{what}: the archive has a path that is refused: {name[:200]!r}")
    return "/".join(parts)


def _quoted(name: str) -> bytes:
    return b'"' + name.encode().replace(b'"', b'\\"') + b'"'
