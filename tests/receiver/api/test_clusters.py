"""Strays of a cluster, asked of its holder."""

import pytest

from receiver.api.clusters import ask

STRAYS = "/api/v1/clusters/in-cluster/strays"
FOUND = {"object": "web/ConfigMap/b", "identity": "/ConfigMap:web/b"}


@pytest.mark.parametrize(
    ("query", "is_searched"), [("", False), ("?search=true", True), ("?search=false", False), ("?search=%ff", False)]
)
async def test_the_holder_is_asked_and_looks_where_it_is_told_to(door, holder, query, is_searched):
    holder["answer"] = {"items": [FOUND]}
    answer = await door.ask("GET", STRAYS + query)
    assert answer.status == 200
    assert [item["object"] for item in answer.json["items"]] == ["web/ConfigMap/b"]
    assert holder["asked"] == {"strays": is_searched}


async def test_what_a_holder_cannot_answer_is_a_conflict_with_its_reason(door, holder):
    holder["error"] = "this worker does not know the question"
    answer = await door.ask("GET", STRAYS)
    assert (answer.status, answer.json["detail"]) == (409, "this worker does not know the question")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        pytest.param("/api/v1/clusters/elsewhere/strays", "no worker has reached the cluster elsewhere", id="never reached"),
        pytest.param(STRAYS, "is one running?", id="nobody answers"),
    ],
)
async def test_without_a_holder_everybody_is_asked_to_come_again(door, monkeypatch, path, told):
    monkeypatch.setattr("receiver.api.clusters.ASK_SECONDS", 0.1)
    monkeypatch.setitem(ask.__kwdefaults__, "timeout_seconds", 0.1)
    await door.front.redis.hset(door.front.keys.clusters, "in-cluster", "uid-1")
    answer = await door.ask("GET", path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert told in answer.json["detail"]
