"""The keys that signatures are checked with, as people give them: OpenPGP keys, SSH's allowed signers, and keys that were revoked.

What an entry is says its content: an armored or binary OpenPGP key, a public key as cosign writes it, else lines as in `man ssh-keygen`,
ALLOWED SIGNERS. A line that is a public key alone counts for any signer. Pure.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from reconciler.errors import SourceRefused

REVOKED = "revoked_keys"
"""The entry that holds revoked SSH keys: public keys, one a line, as `ssh-keygen -Q` reads them."""

LIMIT_BYTES = 1024 * 1024
"""Of all keys; a key is a few kilobytes."""

_ARMOR = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_KEY = r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{20,}={0,3}"
_BARE = re.compile(rf"{_KEY}(?:\s.*)?")
_SIGNER = re.compile(rf"(?P<principals>\"[^\"]+\"|\S+)\s+(?:\S+\s+)?{_KEY}(?:\s.*)?")
"""Principals, options, key type, key, comment: https://man.openbsd.org/ssh-keygen.1#ALLOWED_SIGNERS."""


@dataclass(frozen=True, slots=True)
class Signers:
    """Who may sign."""

    ssh: str = ""
    """A file of allowed signers."""
    revoked: str = ""
    openpgp: bytes = b""
    """Public keys one after another, as they are in a keyring of GnuPG."""
    cosign: tuple[bytes, ...] = ()
    """Public keys as PEM, for artifacts."""
    names: tuple[str, ...] = ()
    """What people call them: principals, and the entries of OpenPGP keys."""

    @property
    def name(self) -> str:
        """A name for exactly these keys."""
        return hashlib.blake2b(repr((self.ssh, self.revoked, self.openpgp, self.cosign)).encode(), digest_size=12).hexdigest()


def parse_signers(entries: Mapping[str, bytes], what: str = "") -> Signers:
    """The signers that entries name.

    Args:
        entries: the data of a Secret, or what stands in a declaration, by names that messages tell.
        what: how messages begin: where the keys are from; empty: with the entry.

    Raises:
        SourceRefused: naming the entry, its line, and how it is written.
    """
    if sum(map(len, entries.values())) > LIMIT_BYTES:
        raise SourceRefused(_at(what, f"more than {LIMIT_BYTES >> 20} MiB of keys"))
    ssh: list[str] = []
    openpgp = b""
    names: list[str] = []
    cosign: list[bytes] = []
    for entry, content in sorted(entries.items()):
        place = _at(what, entry)
        if entry == REVOKED:
            continue
        if keys := _openpgp(content, place):
            openpgp += keys
            names.append(entry)
            continue
        if content.lstrip().startswith(b"-----BEGIN PUBLIC KEY-----"):
            cosign.append(_pem(content, place))
            names.append(entry)
            continue
        lines = list(_allowed(content, place))
        ssh += lines
        names += [line.partition(" ")[0] for line in lines]
    if not (ssh or openpgp or cosign):
        raise SourceRefused(_at(what, "there is no key in it; put in allowed signers of SSH, or an armored OpenPGP public key"))
    revoked = "\n".join(_lines(entries.get(REVOKED, b""), _at(what, REVOKED)))
    return Signers("\n".join(ssh), revoked, openpgp, tuple(cosign), tuple(dict.fromkeys(names)))


def _at(*parts: str) -> str:
    return ": ".join(filter(None, parts))


def _pem(content: bytes, what: str) -> bytes:
    try:
        load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SourceRefused(f"{what}: the public key is damaged; get it anew: cosign public-key --key cosign.key") from error
    return content


def _openpgp(content: bytes, what: str) -> bytes:
    if b"PRIVATE KEY BLOCK" in content:
        raise SourceRefused(f"{what}: is a private key; only the public one is needed here: gpg --armor --export KEY")
    if content[:1] >= b"\x80":
        return content
    found = b""
    for body in _ARMOR.findall(content):
        _, _, text = (b"\n" + body.replace(b"\r", b"")).partition(b"\n\n")  # headers, if any, and an empty line
        try:
            found += base64.b64decode(b"".join(line for line in text.split(b"\n") if not line.startswith(b"=")), validate=True)
        except binascii.Error as error:
            raise SourceRefused(f"{what}: the OpenPGP key is damaged; export it anew: gpg --armor --export KEY") from error
    return found


def _allowed(content: bytes, what: str) -> Iterable[str]:
    for number, line in enumerate(_lines(content, what), start=1):
        if _BARE.fullmatch(line):
            yield f"* {line}"
        elif _SIGNER.fullmatch(line):
            yield line
        else:
            raise SourceRefused(f"{what}: line {number} names no signer; write: ada@example.com ssh-ed25519 AAAA…")


def _lines(content: bytes, what: str) -> list[str]:
    try:
        lines = [line.strip() for line in content.decode("ascii").splitlines()]
    except UnicodeDecodeError as error:
        raise SourceRefused(f"{what}: is neither a key of OpenPGP nor allowed signers of SSH") from error
    return [line for line in lines if line and not line.startswith("#")]
