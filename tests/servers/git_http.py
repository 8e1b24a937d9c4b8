"""A Git server with a repository, and what people do to repositories; a mirror of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import web

from reconciler.git.mirror import Mirror, Mirrors
from reconciler.model.declared import Forge, Name, Repository, SecretRef
from reconciler.settings import ReconcilerSettings
from trueup.sandbox.githttp import GitServer

SHOP = "acme/shop"


class GivenSecrets:
    """Secrets by name."""

    def __init__(self, **secrets: Mapping[str, bytes]) -> None:
        self.secrets = secrets

    async def read(self, ref: SecretRef) -> Mapping[str, bytes]:
        return self.secrets[ref.name]


def repository_at(url: str, **more: Any) -> Repository:
    return Repository(Name("trueup", "shop"), url, "host/acme/shop", Forge.GENERIC, "", **more)


class Remote:
    """One repository of a server, seen by who pushes to it."""

    def __init__(self, server: GitServer, name: str = SHOP) -> None:
        self.server, self.name = server, name

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    async def commit(self, files: Mapping[str, str | None], *, branch: str = "main") -> str:
        return await self.server.commit(self.name, files, message="change", branch=branch)

    async def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return await self.server.git(self.server.path(self.name), *arguments, stdin=stdin)

    async def set_ref(self, ref: str, commit: str) -> None:
        """Force-push a ref; made when it is missing."""
        await self.git("update-ref", ref, commit)

    async def grow(self, ref: str, commits: int) -> None:
        """So many commits on top of a ref, none of which changes anything."""
        lines = [f"commit {ref}\ncommitter Ada <ada@example.com> now\ndata 1\nx\nfrom {ref}^0\n"]
        lines += [f"commit {ref}\ncommitter Ada <ada@example.com> now\ndata 1\nx\n"] * (commits - 1)
        await self.git("fast-import", "--quiet", "--date-format=now", stdin="\n".join(lines).encode())

    async def delete_ref(self, ref: str) -> None:
        await self.git("update-ref", "-d", ref)

    async def tag(self, name: str, commit: str) -> str:
        """An annotated tag; the tag object's own id."""
        tag = f"object {commit}\ntype commit\ntag {name}\ntagger Ada <ada@example.com> 1700000000 +0000\n\nrelease\n"
        tag_id = await self.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=tag.encode())
        await self.set_ref(f"refs/tags/{name}", tag_id)
        return tag_id

    async def commit_entries(self, entries: Sequence[tuple[str, str, str]], *, branch: str = "main") -> str:
        """A commit of one flat tree, written without git's checks: (mode, name, content or object id)."""
        await self.server.create(self.name)
        tree = b""
        for mode, name, content in entries:
            is_object = mode in ("40000", "160000")
            blob = content if is_object else await self.git("hash-object", "-w", "--stdin", stdin=content.encode())
            tree += f"{mode} {name}".encode() + b"\0" + bytes.fromhex(blob)
        tree_id = await self.git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=tree)
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        commit = await self.git(*who, "commit-tree", tree_id, "-m", "entries")
        await self.set_ref(f"refs/heads/{branch}", commit)
        return commit


class Hold:
    """Keeps every answer of a server back until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, request: web.Request) -> None:
        if "service=git-upload-pack" in request.query_string:
            self.reached.set()
            await self.let_go.wait()


@pytest.fixture
async def git_server(tmp_path: Path) -> AsyncIterator[GitServer]:
    async with GitServer(tmp_path / "served") as server:
        yield server
        if isinstance(server.instead, Hold):
            server.instead.let_go.set()


@pytest.fixture
def remote(git_server: GitServer) -> Remote:
    return Remote(git_server)


NO_SECRETS: Mapping[str, Mapping[str, bytes]] = MappingProxyType({})


class MirrorMaker:
    """Mirrors under one state directory, as one worker has them."""

    def __init__(self, state: Path, **settings: Any) -> None:
        fields: dict[str, Any] = {"state": state, "git_protocols": ("http", "file", "ssh"), "git_timeout": 20.0}
        self.settings = ReconcilerSettings(**(fields | settings))
        self.made: list[Mirrors] = []

    async def close(self) -> None:
        for mirrors in self.made:
            await mirrors.close()

    def __call__(self, repository: Repository, secrets: Mapping[str, Mapping[str, bytes]] = NO_SECRETS) -> Mirror:
        self.made.append(Mirrors(self.settings, GivenSecrets(**secrets)))
        return self.made[-1].of(repository)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[MirrorMaker]:
    maker = MirrorMaker(tmp_path / "state")
    yield maker
    await maker.close()


@pytest.fixture
def mirror(worker: MirrorMaker, remote: Remote) -> Mirror:
    return worker(repository_at(remote.url))


@contextlib.asynccontextmanager
async def running(coroutine: Any) -> AsyncIterator["asyncio.Task[Any]"]:
    """A task that is cancelled with the block."""
    task = asyncio.ensure_future(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
