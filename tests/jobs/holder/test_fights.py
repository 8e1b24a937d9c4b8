"""When a repair is put off, for how long, and who is blamed."""

import pytest

from jobs.holder.fights import LONGEST_SECONDS, PATIENCE, Fights
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Drift, DriftKind, FieldDrift

KEY = ObjectKey("apps", "Deployment", "shop", "web")
DRIFT = (Drift(KEY, DriftKind.CHANGED, (FieldDrift("spec.replicas", "keda", ""), FieldDrift("spec.paused", "", ""))),)


def fought(times):
    fights = Fights()
    for at in times:
        fights.repaired(KEY, at)
    return fights


@pytest.mark.parametrize(
    ("times", "now", "pause"),
    [
        pytest.param([], 0, None, id="never"),
        pytest.param(range(PATIENCE - 1), 10, None, id="a few"),
        pytest.param(range(PATIENCE), 11, 1, id="as many as patience lasts"),
        pytest.param(range(PATIENCE + 3), 14, 8, id="three more: doubled thrice"),
        pytest.param(range(PATIENCE), 75, None, id="long ago"),
        pytest.param([0] * 20, 299, LONGEST_SECONDS, id="never longer than the longest, which is remembered as long"),
        pytest.param([0] * 20, 100_000, None, id="over"),
    ],
)
def test_how_long_the_next_repair_waits(times, now, pause):
    fight = fought(times).over(KEY, DRIFT, now)
    assert (fight.pause_seconds if fight else None) == pause


def test_a_fight_goes_on_slowly_while_the_opponent_does():
    fights, now, repairs = Fights(), 0.0, 0
    while now < 3600:
        fight = fights.over(KEY, DRIFT, now)
        now += fight.pause_seconds if fight else 0.1
        fights.repaired(KEY, now)
        repairs += 1
    assert 12 <= repairs <= 40


def test_another_object_is_not_concerned():
    other = ObjectKey("apps", "Deployment", "shop", "api")
    assert fought(range(20)).over(other, DRIFT, 20) is None


def test_the_message_says_who_how_often_and_what_to_do():
    message = str(fought(range(PATIENCE)).over(KEY, DRIFT, 5))
    assert message == (
        "shop/Deployment/web was changed by keda 10 times in 5 s; the next repair waits 1 s. "
        "Stop the other writer, or leave the field out of Git"
    )
