"""Whose signatures a Repository's commits or tags must have. Only values."""

import enum
from dataclasses import dataclass


class VerifyMode(enum.StrEnum):
    """What must be signed."""

    COMMIT = "commit"
    """The commit that is rendered."""
    TAG = "tag"
    """The tag that is followed, which must be an annotated one."""
    BOTH = "both"
    """The tag, and the commit that it leads to."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Which signatures are wanted."""

    mode: VerifyMode = VerifyMode.COMMIT
    secret: str = ""
    """A Secret with keys in the Repository's namespace; empty for none."""
    keys: tuple[str, ...] = ()
    """Keys that stand in the declaration: armored OpenPGP keys, or lines of allowed signers."""
