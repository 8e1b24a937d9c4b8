"""Opens what renderers cannot: files for OpenPGP and for key services of clouds, and those that need several groups of keys.

It runs in the worker, since it needs programs with sockets, and the network. `sops` is given no file, only what it is locked with: it
changes that to an age key that is made for the one time, and what comes back is the file's own key. A renderer does the decrypting.
Where a key service is asked is decided by whoever wrote the file, so only addresses that are what they look like are taken.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from reconciler.errors import InvalidManifest, RenderFailed, Transient, TrueupError
from reconciler.process import Limits, run
from reconciler.render.hidden import Hidden
from reconciler.render.locks import (
    AGE,
    AWS,
    AZURE,
    GCP,
    KINDS,
    MOST_BYTES,
    PGP,
    VAULT,
    WORDS,
    Lock,
    described,
    groups_of,
    kinds_of,
)
from reconciler.yaml.documents import load_one

LIMITS = Limits(timeout_seconds=30, output_bytes=1024 * 1024, cpu_seconds=20, file_bytes=16 * 1024 * 1024)
"""A key service answers in a second; gpg imports a key in milliseconds."""

AT_ONCE = 4
MOST_KNOWN = 1000
"""Keys of files that are kept, so that a key service is not asked at every commit."""

MOST_WORDS = 600
VAULT_ADDRESS = "sops.vault-address"
"""The entry with the one address that the token is sent to."""

PATH = "/usr/local/bin:/usr/bin:/bin"
_ADDRESSES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    AWS: ("arn", re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]+:(key|alias)/[\w/-]+")),
    AZURE: ("vault_url", re.compile(
        r"https://[a-z0-9-]+\.(vault|managedhsm)\.(azure\.net|azure\.cn|usgovcloudapi\.net|microsoftazure\.de)/?"
    )),
    GCP: ("resource_id", re.compile(r"projects/[\w:.-]+/locations/[\w-]+/keyRings/[\w-]+/cryptoKeys/[\w-]+")),
}  # fmt: skip
_AWS_NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_AZURE_NAMES = {"tenantId": "AZURE_TENANT_ID", "clientId": "AZURE_CLIENT_ID", "clientSecret": "AZURE_CLIENT_SECRET"}


def binary(given: Path | None = None) -> str | None:
    """The program that settings name, or that is on PATH."""
    return str(given) if given else shutil.which("sops")


class Opener:
    """Opens files, with the keys of whoever asks; remembers what it opened, for the same keys only."""

    def __init__(self, given: Path | None, directory: Path) -> None:
        self._program = binary(given)
        self._directory = directory
        """Where keys are for as long as a program needs them."""
        self._seal = os.urandom(32)
        self._known: dict[str, str] = {}
        self._free = asyncio.Semaphore(AT_ONCE)

    async def open(self, locks: Sequence[Lock], entries: Mapping[str, str]) -> Mapping[str, str]:
        """The keys of files, in base64, by the names of what they are locked with.

        Args:
            locks: of files.
            entries: of the Secret with keys.

        Raises:
            RenderFailed: naming the file, and what is missing, or what `sops` said.
            Transient: when a key service did not answer.
        """
        wanted = {lock.name: lock for lock in locks}
        found = await asyncio.gather(*(self._one(lock, entries) for lock in wanted.values()))
        return dict(zip(wanted, found, strict=True))

    async def _one(self, lock: Lock, entries: Mapping[str, str]) -> str:
        known_as = hashlib.blake2b(orjson.dumps([lock.name, sorted(entries.items())]), key=self._seal).hexdigest()
        if known_as not in self._known:
            async with self._free:
                key = await self._opened(lock, entries)
            while len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[known_as] = key
        return self._known[known_as]

    async def _opened(self, lock: Lock, entries: Mapping[str, str]) -> str:
        if self._program is None:
            mend = "put sops on PATH, set TRUEUP_SOPS, or add an age recipient with `sops updatekeys`"
            raise RenderFailed(f"{lock.file}: is encrypted for {described(_read(lock))}, and sops is missing: {mend}")
        usable = usable_keys(lock, entries)
        home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="o", dir=self._directory))
        try:
            environment = await _furnish(home, entries, lock.file)
            return await _rewrapped(self._program, home, usable, environment)
        except TrueupError as error:
            keys = (text for name, text in entries.items() if name != VAULT_ADDRESS)
            said = Hidden(keys).redacted(str(error)).replace(f"{home}/", "")
            raise type(error)(f"{lock.file}: {said}") from None
        finally:
            await _remove(home)


def by_kind(entries: Mapping[str, str]) -> dict[str, list[str]]:
    """The keys of a Secret by their sorts; an age identity is one under any name."""
    found: dict[str, list[str]] = {}
    for name, text in entries.items():
        for kind in kinds_of(name) | ({AGE} if "AGE-SECRET-KEY-1" in text else set()):
            found.setdefault(kind, []).append(text)
    return found


def usable_keys(lock: Lock, entries: Mapping[str, str]) -> dict[str, Any]:
    """What a file is locked with, as far as the Secret has keys for it.

    Raises:
        RenderFailed: when that does not suffice, or a key service's address is none.
    """
    metadata = _read(lock)
    at_hand = by_kind(entries).keys()
    groups = [{kind: keys for kind, keys in group.items() if kind in at_hand} for group in groups_of(metadata)]
    threshold = metadata.get("shamir_threshold")
    wanted = threshold if isinstance(threshold, int) and 0 < threshold <= len(groups) else max(len(groups), 1)
    if sum(map(bool, groups)) < wanted:
        names = sorted({KINDS[kind] for group in groups_of(metadata) for kind in group})
        mend = f"the Secret of spec.render.decrypt needs an entry {' or '.join(names) or '*.agekey'} for it"
        raise RenderFailed(f"{lock.file}: is encrypted for {described(metadata)}; {mend}")
    for kind, key in ((kind, key) for group in groups for kind, keys in group.items() for key in keys):
        _check_address(lock.file, kind, key, entries)
    if len(groups) == 1:
        return groups[0]
    return {"key_groups": groups, "shamir_threshold": wanted}


def _check_address(file: str, kind: str, key: Mapping[str, Any], entries: Mapping[str, str]) -> None:
    """The Secret's keys are not sent wherever a file says."""
    if kind == VAULT:
        address = str(key.get("vault_address", "")).rstrip("/")
        if address != entries.get(VAULT_ADDRESS, "").strip().rstrip("/"):
            mend = f"write it in the entry {VAULT_ADDRESS} of the Secret of spec.render.decrypt, if the token is to be sent there"
            raise RenderFailed(f"{file}: its key is kept by the Vault at {address[:200]!r}; {mend}")
    elif kind in _ADDRESSES:
        name, pattern = _ADDRESSES[kind]
        if not pattern.fullmatch(str(key.get(name, ""))):
            raise RenderFailed(f"{file}: {name} {str(key.get(name, ''))[:200]!r} is none of {WORDS[kind]}")


def _read(lock: Lock) -> dict[str, Any]:
    if len(lock.metadata) > MOST_BYTES:
        raise RenderFailed(f"{lock.file}: is encrypted for more keys than can be read; at most {MOST_BYTES >> 10} KiB")
    found: dict[str, Any] = orjson.loads(lock.metadata)
    return found


async def _furnish(home: Path, entries: Mapping[str, str], file: str) -> dict[str, str]:
    """Put every key where `sops` looks for it; the environment that says so."""
    keys = by_kind(entries)
    environment = {"HOME": str(home), "PATH": PATH, "GNUPGHOME": str(home / "g"), "AWS_EC2_METADATA_DISABLED": "true"}
    if PGP in keys:
        await _import(home, keys[PGP], environment)
    if AGE in keys:
        environment["SOPS_AGE_KEY_FILE"] = _write(home / "age", "\n".join(keys[AGE]))
    if AWS in keys:
        found = _fields(keys[AWS][0], file, KINDS[AWS])
        lines = "".join(f"{name} = {found[name]}\n" for name in _AWS_NAMES if name in found)
        environment["AWS_SHARED_CREDENTIALS_FILE"] = _write(home / "aws", f"[default]\n{lines}")
    if AZURE in keys:
        found = _fields(keys[AZURE][0], file, KINDS[AZURE])
        environment |= {variable: found[name] for name, variable in _AZURE_NAMES.items() if name in found}  # it takes no file
    if GCP in keys:
        environment["GOOGLE_APPLICATION_CREDENTIALS"] = _write(home / "gcp", keys[GCP][0])
    if VAULT in keys:
        _write(home / ".vault-token", keys[VAULT][0].strip())
    return environment


async def _import(home: Path, keys: Sequence[str], environment: Mapping[str, str]) -> None:
    gpg = shutil.which("gpg")
    if gpg is None:
        raise RenderFailed("is encrypted for an OpenPGP key, and gpg is missing: install it, or add an age recipient")
    (home / "g").mkdir(mode=0o700)
    done = await run([gpg, "--batch", "--import", _write(home / "keys.asc", "\n".join(keys))], limits=LIMITS, env=environment)
    if done.code != 0:
        raise RenderFailed(f"an entry *.asc of the Secret of spec.render.decrypt is no OpenPGP key: {done.message[-MOST_WORDS:]}")


async def _rewrapped(program: str, home: Path, usable: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """The key of a file, by way of an age key that is nobody else's."""
    import pyrage  # noqa: PLC0415 - only in a worker that needs it

    ours = pyrage.x25519.Identity.generate()
    rest = {"lastmodified": "2000-01-01T00:00:00Z", "mac": "", "version": "3.9.0"}
    lock = _write(home / "lock.json", orjson.dumps({"sops": {**usable, **rest}}).decode())
    config = _write(home / "config.yaml", orjson.dumps({"creation_rules": [{"age": str(ours.to_public())}]}).decode())
    argv = [program, "--config", config, "updatekeys", "--yes", "--input-type", "json", lock]
    try:
        done = await run(argv, limits=LIMITS, env=environment)
    except Transient as error:
        raise Transient(f"sops: {error}; does the key service answer?") from error
    except OSError as error:
        raise RenderFailed(f"sops does not run: {error.strerror}; set TRUEUP_SOPS") from error
    if done.code != 0:
        asks_services = any(group.keys() - {PGP, AGE} for group in groups_of(usable))
        raise (Transient if asks_services else RenderFailed)(f"sops cannot open it: {_said(done.message)}")
    try:
        (mine,) = orjson.loads((home / "lock.json").read_bytes())["sops"]["age"]
        return base64.b64encode(pyrage.decrypt(mine["enc"].encode(), [ours])).decode()
    except (OSError, ValueError, KeyError, TypeError, pyrage.DecryptError) as error:
        raise RenderFailed("sops has not changed the keys as it was asked to; try another version of it") from error


def _said(message: str) -> str:
    """What `sops` said, without its frame and its advice."""
    text = " ".join(message.replace(" | ", " ").split())
    text = text.partition("decrypt the SOPS file. ")[2] or text
    return text.partition(" Recovery failed because")[0][:MOST_WORDS]


def _fields(text: str, file: str, entry: str) -> dict[str, str]:
    """What an entry of YAML says, each on one line."""
    try:
        found = load_one(text.encode(), name=entry)
    except InvalidManifest:
        found = None
    if not isinstance(found, dict):
        raise RenderFailed(f"{file}: the entry {entry} of the Secret of spec.render.decrypt is no YAML with names and texts")
    return {str(name): str(value).replace("\n", "") for name, value in found.items()}


def _write(path: Path, text: str) -> str:
    path.touch(0o600)
    path.write_text(text)
    return str(path)


async def _remove(home: Path) -> None:
    """Everything, and first the agent that gpg starts, which is a process of its own."""
    agent = shutil.which("gpgconf")
    if agent and (home / "g").is_dir():
        with contextlib.suppress(TrueupError, OSError):  # it ends by itself when its directory is gone
            await run([agent, "--kill", "gpg-agent"], limits=LIMITS, env={"PATH": PATH, "GNUPGHOME": str(home / "g")})
    await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
