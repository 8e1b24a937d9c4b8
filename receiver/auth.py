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


class Tokens:
    """The tokens of the settings, `name:role:sha256-hex`."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._people = []
        for entry in entries:
            name, role, digest = entry.rsplit(":", 2)
            self._people.append((digest.encode(), Person(name, Role[role.upper()])))

    def require(self, request: web.Request, role: Role) -> Person:
        """The person whose token the request carries.

        Raises:
            Refused: 401 without a known token; 404 where the role is too small, as if nothing were there.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode("utf-8", errors="surrogateescape")).hexdigest().encode()
        person = None
        for known, owner in self._people:
            if hmac.compare_digest(known, digest):
                person = owner
        if scheme.lower() != "bearer" or person is None:
            raise Refused(401, "Unauthorized", "send a token: Authorization: Bearer …")
        if person.role < role:
            raise not_found()
        return person
