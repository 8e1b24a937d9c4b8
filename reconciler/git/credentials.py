"""Credentials for git over HTTPS, handed to its askpass helper through pipes: never in arguments, environment or files."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from reconciler.errors import SourceRefused
from reconciler.model.declared import Forge, Repository, Secrets

USERNAME_KEYS = ("username",)
PASSWORD_KEYS = ("password", "token", "bearerToken")
"""Key names that Flux and Argo CD use: https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference"""

USERNAMES = {Forge.GITHUB: "x-access-token", Forge.BITBUCKET: "x-token-auth"}
"""The user name that a forge wants beside a token; GitLab and Gitea take any."""

LIMIT_BYTES = 16 * 1024
"""A pipe takes 64 KiB without a reader, and no token is as long."""

SCRIPT = """#!/bin/sh
# Prints what git asks for, from the pipe that the worker handed down; nothing for any host but the declared one.
case "$1" in
  *"//$TRUEUP_HOST'"* | *"@$TRUEUP_HOST'"*) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) exec cat "/dev/fd/$TRUEUP_USERNAME_FD" ;;
  Password*) exec cat "/dev/fd/$TRUEUP_PASSWORD_FD" ;;
esac
exit 1
"""


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A name and a password or token for one host; its representation shows neither."""

    username: str
    password: str
    host: str
    """With the port, when the address has one."""


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
    what = f"{repository.name}: Secret {repository.credentials.name}"
    key = next((key for key in PASSWORD_KEYS if key in data), None)
    if key is None:
        raise SourceRefused(f"{what} has the keys {', '.join(sorted(data)) or 'none'}; it needs password or token")
    if not (password := _line(data[key], f"{what}, key {key}")):
        raise SourceRefused(f"{what}, key {key}: is empty")
    named = next((_line(data[name], f"{what}, key {name}") for name in USERNAME_KEYS if name in data), "")
    host = urlsplit(repository.url).netloc.rpartition("@")[2]
    return Login(named or USERNAMES.get(repository.forge, "oauth2"), password, host)


def _line(value: bytes, what: str) -> str:
    """One line of text, as git takes it."""
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        raise SourceRefused(f"{what}: is not text") from None  # the cause would quote the secret
    if len(value) > LIMIT_BYTES or any(character in text for character in "\n\r\0"):
        raise SourceRefused(f"{what}: is not one line of at most {LIMIT_BYTES} bytes")
    return text


@contextlib.contextmanager
def askpass(login: Login | None, script: Path) -> Iterator[Askpass | None]:
    """Pipes that hold the login for one git process, closed afterwards."""
    if login is None:
        yield None
        return
    with contextlib.ExitStack() as stack:
        username, password = (_filled(text, stack) for text in (login.username, login.password))
        environment = {
            "GIT_ASKPASS": str(script),
            "TRUEUP_HOST": login.host,
            "TRUEUP_USERNAME_FD": str(username),
            "TRUEUP_PASSWORD_FD": str(password),
        }
        yield Askpass(environment, (username, password))


def install_script(directory: Path) -> Path:
    """Write the helper script, which holds no secret; its path."""
    script = directory / "askpass"
    if not script.exists() or script.read_text() != SCRIPT:
        temporary = script.with_suffix(f".{os.getpid()}")
        temporary.write_text(SCRIPT)
        temporary.chmod(0o700)
        temporary.replace(script)
    return script


def _filled(text: str, stack: contextlib.ExitStack) -> int:
    """The reading end of a pipe that holds one line, closed with the stack."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    with os.fdopen(writing, "wb") as stream:
        stream.write(text.encode() + b"\n")
    return reading
