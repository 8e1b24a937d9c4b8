"""What a refusal means, whichever forge it comes from."""

import pytest

from jobs.forges.forge import (
    DESCRIPTION_LENGTH,
    Allowance,
    Refusal,
    allowance_of,
    as_documented,
    cut,
    path_of,
    retry_seconds,
    short,
)
from reconciler.errors import ForgeUnavailable, Stalled
from tests.servers.forges import on_forge

NOW = 1_800_000_000.0


def says(names, limit, remaining, reset):
    return {f"{names}-limit": f"{limit}", f"{names}-remaining": f"{remaining}", f"{names}-reset": f"{reset:.0f}"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "999999"}, 3600),
        ({"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}, 60),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 90)}, 90),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, 1),
        ({"x-ratelimit-remaining": "7", "x-ratelimit-reset": str(int(NOW) + 90)}, None),
        ({"x-ratelimit-remaining": "0"}, None),
    ],
)
def test_how_long_to_wait(headers, seconds):
    assert retry_seconds(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "allowance"),
    [
        ({}, None),
        (says("x-ratelimit", 5000, 4999, NOW + 90), Allowance(5000, 4999, NOW + 90)),
        (says("ratelimit", 2000, 7, NOW + 9), Allowance(2000, 7, NOW + 9)),
        (says("x-ratelimit", 5000, 0, NOW + 90), Allowance(5000, 0, NOW + 90)),
        (says("x-ratelimit", 5000, 1, NOW + 90_000), Allowance(5000, 1, NOW + 3600)),
        (says("x-ratelimit", 30, 1, NOW + 90) | {"x-ratelimit-resource": "search"}, None),
        (says("x-ratelimit", 5000, 1, NOW + 90) | {"x-ratelimit-resource": "core"}, Allowance(5000, 1, NOW + 90)),
        (says("x-ratelimit", 0, 0, NOW + 90), None),
        (says("x-ratelimit", 5000, 1, NOW + 90) | {"x-ratelimit-reset": "soon"}, None),
        (says("x-ratelimit", 5000, 1, NOW + 90) | {"x-ratelimit-remaining": "-1"}, None),
        (says("x-ratelimit", 5000, 1, NOW + 90) | {"x-ratelimit-limit": "٣"}, None),
        (says("x-ratelimit", 5000, 1, NOW + 90) | {"x-ratelimit-limit": "9" * 5000}, None),
    ],
)
def test_what_is_left_of_an_allowance(headers, allowance):
    assert allowance_of(headers, NOW) == allowance


@pytest.mark.parametrize(
    ("status", "headers", "said", "kind", "seconds"),
    [
        (429, {}, "", ForgeUnavailable, 60),
        (403, {"retry-after": "7"}, "", ForgeUnavailable, 7),
        (403, {}, "You have exceeded a secondary rate limit", ForgeUnavailable, 60),
        (500, {}, "", ForgeUnavailable, None),
        (503, {"retry-after": "5"}, "", ForgeUnavailable, 5),
        (408, {}, "", ForgeUnavailable, None),
    ],
)
def test_what_may_pass(status, headers, said, kind, seconds):
    error = Refusal(status, headers, said).error("shop", permission="more", now=NOW)
    assert isinstance(error, kind)
    assert error.retry_seconds == seconds


@pytest.mark.parametrize(
    ("status", "said", "mend"),
    [
        (401, "", "the token of spec.commitStatus.secretRef needs more"),
        (403, "", "the token of spec.commitStatus.secretRef needs more"),
        (404, "", "the token of spec.commitStatus.secretRef needs more"),
        (301, "", "the repository has moved: write its new address"),
        (405, "Non GET methods are not allowed for moved projects", "the repository has moved: write its new address"),
        (405, "", "answered 405"),
        (422, "No commit found", "answered 422: No commit found"),
    ],
)
def test_what_a_person_must_mend(status, said, mend):
    error = Refusal(status, {}, said).error("shop", permission="more", now=NOW)
    assert isinstance(error, Stalled)
    assert mend in str(error)


def test_descriptions_fit_and_are_one_line():
    assert cut("a\n  b") == "a b"
    assert cut("x" * DESCRIPTION_LENGTH) == "x" * DESCRIPTION_LENGTH
    assert len(cut("x" * 1000)) == DESCRIPTION_LENGTH
    assert cut("x" * 1000).endswith("…")


def test_names():
    assert path_of(on_forge("")) == "acme/shop"
    assert [short(ref) for ref in ("refs/heads/a/b", "refs/tags/v1", "x")] == ["a/b", "v1", "x"]


@pytest.mark.parametrize(
    "error", [KeyError("id"), TypeError(), AttributeError(), ValueError(), OverflowError(), RecursionError()], ids=repr
)
async def test_an_answer_that_is_not_understood_may_pass(error):
    @as_documented
    async def call(_forge, _repository):
        raise error

    with pytest.raises(
        ForgeUnavailable, match=r"^trueup/shop: http://x speaks, but not as github does; is spec\.api its address\?"
    ) as caught:
        await call(None, on_forge("http://x"))
    assert caught.value.__cause__ is error
