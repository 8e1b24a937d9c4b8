"""Walking fieldsV1."""

import pytest

from reconciler.model.patterns import FieldPattern
from reconciler.plan.fieldset import beside, held_at, holds, is_named, leaves, less, split, union

DOCUMENT = {"spec": {"ports": [{"port": 53}, {"port": 80}], "args": ["a", "b"], "finalizers": ["x", "y"], "replicas": 3}}
PORT_53 = 'k:{"port":53,"protocol":"TCP"}'


@pytest.mark.parametrize(
    ("fields", "path", "held"),
    [
        pytest.param({"f:spec": {"f:replicas": {}}}, ("spec", "replicas"), True, id="the field"),
        pytest.param({"f:spec": {"f:paused": {}}}, ("spec", "replicas"), False, id="another field"),
        pytest.param({"f:spec": {"f:args": {}}}, ("spec", "args"), True, id="the atomic list"),
        pytest.param({"f:spec": {}}, ("spec", "replicas"), True, id="an atomic map around it"),
        pytest.param({"f:spec": {".": {}}}, ("spec", "replicas"), False, id="only the map itself"),
        pytest.param({"f:spec": {"f:ports": {PORT_53: {".": {}}}}}, ("spec", "ports", 0), True, id="the item"),
        pytest.param({"f:spec": {"f:ports": {PORT_53: {".": {}}}}}, ("spec", "ports", 1), False, id="another item"),
        pytest.param({"f:spec": {"f:ports": {PORT_53: {"f:port": {}}}}}, ("spec", "ports", 0, "port"), True, id="in the item"),
        pytest.param({"f:spec": {"f:finalizers": {'v:"y"': {}}}}, ("spec", "finalizers", 1), True, id="the set's member"),
        pytest.param({"f:spec": {"f:finalizers": {'v:"y"': {}}}}, ("spec", "finalizers", 0), False, id="another member"),
        pytest.param({"f:spec": {"f:ports": {PORT_53: {}}}}, ("spec",), True, id="something in it"),
        pytest.param(
            {"f:spec": {"f:replicas": {"f:x": {}}}}, ("spec", "replicas", "x", "y"), True, id="a leaf where we have more"
        ),
        pytest.param({}, ("spec",), False, id="an entry without fields"),
    ],
)
def test_who_holds_a_field(fields, path, held):
    assert holds(fields, DOCUMENT, path) is held


@pytest.mark.parametrize(
    ("theirs", "ours", "paths"),
    [
        pytest.param({"f:spec": {"f:a": {}, "f:b": {}}}, {"f:spec": {"f:a": {}}}, [("spec", "b")], id="a field"),
        pytest.param({"f:spec": {".": {}, "f:a": {}}}, {"f:spec": {"f:a": {}}}, [], id="the container is no field"),
        pytest.param({"f:spec": {"f:a": {"f:x": {}}}}, {}, [("spec",)], id="the highest"),
        pytest.param({"f:a": {"f:x": {}}}, {"f:a": {}}, [], id="within an atomic value of ours"),
        pytest.param({"f:p": {PORT_53: {}}}, {"f:p": {"f:x": {}}}, [("p", "[port=53,protocol=TCP]")], id="an item by its keys"),
        pytest.param({"f:s": {'v:"x"': {}}}, {"f:s": {'v:"y"': {}}}, [("s", '["x"]')], id="a set's member"),
    ],
)
def test_what_stands_beside_ours(theirs, ours, paths):
    assert list(beside(theirs, ours)) == paths


def test_the_union_has_all_fields_of_both():
    ours, theirs = {"f:a": {"f:x": {}}}, [{"f:a": {"f:y": {}}, "f:b": {}}, {"f:a": {"f:z": {}}}]
    assert union(ours, theirs) == {"f:a": {"f:x": {}, "f:y": {}, "f:z": {}}, "f:b": {}}
    assert ours == {"f:a": {"f:x": {}}}


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        pytest.param({"f:a": {"f:b": {}}}, {"f:a": {"f:b": {}}}, id="not there"),
        pytest.param({"f:a": {".": {}, "f:no": {}}}, {}, id="with its container, when that held nothing else"),
        pytest.param({"f:a": {".": {}, "f:no": {}, "f:b": {}}}, {"f:a": {"f:b": {}}}, id="and the hold on its container"),
        pytest.param({"f:a": {".": {}, "f:m": {"f:no": {}}}, "f:b": {}}, {"f:b": {}}, id="with every container around it"),
        pytest.param({"f:a": {".": {}}}, {"f:a": {".": {}}}, id="an empty container stays"),
    ],
)
def test_a_set_without_an_element(fields, rest):
    assert less(fields, "f:no") == rest


@pytest.mark.parametrize(
    ("fields", "path", "at"),
    [
        pytest.param({"f:spec": {"f:replicas": {}}}, ("spec", "replicas"), ("spec", "replicas"), id="a field"),
        pytest.param({"f:spec": {"f:args": {}}}, ("spec", "args", 1), ("spec", "args"), id="in a list that is one value"),
        pytest.param({"f:spec": {".": {}}}, ("spec", "replicas"), None, id="only the map around it"),
        pytest.param(
            {"f:spec": {"f:finalizers": {'v:"y"': {}}}}, ("spec", "finalizers", 1), ("spec", "finalizers", 1), id="member"
        ),
        pytest.param(
            {"f:spec": {"f:ports": {PORT_53: {"f:x": {}}}}}, ("spec", "ports", 0, "x"), ("spec", "ports", 0, "x"), id="item"
        ),
        pytest.param({"f:spec": {"f:ports": {PORT_53: {"f:port": {}}}}}, ("spec", "ports", 0, "port"), None, id="an item's key"),
        pytest.param(
            {"f:spec": {"f:ports": {PORT_53: {".": {}}}}}, ("spec", "ports", 0), ("spec", "ports", 0), id="a whole item"
        ),
        pytest.param({"f:spec": {"f:ports": {PORT_53: {".": {}}}}}, ("spec", "ports", 1, "port"), None, id="another item"),
        pytest.param({}, ("spec", "replicas"), None, id="nothing"),
    ],
)
def test_where_a_field_is_held(fields, path, at):
    document = {"spec": {**DOCUMENT["spec"], "ports": [{"port": 53, "x": 1}, {"port": 80}]}}
    assert held_at(fields, document, path) == at


WEB, SIDE = 'k:{"name":"web"}', 'k:{"name":"side"}'
CONTAINERS = {WEB: {".": {}, "f:name": {}, "f:image": {}, "f:args": {}}, SIDE: {".": {}, "f:name": {}, "f:image": {}}}


@pytest.mark.parametrize(
    ("pattern", "fields", "meant", "others"),
    [
        pytest.param("a.b", {"f:a": {"f:b": {}, "f:c": {}}}, {"f:a": {"f:b": {}}}, {"f:a": {"f:c": {}}}, id="a field"),
        pytest.param("a", {"f:a": {"f:b": {}}}, {"f:a": {"f:b": {}}}, {}, id="and all below it"),
        pytest.param("a.x", {"f:a": {"f:b": {}}}, {}, {"f:a": {"f:b": {}}}, id="not there"),
        pytest.param("a.x", {"f:a": {".": {}}}, {}, {"f:a": {".": {}}}, id="an empty container stays"),
        pytest.param("a.b", {"f:a": {".": {}, "f:b": {}}}, {"f:a": {"f:b": {}}}, {}, id="the container is not given up with it"),
        pytest.param("a.b", {"f:a": {".": {}, "f:b": {}, "f:c": {}}}, {"f:a": {"f:b": {}}}, {"f:a": {"f:c": {}}},
                     id="nor beside another"),
        pytest.param("a.0", {"f:a": {}}, {"f:a": {}}, {}, id="a list that is one value is not divided"),
        pytest.param("c[name=web].image", {"f:c": CONTAINERS}, {"f:c": {WEB: {"f:image": {}}}},
                     {"f:c": {WEB: {"f:args": {}}, SIDE: CONTAINERS[SIDE]}}, id="in an item, which is not given up"),
        pytest.param("c[*].image", {"f:c": CONTAINERS}, {"f:c": {WEB: {"f:image": {}}, SIDE: {"f:image": {}}}},
                     {"f:c": {WEB: {"f:args": {}}}}, id="in every item"),
        pytest.param("c[name=side]", {"f:c": CONTAINERS}, {"f:c": {SIDE: CONTAINERS[SIDE]}}, {"f:c": {WEB: CONTAINERS[WEB]}},
                     id="an item that Git does not have"),
        pytest.param("c[image=web:1].args", {"f:c": CONTAINERS}, {"f:c": {WEB: {"f:args": {}}}},
                     {"f:c": {WEB: {"f:image": {}}, SIDE: CONTAINERS[SIDE]}}, id="an item by what it has in Git"),
        pytest.param("/c/0/args", {"f:c": CONTAINERS}, {"f:c": {WEB: {"f:args": {}}}},
                     {"f:c": {WEB: {"f:image": {}}, SIDE: CONTAINERS[SIDE]}}, id="an item by its place in Git"),
        pytest.param("s[*]", {"f:s": {'v:"x"': {}, ".": {}}}, {"f:s": {'v:"x"': {}}}, {}, id="members of a set"),
    ],
)  # fmt: skip
def test_a_set_is_divided_by_a_pattern(pattern, fields, meant, others):
    document = {"c": [{"name": "web", "image": "web:1"}], "s": []}
    assert split(fields, [FieldPattern.parse(pattern).parts], document) == (meant, others)


def test_leaves_are_found_at_any_depth():
    assert list(leaves({".": {}, "f:a": {"f:b": {}, "f:c": {"f:d": {}}}})) == [("a", "b"), ("a", "c", "d")]


@pytest.mark.parametrize(
    ("element", "item", "named"),
    [
        ('k:{"name":"a"}', {"name": "a", "x": 1}, True),
        ('k:{"name":"a"}', {"name": "b"}, False),
        (PORT_53, {"port": 53}, True),
        (PORT_53, "53", False),
        ('v:"a"', {"name": "a"}, False),
    ],
)
def test_whether_an_element_names_an_item(element, item, named):
    assert is_named(element, item) is named
