"""Webhooks that are refused, as the log tells them: why, and what to mend; now and then, since anybody may send them."""

import time
from collections.abc import Sequence

import structlog

from jobs.records import ScopeRecord

log = structlog.get_logger()

AGAIN_SECONDS = 60.0
"""How long nothing more is said of one address."""

MOST = 1000
"""Addresses that are remembered; then it begins anew."""

LONGEST_SCOPE = 200


class Refusals:
    """What was said lately."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def unsigned(self, provider: str, scope: str, declared: Sequence[ScopeRecord]) -> None:
        """Somebody sent to an address that is welcome, and had not its secret.

        Args:
            provider: by its name in the address.
            scope: of the address.
            declared: whose webhooks it would have been.
        """
        own = next((record.repository for record in declared if record.scope == scope and record.repository), f"--scope {scope}")
        mend = f"trueup webhook register {own}, or enter what trueup webhook show {own} prints"
        self._tell(
            f"{provider} {scope}", provider, scope, f"it is not signed, or by another secret than this address has; {mend}"
        )  # fmt: skip

    def unknown(self, provider: str, scope: str) -> None:
        """Somebody sent to an address within which nothing is declared: there may be any number of those."""
        self._tell(
            "", provider, scope,
            f"no Repository of {provider} is declared there; is the address the one that trueup webhook show prints?",
        )  # fmt: skip

    def _tell(self, name: str, provider: str, scope: str, note: str) -> None:
        now = time.monotonic()
        if name in self._told and now - self._told[name] < AGAIN_SECONDS:
            return
        if len(self._told) >= MOST:
            self._told.clear()
        self._told[name] = now
        log.warning("delivery.refused", provider=provider, scope=scope[:LONGEST_SCOPE], note=note)
