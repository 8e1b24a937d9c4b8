"""Runs git against remotes: logged in, by https or through the worker's own SSH connections, within a deadline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import asyncssh

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.command import ANSWER_SECONDS, Call, Git, failure
from reconciler.git.credentials import Credentials
from reconciler.git.keyring import Keyring
from reconciler.git.listing import NotVersion2, read_greeting, read_refs, read_some, request
from reconciler.git.reach import Reach, install_script, reach
from reconciler.git.ssh_door import SAID_BYTES, Line, Passage, channel, passage
from reconciler.git.ssh_pool import Door, Pool
from reconciler.model.declared import Repository, Secrets
from reconciler.process import Completed
from reconciler.settings import ReconcilerSettings
from reconciler.urls import GitUrl, parse_url


class Remotes:
    """The ways of one worker to its Git hosts."""

    def __init__(self, settings: ReconcilerSettings, secrets: Secrets, git: Git, directory: Path) -> None:
        self.keyring = Keyring(secrets, settings.credentials, tuple(settings.git_protocols))
        self.pool = Pool()
        self._git = git
        self._directory = directory
        self._known_hosts = settings.known_hosts

    async def run(self, repository: Repository, mirror: Path, *arguments: str, call: Call) -> bytes:
        """Run git in a mirror of a repository; its standard output.

        Raises:
            SourceRefused: when the remote, or what it is reached by, refuses.
            SourceUnavailable: when it does not answer.
        """
        async with self._way(repository, call.what) as way:
            completed = await self._git.attempt(mirror, *arguments, call=replace(call, reach=way.reach))
        if completed.code != 0:
            heard = replace(completed, stderr=way.said + completed.stderr)
            raise way.failure or failure(heard, call.what)
        return completed.stdout

    async def refs(self, repository: Repository, mirror: Path, prefixes: Sequence[str], call: Call) -> Mapping[str, str] | None:
        """Where the refs of a repository are whose full names begin so; None when the server cannot be asked for some alone.

        Raises:
            SourceRefused: when the remote, or what it is reached by, refuses.
            SourceUnavailable: when it does not answer.
        """
        url = parse_url(repository.url)
        self._check(repository, url, call.what)
        if url.protocol == "file":
            return None
        try:
            async with asyncio.timeout(call.timeout_seconds):
                if url.protocol == "ssh":
                    return await self._refs_by_ssh(repository, url, prefixes, call.what)
                return await self._refs_by_http(repository, mirror, prefixes, call)
        except NotVersion2:
            return None
        except TimeoutError as error:
            raise SourceUnavailable(f"{call.what}: the server did not answer within {call.timeout_seconds:g} s") from error

    async def _refs_by_http(self, repository: Repository, mirror: Path, prefixes: Sequence[str], call: Call) -> Mapping[str, str]:
        """Through git's own helper, which logs in: https://git-scm.com/docs/gitremote-helpers#_commands."""
        helper = ("remote-https" if repository.url.startswith("https:") else "remote-http", repository.url, repository.url)
        async with (
            self._way(repository, call.what) as way,
            self._git.started(mirror, *helper, call=replace(call, reach=way.reach)) as process,
        ):
            assert process.stdin
            assert process.stdout
            assert process.stderr
            said = asyncio.create_task(read_some(process.stderr, SAID_BYTES))
            try:
                process.stdin.write(b"stateless-connect git-upload-pack\n")
                if await process.stdout.readexactly(1) != b"\n":
                    raise NotVersion2
                algorithm = await read_greeting(process.stdout, call.what)
                process.stdin.write(request(prefixes, algorithm))
                return await read_refs(process.stdout, call.what)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise failure(Completed(await process.wait(), b"", await said), call.what) from error
            finally:
                said.cancel()

    async def _refs_by_ssh(self, repository: Repository, url: GitUrl, prefixes: Sequence[str], what: str) -> Mapping[str, str]:
        line = Line(self.pool, await self._door(url, await self.keyring.open(repository)), _path(repository.url, url), what)
        async with channel(line, "version=2") as process:
            said = asyncio.create_task(read_some(process.stderr, SAID_BYTES))
            try:
                algorithm = await read_greeting(process.stdout, what)
                process.stdin.write(request(prefixes, algorithm))
                return await read_refs(process.stdout, what)
            except (asyncio.IncompleteReadError, asyncssh.Error, ConnectionError) as error:
                raise failure(Completed(process.exit_status or 255, b"", await said), what) from error
            finally:
                said.cancel()

    async def ask(self, repository: Repository, program: str, more: str, what: str) -> bytes:
        """What a program of an ssh host prints about a repository, such as `git-lfs-authenticate`.

        Raises:
            SourceRefused: when the host does not let it run.
            SourceUnavailable: when it does not answer.
        """
        url = parse_url(repository.url)
        self._check(repository, url, what)
        door = await self._door(url, await self.keyring.open(repository))
        line = Line(self.pool, door, _path(repository.url, url).lstrip("/"), what, program, more)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), channel(line, "") as process:
                said = await read_some(process.stdout, SAID_BYTES)
                await process.wait_closed()
        except TimeoutError as error:
            raise SourceUnavailable(f"{what}: {program} did not end within {ANSWER_SECONDS:g} s") from error
        except (asyncssh.Error, ConnectionError) as error:
            raise SourceUnavailable(f"{what}: {url.host} ended the connection") from error
        if process.exit_status != 0:
            raise SourceRefused(f"{what}: {url.host} does not run {program} for this key; use an https address, or turn it off")
        return said

    def _check(self, repository: Repository, url: GitUrl, what: str) -> None:
        if url.protocol not in self._git.protocols:
            raise SourceRefused(f"{what}: it is reached by a protocol that TRUEUP_GIT_PROTOCOLS does not list: {url.protocol}")
        if url.protocol == "ssh" and self.keyring.ref(repository) is None:
            raise SourceRefused(f"{what}: ssh needs a private key; name a Secret with identity in spec.credentials.secretRef")

    @contextlib.asynccontextmanager
    async def _way(self, repository: Repository, what: str) -> AsyncIterator[Passage]:
        url = parse_url(repository.url)
        self._check(repository, url, what)
        if url.protocol == "file":
            yield Passage(Reach())
            return
        credentials = await self.keyring.open(repository)
        if url.protocol == "ssh":
            door = await self._door(url, credentials)
            async with passage(Line(self.pool, door, _path(repository.url, url), what), self._directory) as found:
                yield found
            return
        with reach(credentials, repository.url, install_script(self._directory)) as means:
            yield Passage(means)

    async def _door(self, url: GitUrl, credentials: Credentials) -> Door:
        assert credentials.identity is not None
        lists = [("known_hosts of the Secret", credentials.known_hosts)]
        if self._known_hosts is not None:
            try:
                content = await asyncio.to_thread(self._known_hosts.read_bytes)
            except OSError as error:
                raise SourceRefused(f"TRUEUP_KNOWN_HOSTS: {self._known_hosts}: {error.strerror}") from error
            lists.append((f"TRUEUP_KNOWN_HOSTS {self._known_hosts}", content))
        return Door(url.host, url.port or 22, unquote(url.user) or "git", credentials.identity, tuple(lists))


def _path(text: str, url: GitUrl) -> str:
    """The path as git sends it to the host: https://git-scm.com/docs/git-clone#_git_urls."""
    if "://" not in text:
        return url.path
    path = unquote(url.path)
    return path if path.startswith("~") else f"/{path}"
