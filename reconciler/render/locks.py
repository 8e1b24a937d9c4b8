"""Files that SOPS encrypted for keys which no renderer can use: what they are locked with, and which Secret's entries may open that.

A renderer has neither a network nor a socket, so it asks for such files to be opened (`opener`), with what they are locked with alone.
The names of entries are Flux': https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

PGP, AWS, AZURE, GCP, VAULT, AGE = "pgp", "kms", "azure_kv", "gcp_kms", "hc_vault", "age"
KINDS: Mapping[str, str] = {
    PGP: "*.asc", AWS: "sops.aws-kms", AZURE: "sops.azure-kv", GCP: "sops.gcp-kms", VAULT: "sops.vault-token", AGE: "*.agekey",
}  # fmt: skip
"""Sorts of keys as SOPS calls them, and which entry of the Secret is for them."""

WORDS: Mapping[str, str] = {
    PGP: "OpenPGP", AWS: "AWS KMS", AZURE: "Azure Key Vault", GCP: "Google Cloud KMS", VAULT: "Vault", AGE: "age",
}  # fmt: skip

IDENTIFIERS: Mapping[str, str] = {
    PGP: "fp",
    AWS: "arn",
    AZURE: "vault_url",
    GCP: "resource_id",
    VAULT: "vault_address",
    AGE: "recipient",
}
"""Which field says which key it is."""

MOST_LOCKS, MOST_BYTES = 50, 64 * 1024
"""Of one render, and of what one file is locked with."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What one file is locked with."""

    file: str
    metadata: str
    """The lists of keys out of its metadata, as JSON."""

    @property
    def name(self) -> str:
        """The same for all that is locked alike."""
        return hashlib.blake2b(self.metadata.encode(), digest_size=24).hexdigest()


class Locked(Exception):
    """Files cannot be decrypted before somebody else opens them."""

    def __init__(self, locks: tuple[Lock, ...]) -> None:
        super().__init__(f"{len(locks)} files are locked")
        self.locks = locks


def lock_of(file: str, metadata: Mapping[str, Any]) -> Lock:
    """What a file is locked with, out of its metadata."""
    kept = {name: metadata[name] for name in (*KINDS, "key_groups", "shamir_threshold") if metadata.get(name)}
    return Lock(file, orjson.dumps(kept, option=orjson.OPT_SORT_KEYS, default=str).decode())


def groups_of(metadata: Mapping[str, Any]) -> list[dict[str, list[dict[str, Any]]]]:
    """The groups of keys, each by sort; of a group any key will do."""
    groups = metadata.get("key_groups")
    found = [group for group in (groups if isinstance(groups, list) and groups else [metadata]) if isinstance(group, dict)]
    return [{kind: keys for kind in KINDS if (keys := _keys(group.get(kind)))} for group in found]


def described(metadata: Mapping[str, Any]) -> str:
    """The keys, for people: `OpenPGP 0123…, AWS KMS arn:…`."""
    return ", ".join(list(_described(metadata))[:5]) or "no key"


def has_other_keys(entries: Mapping[str, str]) -> bool:
    """Whether a Secret has keys that no renderer can use."""
    return any(kinds_of(name) - {AGE} for name in entries)


def kinds_of(entry: str) -> frozenset[str]:
    """What an entry of a Secret is for, by its name."""
    return frozenset(kind for kind, name in KINDS.items() if entry == name or (name.startswith("*") and entry.endswith(name[1:])))


def _keys(found: Any) -> list[dict[str, Any]]:
    return [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []


def _described(metadata: Mapping[str, Any]) -> Iterator[str]:
    for group in groups_of(metadata):
        for kind, keys in group.items():
            for key in keys:
                named = str(key.get(IDENTIFIERS[kind], "?"))[:100]
                yield named if kind == AGE else f"{WORDS[kind]} {named}"
