"""Runs git against remotes: logged in, by https or through the worker's own SSH connections, within a deadline."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from reconciler.errors import SourceRefused
from reconciler.git.command import Call, Git, failure
from reconciler.git.credentials import Credentials
from reconciler.git.keyring import Keyring
from reconciler.git.reach import Reach, install_script, reach
from reconciler.git.ssh_door import Line, Passage, passage
from reconciler.git.ssh_pool import Door, Pool
from reconciler.model.declared import Repository, Secrets
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

    @contextlib.asynccontextmanager
    async def _way(self, repository: Repository, what: str) -> AsyncIterator[Passage]:
        url = parse_url(repository.url)
        if url.protocol not in self._git.protocols:
            raise SourceRefused(f"{what}: it is reached by a protocol that TRUEUP_GIT_PROTOCOLS does not list: {url.protocol}")
        if url.protocol == "ssh" and self.keyring.ref(repository) is None:
            raise SourceRefused(f"{what}: ssh needs a private key; name a Secret with identity in spec.credentials.secretRef")
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
