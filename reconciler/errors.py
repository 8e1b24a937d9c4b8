"""Everything that can go wrong, sorted by what happens next.

    TrueupError
    ├── Stalled                a person must change something; tried again when an input changes
    │   ├── InvalidDeclaration     a Repository or Application that cannot be understood
    │   ├── InvalidManifest        a file, document or field that cannot be understood
    │   ├── RenderFailed           a renderer refused or ran past its limits
    │   ├── SourceRefused          Git answered: no such ref, access denied, host key unknown
    │   │   ├── NotVerified            no good signature by a key that was declared
    │   │   └── PathMissing            the commit has no such path
    │   ├── ApplyRefused           the API server answered: no
    │   └── NotAllowed             our own policy answered: no
    ├── Waiting                not yet; tried again after `retry_seconds`
    │   └── Superseded             a newer commit took its place
    └── Transient              the world failed; tried again with back-off, for ever
        ├── SourceUnavailable      the Git host
        ├── ClusterUnavailable     the API server
        ├── ForgeUnavailable       the forge's API
        └── StoreUnavailable       Redis

All else is a bug. A message says what, on what, why, and what to do, and never carries a secret, a `user:password@` or a query
string. Foreign errors are translated once, at the edge that met them, `from` the cause.
The idea: https://github.com/fluxcd/source-controller, `internal/error/error.go`.
"""

from collections.abc import Iterable, Sequence

from reconciler.model.gates import Finding
from reconciler.model.outcome import Awaited


class TrueupError(Exception):
    """Something went wrong that Trueup has a name for; `str()` is the message for people."""


class Stalled(TrueupError):
    """A person must change something; no retry until an input changes."""


class InvalidDeclaration(Stalled):
    """A Repository or Application cannot be understood; the message names file, line and field."""


class InvalidManifest(Stalled):
    """A rendered file or document cannot be understood; the message names file and line or field."""


class RenderFailed(Stalled):
    """A renderer refused its input or ran past its limits."""


class SourceRefused(Stalled):
    """Git answered, and the answer was no: no such ref or commit, access denied, host key unknown."""


class NotVerified(SourceRefused):
    """A commit or tag has no good signature by a key that was declared; nothing of it is rendered."""


class PathMissing(SourceRefused):
    """The commit has no such path: it vanished, or never existed."""


class ApplyRefused(Stalled):
    """The API server answered, and the answer was no: invalid, denied, in conflict."""

    def __init__(self, message: str, *, code: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        """The HTTP status."""
        self.reason = reason
        """The Status object's reason, e.g. `Invalid`."""


class NotAllowed(Stalled):
    """A policy forbids it: Trueup's own, or one that people declared."""

    def __init__(self, message: str, *, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)
        """What declared policies found, warnings too."""


class Waiting(TrueupError):
    """Not yet; tried again after `retry_seconds`, or as soon as what is awaited has come."""

    def __init__(self, message: str, *, retry_seconds: float = 10.0, awaited: Awaited | None = None) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds
        self.awaited = awaited or Awaited()


class Superseded(Waiting):
    """A newer commit took its place; nothing is left to do for this one."""


class Transient(TrueupError):
    """The world failed; tried again with back-off, at least after `retry_seconds` where the world said so."""

    def __init__(self, message: str, *, retry_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class SourceUnavailable(Transient):
    """The Git host does not answer, or not in time."""


class ClusterUnavailable(Transient):
    """The API server does not answer, or asks for patience."""


class ForgeUnavailable(Transient):
    """The forge's API does not answer, or asks for patience."""


class StoreUnavailable(Transient):
    """Redis does not answer, or not in time."""


def mend_of(said: str, mends: Iterable[tuple[str, str]]) -> str:
    """What to do about the words of a program that is not ours, to be put behind them; empty where that is not known.

    Args:
        said: those words.
        mends: what stands in them, and what a person does then; the first that fits counts.
    """
    return next((f"; {mend}" for words, mend in mends if words in said), "")
