"""What people decided and Git does not say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody allowed exactly this set of deletions."""

    digest: str
    """Names the set: `outcome.digest_of` its objects."""
    actor: str
    at: str
    """RFC 3339."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Everything that was decided about one application."""

    approval: Approval | None = None
