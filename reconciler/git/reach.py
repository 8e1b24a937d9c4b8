"""What one git process gets to reach a remote: secrets through pipes and sealed memory, never in arguments, environment or files.

A password goes to git's askpass helper through a pipe. A bearer token, certificates and proxies stand in a configuration file that
exists in memory only (memfd), is included for the declared host alone, and ends with the process.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from reconciler.git.credentials import Credentials, Login

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


@dataclass(frozen=True, slots=True)
class Reach:
    """Variables that name pipes, the pipes, and a configuration file to include."""

    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    include: str = ""
    """Path of the configuration that holds the rest; empty for none."""

    @property
    def options(self) -> tuple[str, ...]:
        """Arguments of git, none of them a secret."""
        return ("-c", f"include.path={self.include}") if self.include else ()


@contextlib.contextmanager
def reach(credentials: Credentials, url: str, script: Path) -> Iterator[Reach]:
    """What one git process gets for an http address, taken back afterwards.

    Args:
        credentials: what opens it.
        url: the address, without a password.
        script: the askpass helper, as `install_script` wrote it.
    """
    with contextlib.ExitStack() as stack:
        environment, descriptors = _asked(credentials.login, script, stack)
        if credentials.no_proxy:
            environment["no_proxy"] = credentials.no_proxy
        lines = []
        if credentials.bearer:
            lines.append(("extraHeader", f"Authorization: Bearer {credentials.bearer}"))
        if credentials.proxy:
            lines.append(("proxy", credentials.proxy))
        files = (
            ("sslCAInfo", credentials.authorities),
            ("sslCert", credentials.certificate),
            ("sslKey", credentials.certificate_key),
        )
        for name, content in files:
            if content:
                descriptors += (descriptor := _sealed(content, stack),)
                lines.append((name, f"/dev/fd/{descriptor}"))
                if name == "sslCAInfo":  # SSL_CERT_FILE is handed on as this variable, which wins over any configuration
                    environment["GIT_SSL_CAINFO"] = f"/dev/fd/{descriptor}"
        include = ""
        if lines:
            section = f'[http "{_quoted(_prefix(url))}"]\n' + "".join(f'\t{name} = "{_quoted(value)}"\n' for name, value in lines)
            descriptors += (descriptor := _sealed(section.encode(), stack),)
            include = f"/dev/fd/{descriptor}"
        yield Reach(environment, descriptors, include)


def install_script(directory: Path) -> Path:
    """Write the askpass helper, which holds no secret; its path."""
    return install(directory / "askpass", SCRIPT)


def install(script: Path, text: str) -> Path:
    """Write a program of ours, unless it stands there as it should."""
    if not script.exists() or script.read_text() != text:
        script.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = script.with_suffix(f".{os.getpid()}")
        temporary.write_text(text)
        temporary.chmod(0o700)
        temporary.replace(script)
    return script


def _asked(login: Login | None, script: Path, stack: contextlib.ExitStack) -> tuple[dict[str, str], tuple[int, ...]]:
    if login is None:
        return {}, ()
    username, password = (_filled(text, stack) for text in (login.username, login.password))
    environment = {
        "GIT_ASKPASS": str(script),
        "TRUEUP_HOST": login.host,
        "TRUEUP_USERNAME_FD": str(username),
        "TRUEUP_PASSWORD_FD": str(password),
    }
    return environment, (username, password)


def _filled(text: str, stack: contextlib.ExitStack) -> int:
    """The reading end of a pipe that holds one line, closed with the stack."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    with os.fdopen(writing, "wb") as stream:
        stream.write(text.encode() + b"\n")
    return reading


def _sealed(content: bytes, stack: contextlib.ExitStack) -> int:
    """A file in memory that git may read as often as it likes, closed with the stack."""
    descriptor = os.memfd_create("trueup")
    stack.callback(os.close, descriptor)
    os.write(descriptor, content)
    return descriptor


def _prefix(url: str) -> str:
    """The host that the configuration counts for: git compares protocol, host and port, and a user name only where one is given."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "/", "", ""))


def _quoted(text: str) -> str:
    """As git reads values between quotes: https://git-scm.com/docs/git-config#_syntax."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
