"""What happens next after each kind of failure."""

import pytest

from jobs.retry import LONGEST_SECONDS, backoff, retry_after
from reconciler import errors
from reconciler.errors import (
    ApplyRefused,
    ClusterUnavailable,
    InvalidManifest,
    PathMissing,
    SourceUnavailable,
    Stalled,
    Superseded,
    Transient,
    TrueupError,
    Waiting,
)


@pytest.mark.parametrize(
    ("error", "attempt", "seconds"),
    [
        pytest.param(Stalled("x"), 1, None, id="a person must help"),
        pytest.param(InvalidManifest("x"), 1, None, id="so with what derives from it"),
        pytest.param(PathMissing("x"), 9, None, id="however often it was tried"),
        pytest.param(ApplyRefused("x", code=422), 1, None, id="refused"),
        pytest.param(Superseded("x"), 1, None, id="overtaken"),
        pytest.param(Waiting("x", retry_seconds=7.0), 5, 7.0, id="not yet"),
        pytest.param(Transient("x"), 1, 1.0, id="first"),
        pytest.param(SourceUnavailable("x"), 2, 2.0, id="second"),
        pytest.param(ClusterUnavailable("x"), 4, 8.0, id="fourth"),
        pytest.param(Transient("x"), 7, 60.0, id="never longer than a minute"),
        pytest.param(Transient("x"), 10_000, 60.0, id="for ever"),
        pytest.param(Transient("x", retry_seconds=30.0), 1, 30.0, id="the world asked for patience"),
        pytest.param(Transient("x", retry_seconds=1.0), 6, 32.0, id="and less of it than we have"),
        pytest.param(TrueupError("x"), 1, None, id="of no kind"),
    ],
)
def test_an_error_says_when_to_try_again(error, attempt, seconds):
    assert retry_after(error, attempt, 0.0) == seconds


def test_every_error_of_the_tree_is_decided():
    def below(kind):
        return [kind, *(found for child in kind.__subclasses__() for found in below(child))]

    for kind in below(errors.TrueupError):
        error = kind.__new__(kind)  # whatever else its constructor wants
        error.retry_seconds = 1.0
        found = retry_after(error, 1, 0.5)
        assert (found is not None) == (issubclass(kind, (Waiting, Transient)) and not issubclass(kind, Superseded)), kind


@pytest.mark.parametrize("attempt", range(1, 20))
def test_jitter_takes_off_up_to_a_quarter(attempt):
    full = backoff(attempt, 0.0)
    assert full * 0.75 < backoff(attempt, 0.999) < full <= LONGEST_SECONDS
