"""People who sign commits and tags, with keys of their own, and what is pushed with their signatures."""

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.servers.git_http import Remote

WHO = "Ada <ada@example.com> {date} +0000"
DATE = 1_790_000_000

Sign = Callable[[bytes], bytes]
"""From what is signed to an armored signature."""


@dataclass(frozen=True, slots=True)
class Ssh:
    """Somebody with an SSH key."""

    key: Path

    @classmethod
    def make(cls, directory: Path, name: str, *options: str) -> "Ssh":
        key = directory / name
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", name, "-f", key, *(options or ("-t", "ed25519"))], check=True)
        return cls(key)

    @property
    def public(self) -> str:
        """Type and key, without a comment."""
        return " ".join(self.key.with_name(f"{self.key.name}.pub").read_text().split()[:2])

    def sign(self, payload: bytes, namespace: str = "git") -> bytes:
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.key]
        return subprocess.run(argv, input=payload, capture_output=True, check=True).stdout


@dataclass(frozen=True, slots=True)
class OpenPgp:
    """Somebody with an OpenPGP key."""

    home: Path
    name: str

    @classmethod
    def make(cls, home: Path, name: str, *more: str) -> "OpenPgp":
        home.mkdir(mode=0o700, exist_ok=True)
        someone = cls(home, name)
        someone.gpg(*more, "--quick-gen-key", f"{name} <{name}@example.com>", "ed25519", "sign", "never")
        return someone

    def gpg(self, *arguments: str, stdin: bytes = b"") -> bytes:
        argv = ["gpg", "--homedir", self.home, "--batch", "--quiet", "--no-autostart", "--passphrase", "", *arguments]
        argv.remove("--no-autostart")
        return subprocess.run(argv, input=stdin, capture_output=True, check=True).stdout

    @property
    def public(self) -> bytes:
        return self.gpg("--armor", "--export", f"{self.name}@example.com")

    def sign(self, payload: bytes, *more: str) -> bytes:
        return self.gpg(*more, "--local-user", f"{self.name}@example.com", "--armor", "--detach-sign", stdin=payload)


def header(name: str, signature: bytes) -> bytes:
    """A signature as it stands in a commit."""
    return f"{name} ".encode() + signature.rstrip(b"\n").replace(b"\n", b"\n ") + b"\n"


async def commit(
    remote: Remote,
    sign: Sign | None,
    *,
    branch: str = "main",
    files: dict[str, str | None] | None = None,
    date: int = DATE,
    extra: bytes = b"",
    message: bytes = b"change\n",
    signature: bytes | None = None,
    signed: Callable[[bytes], bytes] = lambda payload: payload,
    name: str = "gpgsig",
) -> str:
    """Push a commit whose header has a signature.

    Args:
        remote: where to.
        sign: by whom; None: by nobody.
        branch: which is moved to it.
        files: what it changes.
        date: of its committer.
        extra: more lines of its header.
        message: what it says.
        signature: instead of that of *sign*.
        signed: from what is signed to what is pushed with that signature.
        name: of the header that holds it.
    """
    base = await remote.commit(files or {"apps/web/a.yaml": "a: 1\n"}, branch=f"{branch}-unsigned")
    tree = await remote.git("rev-parse", f"{base}^{{tree}}")
    who = WHO.format(date=date).encode()
    head = b"tree %b\nauthor %b\ncommitter %b\n" % (tree.encode(), who, who) + extra
    payload = head + b"\n" + message
    if signature is None and sign is not None:
        signature = await asyncio.to_thread(sign, payload)
    head, _, message = signed(payload).partition(b"\n\n")
    whole = head + b"\n" + (header(name, signature) if signature else b"") + b"\n" + message
    made = await remote.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=whole)
    await remote.set_ref(f"refs/heads/{branch}", made)
    return made


async def tag(
    remote: Remote, name: str, commit: str, sign: Sign | None, *, called: str = "", kind: str = "commit", ref: str = ""
) -> str:
    """Push an annotated tag, signed or not."""
    text = f"object {commit}\ntype {kind}\ntag {called or name}\ntagger {WHO.format(date=DATE)}\n\nrelease\n".encode()
    whole = text + (await asyncio.to_thread(sign, text) if sign else b"")
    made = await remote.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=whole)
    await remote.set_ref(ref or f"refs/tags/{name}", made)
    return made
