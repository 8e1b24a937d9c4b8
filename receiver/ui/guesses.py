"""Wrong tokens by address: a few are forgiven, then they are only taken slowly. Pure: the clock is given."""

import ipaddress

FORGIVEN = 10
"""Wrong tokens at once; a person mistypes one or two."""

EVERY_SECONDS = 6.0
"""Then one in so long."""

ADDRESSES = 10_000
"""Of so many the wrong tokens are known; the longest quiet are forgotten."""


class Guesses:
    """Who has guessed how often of late."""

    def __init__(self) -> None:
        self._forgiven_at: dict[str, float] = {}
        """By neighbourhood, the longest quiet first: when everything will be forgiven."""

    def wait_seconds(self, address: str, now: float) -> float:
        """How long until the next attempt from an address is looked at; 0: at once."""
        allowed = FORGIVEN * EVERY_SECONDS - EVERY_SECONDS
        return max(self._forgiven_at.get(_neighbourhood(address), now) - now - allowed, 0.0)

    def wrong(self, address: str, now: float) -> None:
        """Note a wrong token."""
        place = _neighbourhood(address)
        self._forgiven_at[place] = max(self._forgiven_at.pop(place, now), now) + EVERY_SECONDS
        if len(self._forgiven_at) > ADDRESSES:
            del self._forgiven_at[next(iter(self._forgiven_at))]


def _neighbourhood(address: str) -> str:
    """What one guesser has: an address, or a whole /64 of IPv6 (RFC 6177)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
