"""Sessions of browsers: a sealed cookie that ends by itself, and at once where its token leaves the settings.

Nothing is stored: the seal is an HMAC over the session's end, its id and the hash of the token that opened it, so that the cookie says
nothing of the token, and no receiver need know of another's. Who opens it tries the tokens that there are, which are few.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from receiver.auth import Person, Token, Tokens

SESSION_SECONDS = 12 * 3600
"""A long shift; then the token is asked for again."""

_COOKIE = re.compile(r"v1\.([0-9]{10,12})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Session:
    """Who has logged in, and until when."""

    id: str
    """32 hex digits that nobody guesses."""
    person: Person
    ends: int
    """Seconds since the epoch."""


class Sessions:
    """Seals sessions, and opens them."""

    def __init__(self, keys: Sequence[bytes], tokens: Tokens) -> None:
        """Take the keys of all receivers, newest first; the first seals, all open."""
        self._keys = keys
        self._tokens = tokens

    def seal(self, token: Token, now: float) -> str:
        """The cookie of a new session."""
        ends, session = int(now) + SESSION_SECONDS, secrets.token_hex(16)
        return f"v1.{ends}.{session}.{_seal(self._keys[0], ends, session, token)}"

    def open(self, cookie: str, now: float) -> Session | None:
        """The session of a cookie; None where it is over, not ours, or its token is none any more."""
        match = _COOKIE.fullmatch(cookie)
        if match is None or int(match[1]) <= now:
            return None
        ends, session, seal = int(match[1]), match[2], match[3]
        owner = None
        for key in self._keys:
            for token in self._tokens.all:
                if hmac.compare_digest(_seal(key, ends, session, token), seal):
                    owner = token.owner
        return Session(session, owner, ends) if owner else None


def _seal(key: bytes, ends: int, session: str, token: Token) -> str:
    return hmac.digest(key, b"%d.%s.%s" % (ends, session.encode(), token.digest), "sha256").hex()
