"""Places of one worker: who has all that it may have waits, and nobody else does."""

from contextlib import ExitStack

import pytest

from jobs.records import JobKind
from jobs.shares import AT_ONCE, PAUSE_SECONDS, Shares
from tests.servers.records import job_record

SHOP = job_record(scope="git.example/acme/shop")
OTHER = job_record(scope="git.example/acme/other")
PLAN = job_record(scope="git.example/acme/shop", kind=JobKind.PLAN)
POLLED = job_record(scope="", repository="trueup/polled")
NOWHERE = job_record(scope="", repository="")


@pytest.mark.parametrize(
    ("places", "taken", "asks", "has_place"),
    [
        pytest.param(20, [], SHOP, True, id="nobody is there"),
        pytest.param(20, [SHOP] * 3, SHOP, True, id="one is left"),
        pytest.param(20, [SHOP] * 4, SHOP, False, id="a fifth of all places is taken"),
        pytest.param(20, [SHOP] * 4, OTHER, True, id="by another repository"),
        pytest.param(20, [SHOP] * 4, PLAN, True, id="by pushes, and this is a plan"),
        pytest.param(20, [PLAN] * 4, SHOP, True, id="by plans, and this is a push"),
        pytest.param(20, [POLLED] * 4, POLLED, False, id="by jobs that know the repository only"),
        pytest.param(1, [SHOP], SHOP, True, id="a small worker lets two in"),
        pytest.param(1, [SHOP] * 2, SHOP, False, id="and no more"),
        pytest.param(20, [NOWHERE] * 9, NOWHERE, True, id="of no repository"),
    ],
)
def test_who_has_a_place(places, taken, asks, has_place):
    shares = Shares(places)
    with ExitStack() as stack:
        for job in taken:
            stack.enter_context(shares.taken(job))
        assert (shares.pause(asks) is None) is has_place
        assert shares.is_crowded is (len(taken) >= max(2, places // 5)), "where it is not, nobody asks"
    assert shares.pause(asks) is None, "all places are free again"


def test_the_more_wait_the_longer_is_the_pause_until_the_repository_is_quiet():
    shares = Shares(1)
    with shares.taken(SHOP), shares.taken(SHOP):
        pauses = [shares.pause(SHOP) for _ in range(AT_ONCE)]
    assert (pauses[0], pauses[-1]) == (PAUSE_SECONDS + 1 / AT_ONCE, PAUSE_SECONDS + 1)
    with shares.taken(SHOP), shares.taken(SHOP):
        assert shares.pause(SHOP) == pauses[0]


def test_a_place_is_free_again_when_its_job_fails():
    shares = Shares(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), shares.taken(SHOP):
            raise ValueError("broken")
    assert shares.pause(SHOP) is None
