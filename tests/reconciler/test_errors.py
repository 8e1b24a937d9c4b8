"""Errors are sorted by what happens next, as the tree in their module draws it; each carries its hint for the layer above."""

import inspect
import re

import pytest

from reconciler import errors
from reconciler.errors import ApplyRefused, ClusterUnavailable, Stalled, Superseded, Transient, TrueupError, Waiting

TREE = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, TrueupError)}


def drawn() -> dict[str, str]:
    """Every error of the drawing with the one above it."""
    above: list[tuple[int, str]] = []
    found = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^([ │├└─]+)([A-Z]\w+)", line):
            depth = len(match[1])
            above = [(column, name) for column, name in above if column < depth]
            found[match[2]] = above[-1][1] if above else ""
            above.append((depth, match[2]))
    return found


def test_the_drawing_is_the_tree():
    assert drawn() == {name: "" if kind is TrueupError else kind.__bases__[0].__name__ for name, kind in TREE.items()}


@pytest.mark.parametrize("name", sorted(TREE))
def test_what_happens_next_is_one_of_three(name):
    kinds = [kind for kind in (Stalled, Waiting, Transient) if issubclass(TREE[name], kind)]
    assert len(kinds) == (0 if name == "TrueupError" else 1)
    assert str(TREE[name]("what, on what, why")) == "what, on what, why"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Waiting("not yet"), 10.0), (Waiting("not yet", retry_seconds=2.0), 2.0), (Superseded("newer"), 10.0),
        (Transient("down"), None), (ClusterUnavailable("busy", retry_seconds=7.0), 7.0),
    ],
)  # fmt: skip
def test_an_error_may_say_when_to_try_again(error, seconds):
    assert error.retry_seconds == seconds


def test_a_refusal_says_what_the_server_said():
    refused = ApplyRefused("no", code=422, reason="Invalid")
    assert (str(refused), refused.code, refused.reason) == ("no", 422, "Invalid")
    assert (ApplyRefused("no").code, ApplyRefused("no").reason) == (0, "")
