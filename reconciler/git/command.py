"""Running git: no configuration but ours, no prompt, no hook, no protocol that was not allowed, and errors in words.

What each option closes is listed in the git project's release notes; the set is checked by tests/reconciler/git against hostile
repositories. https://git-scm.com/docs/git#_environment_variables, https://git-scm.com/docs/git-config
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.failures import MirrorBroken, explain, last_line
from reconciler.git.reach import Reach
from reconciler.process import Completed, Deadline, Limits, OutputTooLarge, run, started

OPTIONS = {
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "core.fsmonitor": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "fetch.fsckObjects": "true",
    "transfer.fsckObjects": "true",
    "filter.lfs.smudge": "",
    "filter.lfs.required": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",  # the login is for the host that was declared, and for no other
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "transfer.bundleURI": "false",
    "transfer.credentialsInUrl": "die",
    "safe.bareRepository": "explicit",
    "safe.directory": "*",
}

NOBODY = {
    f"GIT_{who}_{what}": text
    for who in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "nobody"), ("EMAIL", "nobody@localhost"))
}
"""Variables that say who makes the commits that nobody made."""

BEGINNING = {f"GIT_{who}_DATE": "@0 +0000" for who in ("AUTHOR", "COMMITTER")}
"""Variables that say when they were made, so that the same is the same whenever it is made."""

MEMORY_BYTES = 4 * 1024**3
"""Address space of one git process; packs are mapped into it whole."""

FILE_BYTES = 4 * 1024**3
"""The largest pack that is accepted: one commit of a configuration repository is a thousandth of it."""

OUTPUT_BYTES = 64 * 1024 * 1024
"""What a read may print; 10,000 refs are 1 MB."""

ANSWER_SECONDS = 30.0
"""Until a read of the local mirror is given up; it takes milliseconds."""

TOO_LARGE = "this is no configuration repository; raise TRUEUP_MIRROR_LIMIT if it is one"

FROM_THE_MACHINE = ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY")
"""Variables that are handed on: how the network is reached is the machine's affair."""


def machine() -> dict[str, str]:
    """What of the worker's own environment git gets: proxies, and whom to trust; loopback is never reached by a proxy."""
    found = {name: os.environ[name] for name in FROM_THE_MACHINE if name in os.environ}
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    found["no_proxy"] = ",".join(part for part in (exempt, "localhost", "127.0.0.1", "::1") if part)
    if authorities := os.environ.get("SSL_CERT_FILE"):
        found["GIT_SSL_CAINFO"] = authorities
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """What one git process gets beside its arguments."""

    what: str
    """What is tried, as a message begins: `shop: cannot fetch main`."""
    timeout_seconds: float = ANSWER_SECONDS
    file_bytes: int = FILE_BYTES
    reach: Reach = field(default_factory=Reach)
    """What it gets to reach a remote."""
    stdin: bytes = b""
    descriptors: tuple[int, ...] = ()
    """Open files that the process shares, such as the lock that it works under."""


@dataclass(frozen=True, slots=True)
class Git:
    """How git is run: by which protocols, and in which surroundings."""

    protocols: tuple[str, ...]
    surroundings: Mapping[str, str] = field(default_factory=machine)

    async def run(self, directory: Path, *arguments: str | Path, call: Call) -> bytes:
        """Run git in a bare repository; its standard output.

        Raises:
            SourceRefused: when git says no in a way that a person must mend.
            SourceUnavailable: when it fails otherwise, or runs too long.
        """
        completed = await self.attempt(directory, *arguments, call=call)
        if completed.code != 0:
            raise failure(completed, call.what)
        return completed.stdout

    async def attempt(self, directory: Path, *arguments: str | Path, call: Call) -> Completed:
        """Run git and say how it ended.

        Raises:
            SourceRefused: when it needs more memory, disk or output than it may have.
            SourceUnavailable: when it runs too long.
        """
        argv, limits, env = self._prepared(directory, *arguments, call=call)
        try:
            completed = await run(
                argv, limits=limits, env=env, stdin=call.stdin, pass_fds=(*call.reach.descriptors, *call.descriptors)
            )
        except Deadline as error:
            raise SourceUnavailable(f"{call.what}: git did not end within {call.timeout_seconds:g} s") from error
        except OutputTooLarge as error:
            raise SourceRefused(f"{call.what}: {error}") from error
        if completed.code == -signal.SIGXFSZ:
            raise SourceRefused(f"{call.what}: more than {call.file_bytes >> 20} MiB; {TOO_LARGE}")
        return completed

    @contextlib.asynccontextmanager
    async def started(self, directory: Path, *arguments: str | Path, call: Call) -> AsyncIterator[asyncio.subprocess.Process]:
        """A running git that is spoken with; killed with the block."""
        argv, limits, env = self._prepared(directory, *arguments, call=call)
        async with started(argv, limits=limits, env=env, pass_fds=(*call.reach.descriptors, *call.descriptors)) as process:
            yield process

    def _prepared(
        self, directory: Path, *arguments: str | Path, call: Call
    ) -> tuple[Sequence[str | Path], Limits, Mapping[str, str]]:
        argv = ["git", "--git-dir", directory, *self._options(), *call.reach.options, *arguments]
        limits = Limits(call.timeout_seconds, OUTPUT_BYTES, MEMORY_BYTES, file_bytes=call.file_bytes)
        return argv, limits, {**self._environment(directory), **call.reach.environment}

    def _options(self) -> Sequence[str]:
        allowed = {f"protocol.{protocol}.allow": "always" for protocol in self.protocols}
        return [part for key, value in (OPTIONS | allowed).items() for part in ("-c", f"{key}={value}")]

    def _environment(self, directory: Path) -> dict[str, str]:
        return {
            **self.surroundings,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": ":".join(self.protocols),
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }


def failure(completed: Completed, what: str) -> TrueupError:
    """What git's failure means."""
    known = explain(completed.message)
    if known is None and "remote error: " in completed.message:
        return SourceRefused(f"{what}: the server says: {last_line(completed.message).removeprefix('remote error: ')}")
    if known is None:
        return MirrorBroken(f"{what}: {last_line(completed.message) or f'git ended with {completed.code}'}", retry_seconds=0.0)
    kind, meaning = known
    return kind(f"{what}: {meaning}")
