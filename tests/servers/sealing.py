"""Files as people encrypt them with the real sops, for age, SSH keys and OpenPGP."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.tools.build import find

_KEY = """Key-Type: eddsa
Key-Curve: ed25519
Subkey-Type: ecdh
Subkey-Curve: cv25519
Name-Email: a@example.com
Expire-Date: 0
%no-protection
%commit
"""


def call(*argv: str, environment: Mapping[str, str] | None = None, stdin: bytes | None = None) -> bytes:
    """What a program prints that ends well."""
    env = {"HOME": "/nonexistent", "PATH": os.environ["PATH"], **(environment or {})}
    done = subprocess.run(argv, input=stdin, capture_output=True, env=env, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seal(path: Path, text: str, *options: str, environment: Mapping[str, str] | None = None) -> str:
    """Write a file, and have sops encrypt it; what it is then."""
    program = find("sops")
    assert program is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    call(program, "encrypt", "-i", *options, str(path), environment=environment)
    sealed = path.read_text()
    assert "ENC[" in sealed
    return sealed


class Person:
    """Somebody with an OpenPGP key, in a directory with a short name: gpg's agent has a socket in it."""

    def __init__(self, home: Path) -> None:
        self.home = {"GNUPGHOME": str(home)}
        """The environment in which gpg knows the key."""
        call("gpg", "--batch", "--quiet", "--gen-key", environment=self.home, stdin=_KEY.encode())
        listed = call("gpg", "--batch", "--list-keys", "--with-colons", environment=self.home).decode()
        self.name = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        """The fingerprint."""
        self.secret = call("gpg", "--batch", "--armor", "--export-secret-keys", self.name, environment=self.home).decode()

    def close(self) -> None:
        """End gpg's agent."""
        call("gpgconf", "--kill", "gpg-agent", environment=self.home)
