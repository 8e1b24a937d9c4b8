"""Credentials for git over HTTPS, handed to its askpass helper through pipes: never in arguments, environment or files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import SourceRefused
from reconciler.model.declared import Forge, Repository, Secrets

USERNAME_KEYS = ("username",)
PASSWORD_KEYS = ("password", "token", "bearerToken")
"""Key names that Flux and Argo CD use: https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference"""

_SCRIPT = """#!/bin/sh
# Prints what git asks for, from the pipe that the worker handed down.
case "$1" in
  Username*) eval "exec cat <&$TRUEUP_USERNAME_FD" ;;
  *) eval "exec cat <&$TRUEUP_PASSWORD_FD" ;;
esac
"""


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A name and a password or token; its representation shows neither."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Askpass:
    """What a git process needs to log in: variables that name pipes, and the pipes."""

    environment: dict[str, str]
    descriptors: tuple[int, ...]


async def login_for(repository: Repository, secrets: Secrets) -> Login | None:
    """The credentials that a Repository names; None when it names none.

    Raises:
        SourceRefused: when the Secret has no key that git could use.
    """
    if repository.credentials is None:
        return None
    data = await secrets.read(repository.credentials)
    password = next((data[key] for key in PASSWORD_KEYS if key in data), None)
    if password is None:
        keys = ", ".join(sorted(data)) or "none"
        raise SourceRefused(
            f"{repository.name}: Secret {repository.credentials.name} has the keys {keys}; it needs password or token"
        )
    default = "x-access-token" if repository.forge is Forge.GITHUB else "oauth2"
    username = next((data[key].decode() for key in USERNAME_KEYS if key in data), default)
    return Login(username.strip(), password.decode().strip())


@contextmanager
def askpass(login: Login | None, script: Path) -> Iterator[Askpass | None]:
    """Pipes that hold the login for one git process, closed afterwards."""
    if login is None:
        yield None
        return
    pipes = [_filled(login.username), _filled(login.password)]
    try:
        environment = {
            "GIT_ASKPASS": str(script),
            "TRUEUP_USERNAME_FD": str(pipes[0]),
            "TRUEUP_PASSWORD_FD": str(pipes[1]),
        }
        yield Askpass(environment, tuple(pipes))
    finally:
        for pipe in pipes:
            os.close(pipe)


def install_script(directory: Path) -> Path:
    """Write the helper script, which holds no secret; its path."""
    script = directory / "askpass"
    if not script.exists():
        temporary = script.with_suffix(f".{os.getpid()}")
        temporary.write_text(_SCRIPT)
        temporary.chmod(0o700)
        temporary.replace(script)
    return script


def _filled(text: str) -> int:
    """The reading end of a pipe that holds one line; a pipe takes 64 KiB without a reader."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(text.encode()[:4096] + b"\n")
    return reading
