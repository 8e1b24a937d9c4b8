"""Commands as people write them."""

import pytest

from jobs.orders import USAGE, Order, Verb, read

KNOWN = {"trueup/web", "trueup/api", "shop/api"}


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("/trueup plan", Order(Verb.PLAN)),
        ("/trueup   sync\tweb trueup/api web", Order(Verb.SYNC, ("trueup/web", "trueup/api"))),
        ("/trueup sync", Order(Verb.SYNC)),
        ("/trueup pause 2h migration of web", Order(Verb.PAUSE, seconds=7200.0, reason="migration of web")),
        ("/trueup pause web until Monday", Order(Verb.PAUSE, ("trueup/web",), reason="until Monday")),
        ("/trueup rollback web 3f1c9a2 too slow", Order(Verb.ROLLBACK, ("trueup/web",), to="3f1c9a2", reason="too slow")),
        ("/trueup rollback web", Order(Verb.ROLLBACK, ("trueup/web",))),
        ("/trueup resume", Order(Verb.RESUME)),
        ("/trueup approve web", Order(Verb.APPROVE, ("trueup/web",))),
        ("/trueup help", Order(Verb.HELP)),
        ("/trueup", "there is no command"),
        ("/trueup delete everything", "there is no command delete"),
        ("/trueup sync api", "no application of this repository is called api"),
        ("/trueup sync web other", "no application of this repository is called other"),
        ("/trueup plan now", "no application of this repository is called now"),
        ("/trueup pause", "a pause needs a reason: /trueup pause 2h migration of the database"),
        ("/trueup pause 2h", "a pause needs a reason: /trueup pause 2h migration of the database"),
        ("/trueup pause 0s x", "a pause is longer than nothing and at most a year: 30m, 2h, 3d"),
        ("/trueup pause 99999d x", "a pause is longer than nothing and at most a year: 30m, 2h, 3d"),
    ],
)
def test_a_command_is_read_or_explained(text, order):
    assert read(text, KNOWN) == order


def test_every_command_is_explained():
    assert [verb for verb in Verb if f"/trueup {verb}" not in USAGE] == [Verb.HELP]
