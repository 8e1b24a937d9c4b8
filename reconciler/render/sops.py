"""Decrypts what SOPS encrypted for age: AES-256-GCM of every value, and a MAC over all of them, which is verified always.

The format: https://github.com/getsops/sops, `sops.go` (which values, in which order) and `aes/cipher.go`. Comments count for nothing.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reconciler.plan.masked import IDENTITY
from reconciler.render.locks import AGE, described, groups_of, lock_of

METADATA = "sops"

_ENCRYPTED = re.compile(r"ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]", re.DOTALL)
_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()
"""What the MAC begins with when it is over encrypted values only."""

EXACT = 2**53
"""Below, a number of JSON without a fraction is written without one, as `sops` does."""

_IDENTITY = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]+")
_SSH = re.compile(r"-----BEGIN (?:OPENSSH|RSA) PRIVATE KEY-----.+?-----END (?:OPENSSH|RSA) PRIVATE KEY-----", re.DOTALL)
_DROPPED = object()
"""A comment that stands in a list."""


class Undecryptable(Exception):
    """Why a file cannot be decrypted; tells nothing of what is in it."""


class NeedsOther(Undecryptable):
    """No age key fits, and there are keys of other sorts."""

    def __init__(self, message: str, metadata: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.metadata = metadata


def identities(texts: Sequence[str]) -> tuple[Any, ...]:
    """The age identities in texts such as key files, those of SSH without a passphrase among them."""
    found: list[Any] = []
    for text in texts:
        makers = [(pyrage.x25519.Identity.from_str, key) for key in _IDENTITY.findall(text)]
        makers += [(pyrage.ssh.Identity.from_buffer, key.encode() + b"\n") for key in _SSH.findall(text)]
        for make, key in makers:
            with contextlib.suppress(pyrage.IdentityError, ValueError):
                found.append(make(key))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Decrypted:
    """What was in one file."""

    documents: list[dict[str, Any]]
    """Without metadata, which is the first one's."""
    values: tuple[Any, ...]
    """What was encrypted in it: texts, numbers, true and false; not what an object is called by."""


def decrypt(documents: Sequence[dict[str, Any]], keys: Sequence[Any], opened: Mapping[str, bytes]) -> Decrypted:
    """The documents of one file, decrypted.

    Args:
        documents: as they are encrypted.
        keys: age identities.
        opened: keys of files that were opened elsewhere, by the names of what they were locked with.

    Raises:
        Undecryptable: when no key fits, a value was changed, or the MAC is another.
    """
    metadata = documents[0].get(METADATA)
    if not isinstance(metadata, dict):
        raise Undecryptable("has no metadata of SOPS that can be read")
    run = _Run(metadata, opened.get(lock_of("", metadata).name) or _data_key(metadata, keys))
    found = [run.document(document) for document in documents]
    run.verify()
    return Decrypted(found, tuple(run.values))


def _data_key(metadata: Mapping[str, Any], keys: Sequence[Any]) -> bytes:
    groups = groups_of(metadata)
    recipients = [recipient for group in groups for recipient in group.get(AGE, ())] if len(groups) == 1 else []
    for recipient in recipients:
        try:
            key: bytes = pyrage.decrypt(str(recipient.get("enc", "")).encode(), list(keys))
        except (pyrage.DecryptError, ValueError):
            continue
        if len(key) == 32:
            return key
    if any(group.keys() - {AGE} for group in groups) or len(groups) > 1:
        several = f"{len(groups)} groups of keys, " if len(groups) > 1 else ""
        mend = "the Secret of spec.render.decrypt needs a key for it (docs/rendering.md), or add an age recipient with `sops updatekeys`"
        raise NeedsOther(f"is encrypted for {several}{described(metadata)}; {mend}", metadata)
    if not recipients:
        raise Undecryptable("is encrypted for no age recipient; add one to .sops.yaml and run `sops updatekeys`")
    if not keys:
        raise Undecryptable("needs an age key: the Secret that spec.render.decrypt names holds none (AGE-SECRET-KEY-1…)")
    mend = "add ours with `sops updatekeys`, or the key to the Secret"
    raise Undecryptable(f"is encrypted for {described(metadata)}, and none of the keys fits; {mend}")


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which values are encrypted."""

    unencrypted_suffix: str
    encrypted_suffix: str
    unencrypted_regex: str
    encrypted_regex: str
    is_by_comments: bool

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "_Choice":
        is_by_comments = bool(metadata.get("encrypted_comment_regex") or metadata.get("unencrypted_comment_regex"))
        unencrypted_suffix, encrypted_suffix, unencrypted_regex, encrypted_regex = (
            str(metadata.get(name) or "")
            for name in ("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex")
        )
        return cls(unencrypted_suffix, encrypted_suffix, unencrypted_regex, encrypted_regex, is_by_comments)

    def takes(self, path: Sequence[str], value: Any) -> bool:
        """Whether the value at a path is encrypted.

        Comments, which nobody reads here, need not be asked: a value that was put in place of an encrypted one is missing in the MAC.
        """
        if self.is_by_comments:
            return isinstance(value, str) and _ENCRYPTED.match(value) is not None
        taken = True
        if self.unencrypted_suffix:
            taken = not any(part.endswith(self.unencrypted_suffix) for part in path)
        if self.encrypted_suffix:
            taken = any(part.endswith(self.encrypted_suffix) for part in path)
        if self.unencrypted_regex and any(re.search(self.unencrypted_regex, part) for part in path):
            taken = False
        if self.encrypted_regex:
            taken = any(re.search(self.encrypted_regex, part) for part in path)
        return taken


class _Run:
    """One file being decrypted."""

    def __init__(self, metadata: Mapping[str, Any], key: bytes) -> None:
        self._metadata = metadata
        self._cipher = AESGCM(key)
        try:
            self._choice = _Choice.of(metadata)
        except re.error as error:
            raise Undecryptable(f"has a regular expression that means nothing: {error}") from error
        self._only_encrypted = metadata.get("mac_only_encrypted") in (True, "true")
        self._mac = hashlib.sha512(_ONLY_ENCRYPTED if self._only_encrypted else b"")
        self._decrypted: list[tuple[tuple[str, ...], Any]] = []
        self.values: list[Any] = []
        """What was encrypted."""

    def document(self, document: Mapping[str, Any]) -> dict[str, Any]:
        found = {name: self._walk(value, (name,)) for name, value in document.items() if name != METADATA}
        is_object = "apiVersion" in found and "kind" in found
        self.values += [value for path, value in self._decrypted if not (is_object and _is_identity(path, found))]
        self._decrypted.clear()
        return found

    def verify(self) -> None:
        """Hold the MAC against the values."""
        mac = self._value(str(self._metadata.get("mac", "")), str(self._metadata.get("lastmodified", "")), "mac")
        if not hmac.compare_digest(str(mac).encode(), self._mac.hexdigest().upper().encode()):
            raise Undecryptable("was changed after it was encrypted: its MAC is another; edit it with `sops edit`")

    def _walk(self, value: Any, path: tuple[str, ...]) -> Any:
        match value:
            case dict():
                return {name: self._walk(inner, (*path, name)) for name, inner in value.items()}
            case list():
                walked = (self._walk(inner, path) for inner in value)
                return [inner for inner in walked if inner is not _DROPPED]
            case None:
                return None
        is_encrypted = self._choice.takes(path, value)
        if is_encrypted:
            if not isinstance(value, str):
                raise Undecryptable(f"{'.'.join(path)} should be encrypted, and is not; run `sops encrypt` on the file")
            value = self._value(value, ":".join(path) + ":", ".".join(path))
            self._decrypted += [(path, value)] if value not in ("", _DROPPED) else []
        if value is not _DROPPED and (is_encrypted or not self._only_encrypted):
            self._mac.update(_bytes(value))
        is_whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
        return int(value) if is_whole else value

    def _value(self, text: str, bound_to: str, where: str) -> Any:
        if not text:
            return text
        match = _ENCRYPTED.match(text)
        if match is None:
            raise Undecryptable(f"{where} should be encrypted, and is not; run `sops encrypt` on the file")
        try:
            data, nonce, tag = (base64.b64decode(part, validate=True) for part in match.group(1, 2, 3))
            plain = self._cipher.decrypt(nonce, data + tag, bound_to.encode())
            return _typed(plain, match[4])
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise Undecryptable(f"{where} was changed after it was encrypted, or moved; edit it with `sops edit`") from error


def _is_identity(path: tuple[str, ...], document: Mapping[str, Any]) -> bool:
    """Whether an object is called by a field, and found: such fields are encrypted only where everything is, and are no secret."""
    if path == ("type",):
        return bool(document["kind"] == "Secret")
    return path in IDENTITY or path[:2] == ("metadata", "labels")


def _typed(plain: bytes, kind: str) -> Any:
    text = plain.decode(errors="surrogateescape")
    match kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return text.lower() == "true"
        case "comment":
            return _DROPPED
    return text


def _bytes(value: Any) -> bytes:
    """A value as the MAC sees it: https://github.com/getsops/sops, `ToBytes`."""
    if isinstance(value, bool):
        return b"True" if value else b"False"
    if isinstance(value, float):
        return format(Decimal(repr(value)).normalize(), "f").encode()
    return raw(value)


def raw(value: Any) -> bytes:
    """A value as bytes; those that were no text are what they were."""
    return str(value).encode(errors="surrogateescape")


def nested(flat: Mapping[str, str]) -> dict[str, Any]:
    """Metadata as it was before it was flattened for dotenv and INI: `age__list_0__map_enc`."""
    found: dict[str, Any] = {}
    lists: dict[str, dict[int, dict[str, str]]] = {}
    for name, value in flat.items():
        match = re.fullmatch(r"([a-z_]+?)__list_([0-9]{1,3})__map_(\w+)", name)
        if match:
            lists.setdefault(match[1], {}).setdefault(int(match[2]), {})[match[3]] = value.replace("\\n", "\n")
        else:
            found[name] = value
    return found | {kind: [keys[index] for index in sorted(keys)] for kind, keys in lists.items()}


def lines_of(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values of a dotenv file, without comments."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, is_pair, value = line.partition("=")
            if not is_pair:
                raise Undecryptable("has a line that is no KEY=value")
            yield name, value
