"""Reading what custom resources write into their status, which may be anything."""

import pytest

from reconciler.health.conditions import condition, counted, is_current, items, number, of, part, reason_of, values


@pytest.mark.parametrize("status", [None, "fine", 3, [], ["Ready"], {"conditions": "Ready"}, {"conditions": ["Ready"]}])
def test_a_status_of_any_shape_is_read_without_a_fault(status):
    assert condition({"status": status}, "Ready") is None


def test_a_part_that_is_no_mapping_is_empty():
    assert part({"spec": ["a"]}, "spec") == {}


def test_items_that_are_no_mappings_are_left_out():
    assert list(items({"conditions": [1, {"type": "Ready"}, "x"]}, "conditions")) == [{"type": "Ready"}]


def test_a_condition_may_be_asked_for_by_its_status():
    document = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert condition(document, "Ready", "True") is None
    assert condition(document, "Ready", "False") == {"type": "Ready", "status": "False"}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param({"reason": "Failed", "message": "no luck"}, "Failed: no luck", id="both"),
        pytest.param({"message": "no luck", "reason": ""}, "no luck", id="message alone"),
        pytest.param({"message": " no luck\n"}, "no luck", id="with space around it"),
        pytest.param({"type": "Ready", "status": "Unknown"}, "Ready is Unknown", id="neither"),
        pytest.param({"type": "Ready"}, "Ready", id="no status either"),
        pytest.param({}, "", id="nothing at all"),
    ],
)
def test_the_reason_of_a_condition(found, told):
    assert reason_of(found) == told


@pytest.mark.parametrize(
    ("found", "generation", "current"),
    [
        pytest.param({"observedGeneration": 2}, 2, True, id="of this generation"),
        pytest.param({"observedGeneration": 1}, 2, False, id="of an older one"),
        pytest.param({}, 2, True, id="does not tell"),
        pytest.param({"observedGeneration": 2}, None, True, id="kind without generations"),
    ],
)
def test_whether_a_condition_is_of_the_present_generation(found, generation, current):
    assert is_current(found, {"metadata": {"generation": generation}}) is current


def test_things_are_counted_in_words():
    assert [counted(n, "replica") for n in (0, 1, 2)] == ["0 replicas", "1 replica", "2 replicas"]


def test_a_part_of_the_whole_in_words():
    assert of(2, 3, "replica") == "2 of 3 replicas"


@pytest.mark.parametrize(
    ("status", "found"), [({"replicas": 3}, 3), ({"replicas": "3"}, 1), ({"replicas": None}, 1), ({}, 1)], ids=repr
)
def test_a_number_that_is_none_is_the_default(status, found):
    assert number(status, "replicas", 1) == found


DOCUMENT = {
    "metadata": {"annotations": {"cnpg.io/hibernation": "on"}},
    "status": {
        "phase": "Ready",
        "parents": [{"name": "a"}, {"name": "b"}, "odd", {}],
        "details": {"x": {"is": 1}, "y": {"is": 2}},
        "n": None,
    },
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("status.phase", ("Ready",), id="a field"),
        pytest.param("status.parents.name", ("a", "b"), id="through a list"),
        pytest.param("status.details.*.is", (1, 2), id="through every key"),
        pytest.param("metadata.annotations[cnpg.io/hibernation]", ("on",), id="a key with dots"),
        pytest.param("status.phase.more", (), id="beyond the end"),
        pytest.param("status.n", (), id="null is nothing"),
        pytest.param("spec.replicas", (), id="not there"),
    ],
)
def test_everything_at_a_path(path, found):
    assert values(DOCUMENT, path) == found
