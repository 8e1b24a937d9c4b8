"""Who may do what: bearer tokens whose hashes stand in the settings."""

import enum
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from receiver.problems import Refused, not_found


class Role(enum.IntEnum):
    """Each may do what those before it may."""

    VIEWER = 1
    DEPLOYER = 2
    """Syncs and diffs."""
    APPROVER = 3
    """Approves held deletions."""
    ADMIN = 4


@dataclass(frozen=True, slots=True)
class Person:
    """Whose token a request carries."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """One token of the settings; what it reads is not known."""

    digest: bytes
    """SHA-256 in hex."""
    owner: Person


class Tokens:
    """The tokens of the settings, `name:role:sha256-hex`."""

    def __init__(self, entries: Sequence[str]) -> None:
        parts = [entry.rsplit(":", 2) for entry in entries]
        self.all = tuple(Token(digest.encode(), Person(name, Role[role.upper()])) for name, role, digest in parts)

    def find(self, text: str) -> Token | None:
        """The token that reads so; every one is compared, so that the time tells nothing."""
        digest = hashlib.sha256(text.strip().encode("utf-8", errors="surrogateescape")).hexdigest().encode()
        found = None
        for token in self.all:
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found

    def require(self, request: web.Request, role: Role) -> Person:
        """The person whose token the request carries.

        Raises:
            Refused: 401 without a known token; 404 where the role is too small, as if nothing were there.
        """
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        token = self.find(text)
        if scheme.lower() != "bearer" or token is None:
            raise Refused(401, "Unauthorized", "send a token: Authorization: Bearer …")
        if token.owner.role < role:
            raise not_found()
        return token.owner
