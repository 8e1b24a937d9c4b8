"""`trueup app orphans` and `remove`: what was left is shown before exactly that is removed."""

import json

import pytest

from tests.servers.command_line import ask

LEFT = {
    "application": "trueup/web", "cluster": "in-cluster", "reason": "trueup/web is not declared any more",
    "objects": ["web/ConfigMap/a", "web/ConfigMap/b"], "digest": "d1",
}  # fmt: skip
AWAY = LEFT | {"cluster": "edge", "objects": ["web/ConfigMap/c"], "digest": "d2"}


def tell(story, *items, unknown=None):
    answer = {"items": list(items), "unknown": unknown or {}}
    story.tell("GET", "/api/v1/orphans", answer)
    return answer


def test_what_was_left_is_listed_with_the_command_that_removes_it(story):
    answer = tell(story, LEFT, AWAY)
    found = ask(story, "app", "orphans")
    assert "trueup/web in in-cluster: trueup/web is not declared any more\n  web/ConfigMap/a\n  web/ConfigMap/b\n" in found.out
    assert "  remove with: trueup app remove trueup/web --digest d1\n" in found.out
    assert "  remove with: trueup app remove trueup/web --cluster edge --digest d2\n" in found.out
    assert json.loads(ask(story, "app", "orphans", "--json").out) == answer


@pytest.mark.parametrize(
    ("unknown", "out", "err"),
    [
        pytest.param({}, "nothing was left\n", "", id="all is known"),
        pytest.param({"edge": "no holder"}, "", "edge: not known: no holder\n", id="nothing is, where a cluster does not say"),
    ],
)
def test_nothing_is_only_said_where_all_is_known(story, unknown, out, err):
    tell(story, unknown=unknown)
    found = ask(story, "app", "orphans")
    assert (found.out, found.err) == (out, err)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param(["web"], "web/ConfigMap/a", id="in the cluster"),
        pytest.param(["web", "--cluster", "edge"], "web/ConfigMap/c", id="in another one"),
    ],
)
def test_without_a_digest_it_is_shown_and_nothing_is_removed(story, arguments, shown):
    tell(story, AWAY, LEFT)
    found = ask(story, "app", "remove", *arguments)
    assert shown in found.out
    assert found.out.count("remove with") == 1
    assert "nothing was removed" in found.err
    assert found.code == 4


def test_what_left_nothing_is_not_removed(story):
    tell(story, AWAY)
    found = ask(story, "app", "remove", "web")
    assert "trueup/web has left nothing in in-cluster" in found.err
    assert found.code == 1
