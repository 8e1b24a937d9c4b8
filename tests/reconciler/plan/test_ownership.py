"""Each case is something that was done to an object on a real API server, and the entry it left behind."""

import pytest

from reconciler.plan.ownership import lost

PORTS = {
    'k:{"port":53,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:targetPort": {}},
    'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:port": {}, "f:protocol": {}},
}
TCP_WITHOUT_PROTOCOL = {"port": 53, "targetPort": 5353}
UDP = {"port": 53, "protocol": "UDP"}


@pytest.mark.parametrize(
    ("desired", "ours", "gone"),
    [
        pytest.param({"replicas": 3}, {"f:replicas": {}}, [], id="held"),
        pytest.param({"replicas": 3}, {}, [("replicas",)], id="scaled by someone"),
        pytest.param({"replicas": None}, {}, [], id="null is not set"),
        pytest.param({"args": ["a", "b"]}, {"f:args": {}}, [], id="atomic list held"),
        pytest.param({"args": ["a", "b"]}, {}, [("args",)], id="atomic list changed"),
        pytest.param({"labels": {"a": "1", "b": "2"}}, {"f:labels": {"f:a": {}}}, [("labels", "b")], id="one label of two"),
        pytest.param({"labels": {"a": "1"}}, {"f:labels": {".": {}}}, [("labels", "a")], id="map held, its only label taken"),
        pytest.param({"emptyDir": {}}, {"f:emptyDir": {}}, [], id="empty map"),
        pytest.param({"size": 3}, {"f:size": {"f:width": {}}}, [], id="a scalar where an older content of ours had a map"),
        pytest.param({"ports": [TCP_WITHOUT_PROTOCOL, UDP]}, {"f:ports": PORTS}, [], id="key filled in by the server"),
        pytest.param(
            {"ports": [TCP_WITHOUT_PROTOCOL, UDP]},
            {"f:ports": {'k:{"port":53,"protocol":"UDP"}': PORTS['k:{"port":53,"protocol":"UDP"}']}},
            [("ports", 0)],
            id="item without its key taken, its twin held",
        ),
        pytest.param(
            {"secrets": [{"name": "x"}]}, {"f:secrets": {'k:{"name":"x"}': {}}}, [], id="item that is nothing but its key"
        ),
        pytest.param({"finalizers": ["a<b&c"]}, {"f:finalizers": {'v:"a\\u003cb\\u0026c"': {}}}, [], id="set member, escaped"),
        pytest.param({"finalizers": ["a", "b"]}, {"f:finalizers": {'v:"a"': {}}}, [("finalizers", 1)], id="set member taken"),
    ],
)
def test_lost(desired, ours, gone):
    assert list(lost(desired, ours)) == gone


@pytest.mark.parametrize(
    ("others", "gone"),
    [
        pytest.param([], [], id="nobody has it"),
        pytest.param([{"f:spec": {"f:ingress": {}}}], [("spec", "ingress")], id="someone opened the policy"),
    ],
)
def test_an_empty_list_is_lost_when_somebody_else_holds_it(others, gone):
    assert list(lost({"spec": {"ingress": []}}, {"f:spec": {"f:podSelector": {}}}, others)) == gone
