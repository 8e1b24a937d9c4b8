"""`trueup cluster strays`."""

import json

import pytest

from tests.servers.command_line import ask


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ([], "/api/v1/clusters/in-cluster/strays"),
        (["prod"], "/api/v1/clusters/prod/strays"),
        (["--search"], "/api/v1/clusters/in-cluster/strays?search=true"),
    ],
)
def test_strays_are_listed(story, arguments, path):
    answer = {"items": [{"object": "web/ConfigMap/a", "identity": "/ConfigMap:web/a"}], "failed": ["metrics.k8s.io"]}
    story.tell("GET", path.partition("?")[0], answer)
    ended = ask(story, "cluster", "strays", *arguments)
    assert ended.code == 0
    assert [line.split() for line in ended.out.splitlines()] == [["OBJECT", "IDENTITY"], ["web/ConfigMap/a", "/ConfigMap:web/a"]]
    assert ended.err == "not looked at: metrics.k8s.io\n"
    assert story.seen[0][1] == path
    assert json.loads(ask(story, "cluster", "strays", *arguments, "--json").out) == answer


def test_a_name_cannot_lead_elsewhere(story):
    assert ask(story, "cluster", "strays", "../../healthz").code == 1
    assert story.seen[0][1].startswith("/api/v1/clusters/..%2F")
