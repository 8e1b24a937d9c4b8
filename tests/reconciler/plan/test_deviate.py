"""Whether the values of a live object may differ: never wrong where it says no."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.deviate import may_deviate


@pytest.mark.parametrize(
    ("desired", "live", "may"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, False, id="what only the live one has does not matter"),
        pytest.param({"a": 1}, {"a": 2}, True, id="another value"),
        pytest.param({"a": 1}, {}, True, id="a value that is gone"),
        pytest.param({"a": {}, "b": [], "c": "", "d": 0, "e": False}, {}, False, id="empty values are left out by the server"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 1, "c": 1}}, False, id="deeper"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1, 3]}, False, id="a set"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, True, id="a member that is gone"),
        pytest.param(
            {"a": [{"name": "x", "v": 1}]}, {"a": [{"name": "y", "v": 1}, {"name": "x", "v": 1, "w": 1}]}, False, id="items"
        ),
        pytest.param(
            {"a": [{"name": "x", "v": 1}]}, {"a": [{"name": "x", "v": 2}, {"name": "y", "v": 1}]}, True, id="an item differs"
        ),
        pytest.param({"a": [{"v": 1}]}, {"a": [{"v": 1, "w": 1}]}, False, id="items without a name"),
        pytest.param({"cpu": "1000m"}, {"cpu": "1"}, True, id="another spelling: settled by the dry run"),
        pytest.param({"a": {"b": 1}}, {"a": "x"}, True, id="another type"),
        pytest.param({"a": [1]}, {"a": "x"}, True, id="no list"),
    ],
)
def test_what_may_differ(desired, live, may):
    assert may_deviate(desired, live) is may


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=3))
def test_a_document_does_not_differ_from_itself(document):
    assert not may_deviate(document, document)
