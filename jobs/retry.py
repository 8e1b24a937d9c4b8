"""What happens next after a failure. Pure: the random number is handed in."""

from reconciler.errors import Stalled, Superseded, Transient, TrueupError, Waiting

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""A world that failed for an hour is looked at once a minute: for ever, since nobody would tell us that it is back."""


def retry_after(error: TrueupError, attempt: int, jitter: float) -> float | None:
    """Seconds until the next try, or None when only a change of input helps.

    Args:
        error: what went wrong.
        attempt: how many tries there were, 1 after the first.
        jitter: a random number in [0, 1), so that many failures do not come back at once.
    """
    match error:
        case Stalled() | Superseded():
            return None
        case Waiting():
            return error.retry_seconds
        case Transient():
            return max(backoff(attempt, jitter), error.retry_seconds or 0.0)
    return None


def backoff(attempt: int, jitter: float) -> float:
    """1, 2, 4 … 60 seconds, less up to a quarter of it."""
    seconds = min(FIRST_SECONDS * 2.0 ** min(attempt - 1, 10), LONGEST_SECONDS)
    return seconds * (1 - jitter / 4)
