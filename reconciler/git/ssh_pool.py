"""SSH connections to Git hosts, kept open and shared: the second fetch needs no handshake. Nothing is read from ~/.ssh.

https://asyncssh.readthedocs.io/en/latest/api.html#connect
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.credentials import Identity
from reconciler.git.ssh_hosts import key_algorithms, trusted_hosts

CONNECT_SECONDS = 15.0
LOGIN_SECONDS = 15.0
KEEPALIVE_SECONDS = 15.0
KEEPALIVE_MISSES = 3

IDLE_SECONDS = 120.0
"""Forges end idle connections themselves after some minutes."""

CHANNELS = 8
"""At once on one connection; OpenSSH allows 10 (MaxSessions)."""

CONNECTIONS = 32
"""Kept open at most; beyond them the one idle longest is closed."""

KEX = (
    "mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256",
    "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256",
)  # fmt: skip
CIPHERS = (
    "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr",
)  # fmt: skip
MACS = (
    "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256",
    "hmac-sha2-512",
)  # fmt: skip
SIGNATURES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256")
HOST_KEYS = (
    "ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
    *SIGNATURES,
)  # fmt: skip
"""What is neither here nor above is not spoken: no SHA-1, no DSA, no CBC. https://www.openssh.com/releasenotes.html"""


@dataclass(frozen=True, slots=True, repr=False)
class Door:
    """Where to log in, by which key, and which host keys are trusted there."""

    host: str
    port: int
    user: str
    identity: Identity
    known_hosts: tuple[tuple[str, bytes], ...]
    """With where each stands."""

    @property
    def key(self) -> str:
        """Equal for what may share a connection; a digest, since it is made of secrets."""
        texts = (self.host, str(self.port), self.user, self.identity.passphrase)
        parts = [*(text.encode() for text in texts), self.identity.key, *(content for _, content in self.known_hosts)]
        return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


@dataclass(eq=False, slots=True)
class _Shared:
    """One connection and who uses it."""

    connection: asyncssh.SSHClientConnection
    used: int = 0
    idle_since: float = 0.0
    timer: asyncio.TimerHandle | None = None


@dataclass(eq=False)
class Pool:
    """The connections of one worker."""

    opened: int = 0
    """How many connections were made, ever."""
    _known: dict[str, list[_Shared]] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def connection(self, door: Door, what: str) -> AsyncIterator[asyncssh.SSHClientConnection]:
        """A connection with room for one more channel; kept afterwards.

        Raises:
            SourceRefused: when the host's key is not trusted, or ours is refused.
            SourceUnavailable: when the host does not answer.
        """
        async with self._locks.setdefault(door.key, asyncio.Lock()):
            shared = next((s for s in self._of(door) if s.used < CHANNELS), None)
            if shared is None:
                self._make_room()
                shared = _Shared(await _connect(door, what))
                self.opened += 1
                self._known.setdefault(door.key, []).append(shared)
            shared.used += 1
            if shared.timer is not None:
                shared.timer.cancel()
        try:
            yield shared.connection
        finally:
            shared.used -= 1
            if shared.used == 0:
                loop = asyncio.get_running_loop()
                shared.idle_since = loop.time()
                shared.timer = loop.call_later(IDLE_SECONDS, self._forget, door.key, shared)

    def drop(self, door: Door) -> None:
        """Forget the connections to a host that turned out to be dead."""
        for shared in self._known.pop(door.key, []):
            _end(shared)

    async def close(self) -> None:
        """End all of them."""
        found = [shared for known in self._known.values() for shared in known]
        self._known.clear()
        for shared in found:
            _end(shared)
        for shared in found:
            with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):
                async with asyncio.timeout(2.0):
                    await shared.connection.wait_closed()

    def _of(self, door: Door) -> list[_Shared]:
        """Those to one host that are still open."""
        found = [shared for shared in self._known.get(door.key, []) if not shared.connection.is_closed()]
        self._known[door.key] = found
        return found

    def _make_room(self) -> None:
        every = [(shared, key) for key, known in self._known.items() for shared in known]
        idle = sorted((entry for entry in every if entry[0].used == 0), key=lambda entry: entry[0].idle_since)
        for shared, key in idle[: max(0, len(every) + 1 - CONNECTIONS)]:
            self._forget(key, shared)

    def _forget(self, key: str, shared: _Shared) -> None:
        _end(shared)
        left = [other for other in self._known.pop(key, []) if other is not shared]
        if left:
            self._known[key] = left
        elif key in self._locks and not self._locks[key].locked():
            del self._locks[key]


def _end(shared: _Shared) -> None:
    if shared.timer is not None:
        shared.timer.cancel()
    shared.connection.close()


class _Judge(asyncssh.SSHClient):
    """Trusts nobody beyond the known hosts, and remembers whom it did not trust."""

    def __init__(self) -> None:
        self.offered: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - the library's
        self.offered = key
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002 - the library's
        self.offered = key
        return False


async def _connect(door: Door, what: str) -> asyncssh.SSHClientConnection:
    try:
        key = await asyncio.to_thread(asyncssh.import_private_key, door.identity.key, door.identity.passphrase or None)
    except asyncssh.KeyEncryptionError:
        raise SourceRefused(f"{what}: the private key needs its passphrase, or another one, under the key password") from None
    except (asyncssh.KeyImportError, ValueError):
        raise SourceRefused(f"{what}: the private key cannot be read; ed25519, ecdsa and rsa keys can") from None
    known = trusted_hosts(door.host, door.port, *door.known_hosts)
    judge = _Judge()
    place = door.host if door.port == 22 else f"[{door.host}]:{door.port}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS + LOGIN_SECONDS):
            return await asyncssh.connect(
                door.host, door.port, username=door.user, client_keys=[key], known_hosts=known, client_factory=lambda: judge,
                config=None, agent_path=None, x509_trusted_certs=None, preferred_auth="publickey", client_host_keysign=False,
                agent_forwarding=False, compression_algs=None, gss_host=None, request_pty=False,
                kex_algs=_spoken(KEX, get_kex_algs()), encryption_algs=_spoken(CIPHERS, get_encryption_algs()),
                mac_algs=_spoken(MACS, get_mac_algs()), signature_algs=SIGNATURES,
                server_host_key_algs=key_algorithms(known, door.host, door.port, HOST_KEYS),
                connect_timeout=CONNECT_SECONDS, login_timeout=LOGIN_SECONDS,
                keepalive_interval=KEEPALIVE_SECONDS, keepalive_count_max=KEEPALIVE_MISSES,
            )  # fmt: skip
    except asyncssh.HostKeyNotVerifiable as error:
        raise SourceRefused(f"{what}: {_distrust(place, str(error), judge.offered)}") from error
    except asyncssh.PermissionDenied as error:
        mend = f"it does not know the key {key.get_fingerprint()}; add its public half there, or check the Secret"
        raise SourceRefused(f"{what}: {place} refuses the login of {door.user}: {mend}") from error
    except asyncssh.KeyExchangeFailed as error:
        meaning = "speaks none of the algorithms that are still safe, or has none of the kinds of host key that are known of it"
        raise SourceRefused(f"{what}: {place} {meaning}") from error
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise SourceUnavailable(f"{what}: {place} does not answer by ssh: {_said(error)}") from error


def _spoken(wanted: tuple[str, ...], known: Sequence[bytes]) -> list[str]:
    """What the library speaks of it: the newest depend on what it was built with."""
    return [name for name in wanted if name.encode() in known]


def _distrust(place: str, said: str, offered: asyncssh.SSHKey | None) -> str:
    if "revoked" in said:
        return f"{place} has a host key that is revoked in known_hosts; nothing was sent to it"
    if offered is None:
        return f"the host key of {place} cannot be verified: {said}"
    name = offered.get_algorithm()
    mend = f"ask its owner whether that is right, and add its line to known_hosts in the Secret, or to TRUEUP_KNOWN_HOSTS: {place} {name} …"
    return f"the host key of {place} is unknown or has changed; it offers {offered.get_fingerprint()} ({name}); {mend}"


def _said(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
