"""Files that Git LFS keeps elsewhere: asked for at the repository's own host, fetched from where that says, and kept beside the mirror.

The repository's login goes to its own host only; for other addresses the server gives what they want. `.lfsconfig`, which anybody who may
push can write, is not read. What was fetched is kept for its mirror alone: who may not read a repository learns nothing by naming a file of it.
"""

import asyncio
import base64
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from reconciler.artifacts.fetch import Fetcher, expect
from reconciler.artifacts.lfs import AT_ONCE, MEDIA_TYPE, Action, Pointer, endpoint, parse_answer, parse_granted, question
from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.credentials import Credentials
from reconciler.git.mirror import Mirror
from reconciler.urls import parse_url

FILE_BYTES = 100 * 1024 * 1024
"""The largest file; a chart or an artifact is no larger either."""

ANSWER_BYTES = 4 * 1024 * 1024

AT_A_TIME = 4
"""Downloads."""

STRANGERS = "is not fetched with the repository's Secret for a commit of people who may not write to the repository"


@dataclass(frozen=True, slots=True, repr=False)
class _Server:
    """The LFS server of a repository, and what is sent to it."""

    fetcher: Fetcher
    url: str
    headers: Mapping[str, str]

    @property
    def place(self) -> tuple[str, str]:
        parts = urlsplit(self.url)
        return parts.scheme, parts.netloc


async def get_large(
    mirror: Mirror, pointers: Iterable[Pointer], *, is_trusted: bool = True
) -> Mapping[Pointer, Path | TrueupError]:
    """The files that pointers stand for, or why they cannot be had; what was fetched before is not fetched again.

    Args:
        mirror: of the repository that the pointers are in.
        pointers: any number of them.
        is_trusted: off for those of people who may not write to the repository: nothing is fetched with its Secret.
    """
    root = mirror.directory.large_files
    found: dict[Pointer, Path | TrueupError] = {}
    wanted = list(dict.fromkeys(pointers))
    for pointer in wanted:
        if pointer.size > FILE_BYTES:
            found[pointer] = SourceRefused(f"{mirror.repository.name}: LFS: more than {FILE_BYTES >> 20} MiB")
        elif await asyncio.to_thread(_is_kept, root / pointer.oid, pointer):
            found[pointer] = root / pointer.oid
    missing = [pointer for pointer in wanted if pointer not in found]
    try:
        if missing:
            if not is_trusted and mirror.remotes.keyring.ref(mirror.repository) is not None:
                raise SourceRefused(f"{mirror.repository.name}: LFS: {STRANGERS}")
            async with _opened(mirror) as server:
                for start in range(0, len(missing), AT_ONCE):
                    found |= await _get_some(server, missing[start : start + AT_ONCE], root)
            kept = {pointer.oid for pointer in wanted}
            await asyncio.to_thread(_bound, root, mirror.directory.limit_bytes, kept)
    except TrueupError as error:
        found |= {pointer: error for pointer in missing if pointer not in found}
    return found


async def reach_server(mirror: Mirror) -> str:
    """Ask the LFS server of a repository about a file that nobody has, as it is asked about others; its address.

    Raises:
        SourceRefused: when it refuses, or is none.
        SourceUnavailable: when it does not answer.
    """
    async with _opened(mirror) as server:
        await _ask(server, [Pointer("0" * 64, 1)])
        return server.url


async def _ask(server: _Server, pointers: Sequence[Pointer]) -> Mapping[str, Action | str]:
    """How files are got, or why not, by their ids."""
    fetcher = server.fetcher
    answer = await fetcher.post(
        f"{server.url}/objects/batch", question(pointers), limit_bytes=ANSWER_BYTES, media_type=MEDIA_TYPE, headers=server.headers
    )
    try:
        return parse_answer(expect(answer, fetcher.what).body)
    except ValueError as error:
        raise SourceRefused(f"{fetcher.what}: {error}") from error


async def _get_some(server: _Server, pointers: Sequence[Pointer], root: Path) -> Mapping[Pointer, Path | TrueupError]:
    actions = await _ask(server, pointers)
    limit = asyncio.Semaphore(AT_A_TIME)

    async def get(pointer: Pointer) -> Path | TrueupError:
        action = actions.get(pointer.oid, "the server says nothing of it")
        if isinstance(action, str):
            return SourceRefused(f"{server.fetcher.what}: {pointer.oid[:12]}: {action}")
        try:
            async with limit:
                return await _download(server, pointer, action, root)
        except TrueupError as error:
            return error

    return dict(zip(pointers, await asyncio.gather(*(get(pointer) for pointer in pointers)), strict=True))


async def _download(server: _Server, pointer: Pointer, action: Action, root: Path) -> Path:
    """One file, of which size and digest are as its pointer says; where it is kept.

    Raises:
        SourceRefused: when it is another one, or its address is not allowed.
        SourceUnavailable: when the server does not answer.
    """
    fetcher, parts = server.fetcher, urlsplit(action.href)
    headers = dict(action.headers)
    is_given = any(name.lower() == "authorization" for name in headers)
    if not is_given and (parts.scheme, parts.netloc) == server.place:
        headers |= {name: value for name, value in server.headers.items() if name.lower() == "authorization"}
    body = expect(await fetcher.get(action.href, limit_bytes=pointer.size, headers=headers), fetcher.what).body
    if len(body) != pointer.size or await asyncio.to_thread(_digest, body) != pointer.oid:
        raise SourceRefused(
            f"{fetcher.what}: {pointer.oid[:12]}: what the server sends is another file; its digest is not the pointer's"
        )
    return await asyncio.to_thread(_keep, root / pointer.oid, body)


@asynccontextmanager
async def _opened(mirror: Mirror) -> AsyncIterator[_Server]:
    """The server, with the repository's login as it is now."""
    repository = mirror.repository
    what, url = f"{repository.name}: LFS", parse_url(repository.url)
    if url.protocol not in ("https", "http", "ssh"):
        raise SourceRefused(f"{what}: files are fetched from Git hosts, by https or ssh; run git lfs pull where the directory is")
    credentials = await mirror.remotes.keyring.open(repository)
    protocols = tuple(protocol for protocol in mirror.git.protocols if protocol in ("https", "http"))
    if url.protocol == "ssh":
        protocols = (*protocols, "https")  # the host says so itself, and gives a token for it
        said = await mirror.remotes.ask(repository, "git-lfs-authenticate", "download", what)
        try:
            action = parse_granted(said, url)
        except ValueError as error:
            raise SourceRefused(f"{what}: {error}") from error
        place, headers = action.href, action.headers
    else:
        place, headers = endpoint(repository.url), _authorization(credentials)
    if credentials.proxy.startswith("socks"):
        raise SourceRefused(f"{what}: a SOCKS proxy is used for Git, and not for LFS; name an http one in the Secret")
    async with aiohttp.ClientSession(trust_env=True, proxy=credentials.proxy or None) as session:
        tls = await asyncio.to_thread(_tls, credentials)
        yield _Server(Fetcher(session, what, protocols, tls=tls, seconds=mirror.timeout_seconds), place, headers)


def _authorization(credentials: Credentials) -> Mapping[str, str]:
    if credentials.bearer:
        return {"Authorization": f"Bearer {credentials.bearer}"}
    if credentials.login is None:
        return {}
    pair = f"{credentials.login.username}:{credentials.login.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _tls(credentials: Credentials) -> ssl.SSLContext | bool:
    """By whom the server's certificate is vouched for, and the client's own; True: by those of the machine."""
    if not (credentials.authorities or credentials.certificate):
        return True
    context = ssl.create_default_context(cadata=credentials.authorities.decode() if credentials.authorities else None)
    if credentials.certificate:
        descriptor = os.memfd_create("trueup")  # it is read from files only, and this one is in memory
        try:
            os.write(descriptor, credentials.certificate + credentials.certificate_key)
            context.load_cert_chain(f"/dev/fd/{descriptor}")
        finally:
            os.close(descriptor)
    return context


def _is_kept(path: Path, pointer: Pointer) -> bool:
    """Whether a file is here whole; its use is noted."""
    try:
        if path.stat().st_size != pointer.size:
            return False
        os.utime(path)
    except OSError:
        return False
    return True


def _keep(path: Path, content: bytes) -> Path:
    temporary = path.with_suffix(f".{os.getpid()}.{id(content):x}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SourceUnavailable(f"{path.parent}: cannot be written: {error.strerror}") from error
    return path


def _bound(root: Path, limit_bytes: int, kept: set[str]) -> None:
    """Remove what was not used for longest, until the rest fits; nothing of what is needed now."""
    if not root.is_dir():
        return
    files = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in root.iterdir() if file.is_file())
    total = sum(size for _, size, _ in files)
    for _, size, file in files:
        if total > limit_bytes and file.name not in kept:
            file.unlink(missing_ok=True)
            total -= size


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
