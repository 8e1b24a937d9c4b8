"""Objects name the fields that are masked: what is written is found again, in whatever order and shape the object is met later."""

import pytest

from reconciler.plan.marks import MASKED
from reconciler.plan.masked import MOST_LETTERS, MOST_PATHS, covered, find, is_masked, marked, masked_paths, naming_key, values

SECRET = "hunter2"


def has(value):
    return isinstance(value, str) and SECRET in value


def document(**fields):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, **fields}


def text(found):
    return found["metadata"]["annotations"][MASKED]


CONTAINERS = {"spec": {"containers": [{"name": "web", "env": [{"name": "A", "value": SECRET}, {"name": "B", "value": "b"}]}]}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"data": {"a": SECRET, "b": "b"}}, "data.a", id="a field"),
        pytest.param({"data": {"app.properties": f"x={SECRET}"}}, "data[app.properties]", id="a name with a dot"),
        pytest.param(CONTAINERS, "spec.containers[name=web].env[name=A].value", id="items of lists by name"),
        pytest.param({"args": ["a", f"--p={SECRET}"]}, "args", id="a list of texts"),
        pytest.param({"rules": [{"x": 1, "y": SECRET}, {"z": 2}]}, "rules", id="items without names"),
        pytest.param({"env": [{"name": SECRET, "value": "x"}]}, "env", id="an item that is named by it"),
        pytest.param({"data": {"a]b": SECRET}}, "data", id="a name that cannot be printed"),
        pytest.param({"env": [{"name": "a,b", "value": SECRET}]}, "env", id="an item's name that cannot be printed"),
        pytest.param({"a": SECRET, "b": {"c": [[SECRET]]}}, "a\nb.c", id="several"),
        pytest.param({"metadata": {"name": "a", "labels": {"l": SECRET}}}, "metadata.labels.l", id="a label"),
    ],
)  # fmt: skip
def test_what_is_hidden_is_named(fields, said):
    written = document(**fields)
    found = marked(written, find(written, has))
    assert text(found) == said
    shown = covered(found, masked_paths(found), lambda *_: "***")
    assert SECRET not in str(shown)


@pytest.mark.parametrize("name", ["apiVersion", "kind"])
def test_what_an_object_is_called_by_is_shown(name):
    written = document(**{name: SECRET})
    assert find(written, has) == frozenset()
    assert find(document(metadata={"name": SECRET, "namespace": SECRET}), has) == frozenset()


@pytest.mark.parametrize("said", ["metadata", "metadata.name", "kind", "", "\n\n", "[]", "[", "]x["])
def test_no_annotation_hides_what_an_object_is_called_by(said):
    found = document(metadata={"name": "a", "annotations": {MASKED: said}})
    assert covered(found, masked_paths(found), lambda *_: "***") == found


@pytest.mark.parametrize("metadata", [None, [], {"annotations": []}, {"annotations": {MASKED: 1}}])
def test_broken_metadata_names_nothing(metadata):
    found = {"kind": "A", "metadata": metadata}
    assert not is_masked(found)
    assert find({**found, "x": SECRET}, has) == {("x",)}


def test_what_people_wrote_stays():
    found = marked(document(metadata={"name": "a", "annotations": {MASKED: "spec.mine", "x": "y"}}), {("data", "a")})
    assert found["metadata"]["annotations"] == {MASKED: "data.a\nspec.mine", "x": "y"}


def test_nothing_hidden_changes_nothing():
    written = document(data={"a": "b"})
    assert marked(written, find(written, has)) is written


def test_of_very_many_what_holds_them_is_named():
    written = document(data={f"a{number}": SECRET for number in range(MOST_PATHS + 1)}, one=SECRET)
    found = marked(written, find(written, has))
    assert text(found) == "data\none"
    long = document(metadata={"name": "a", "annotations": {"x" * MOST_LETTERS: SECRET, "y": "z"}})
    assert text(marked(long, find(long, has))) == "metadata.annotations"


@pytest.mark.parametrize(
    ("live", "shown"),
    [
        pytest.param({"env": [{"name": "B", "v": "b"}, {"name": "A", "v": "1"}]}, {"env": [{"name": "B", "v": "b"}, {"name": "A", "v": "*"}]},
                     id="another order"),
        pytest.param({"env": [{"name": "A", "v": {"x": 1}}]}, {"env": [{"name": "A", "v": "*"}]}, id="another shape"),
        pytest.param({"env": "secret"}, {"env": "*"}, id="a text where fields were"),
        pytest.param({"env": None}, {"env": None}, id="nothing"),
        pytest.param({}, {}, id="gone"),
    ],
)  # fmt: skip
def test_a_live_object_is_covered_whatever_became_of_it(live, shown):
    assert covered(live, {("env", "name=A", "v")}, lambda *_: "*") == shown


def test_an_item_by_its_place_and_a_field_within_a_masked_one():
    found = {"a": [{"b": 1}, {"b": 2}], "metadata": {"annotations": {"x": "y", MASKED: "z"}}}
    paths = {("a", "1", "b"), ("a", "1"), ("metadata", "annotations")}
    assert covered(found, paths, lambda *_: "*") == {"a": [{"b": 1}, "*"], "metadata": {"annotations": {"x": "*", MASKED: "z"}}}
    assert dict(values(found, paths)) == {("a", "1"): {"b": 2}, ("metadata", "annotations", "x"): "y"}


def test_a_hostile_number_of_items_ends_at_once():
    paths = [("a", f"name={number}") for number in range(10_000)]
    assert covered({"a": [{"name": str(number)} for number in range(10_000)]}, paths, lambda *_: "*") == {"a": "*"}


@pytest.mark.parametrize(
    ("items", "key"),
    [
        ([{"name": "a"}, {"name": "b"}], "name"),
        ([{"name": "a"}, {"name": "a"}], None),
        ([{"port": 1}, {"port": 2}], "port"),
        ([], None),
        ([1], None),
    ],
)  # fmt: skip
def test_what_names_items(items, key):
    assert naming_key(items) == key
