import pytest

from trueup.sandbox.kinds import Kinds
from trueup.sandbox.patch import JSON_PATCH, MERGE, STRATEGIC, json_patch, patched, strategic_merge
from trueup.sandbox.schema import named
from trueup.sandbox.status import Refused

DEPLOYMENTS = Kinds().of("apps", "deployments")


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        pytest.param([{"op": "add", "path": "/b", "value": 2}], {"a": [1, 2], "b": 2}, id="add a field"),
        pytest.param([{"op": "add", "path": "/a/0", "value": 0}], {"a": [0, 1, 2]}, id="add an item"),
        pytest.param([{"op": "add", "path": "/a/-", "value": 3}], {"a": [1, 2, 3]}, id="add at the end"),
        pytest.param([{"op": "remove", "path": "/a/1"}], {"a": [1]}, id="remove an item"),
        pytest.param([{"op": "replace", "path": "/a", "value": []}], {"a": []}, id="replace"),
        pytest.param([{"op": "move", "from": "/a", "path": "/b"}], {"b": [1, 2]}, id="move"),
        pytest.param([{"op": "copy", "from": "/a/0", "path": "/b"}], {"a": [1, 2], "b": 1}, id="copy"),
        pytest.param([{"op": "add", "path": "/x~1y~0z", "value": 1}], {"a": [1, 2], "x/y~z": 1}, id="escaped"),
    ],
)
def test_json_patch(steps, result):
    before = {"a": [1, 2]}
    assert json_patch(before, steps) == result
    assert before == {"a": [1, 2]}


@pytest.mark.parametrize(
    "step",
    [
        {"op": "test", "path": "/a", "value": 1},
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/a/7", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1},
    ],
)
def test_a_step_that_does_not_apply_is_refused_with_422(step):
    with pytest.raises(Refused) as caught:
        patched(DEPLOYMENTS, JSON_PATCH, {"a": [1, 2]}, [step])
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [pytest.param(JSON_PATCH, {}, id="an object for steps"), pytest.param(MERGE, [], id="a list"), pytest.param(STRATEGIC, "x", id="text")],
)  # fmt: skip
def test_what_is_no_patch_is_refused_with_400(content_type, patch):
    with pytest.raises(Refused) as caught:
        patched(DEPLOYMENTS, content_type, {}, patch)
    assert caught.value.code == 400


LIVE = {
    "containers": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "b:1"}],
    "hostIPC": True,
}


@pytest.mark.parametrize(
    ("patch", "names"),
    [
        pytest.param({"containers": [{"name": "c", "image": "c:1"}]}, ["a", "b", "c"], id="an item more"),
        pytest.param({"containers": [{"name": "a", "$patch": "delete"}]}, ["b"], id="an item less"),
        pytest.param({"containers": [{"$patch": "replace"}, {"name": "c"}]}, ["c"], id="all others"),
        pytest.param({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}, ["b", "a"], id="another order"),
        pytest.param({"$retainKeys": ["containers"]}, ["a", "b"], id="nothing else"),
    ],
)
def test_strategic_merge(patch, names):
    result = strategic_merge(named("core.v1.PodSpec"), LIVE, patch)
    assert [each["name"] for each in result["containers"]] == names
    assert ("hostIPC" in result) is ("$retainKeys" not in patch)


def test_members_are_taken_out_of_a_list_of_texts():
    patch = {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}
    assert strategic_merge(named("meta.v1.ObjectMeta"), {"finalizers": ["a", "b"]}, patch) == {"finalizers": ["b", "c"]}


def test_an_item_without_its_key_is_refused():
    with pytest.raises(Refused, match="does not contain declared merge key"):
        strategic_merge(named("core.v1.PodSpec"), LIVE, {"containers": [{"image": "x"}]})
