"""No value of a Secret is seen; that it differs, is."""

import pytest

from reconciler.plan.redact import MASK, mask, mask_pair, redact_message, secret_values
from tests.reconciler.plan.made import document

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def secret(**fields):
    return document("v1", "Secret", **fields)


@pytest.mark.parametrize(
    ("shown", "masked"),
    [
        pytest.param(secret(data={"a": "MQ=="}), secret(data={"a": MASK}), id="data"),
        pytest.param(secret(stringData={"a": "1"}), secret(stringData={"a": MASK}), id="stringData"),
        pytest.param(secret(data="hunter2"), secret(data=MASK), id="data of another shape"),
        pytest.param(
            secret(metadata={"annotations": {LAST_APPLIED: "hunter2", "a": "1"}}),
            secret(metadata={"annotations": {LAST_APPLIED: MASK, "a": "1"}}),
            id="the copy that kubectl keeps",
        ),
        pytest.param(document(data={"a": "1"}), document(data={"a": "1"}), id="no Secret"),
    ],
)
def test_a_document_is_masked(shown, masked):
    assert mask(shown) == masked


def test_masking_leaves_the_document_itself():
    written = secret(data={"a": "MQ=="}, metadata={"annotations": {LAST_APPLIED: "x"}})
    mask(written)
    assert written == secret(data={"a": "MQ=="}, metadata={"annotations": {LAST_APPLIED: "x"}})


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        pytest.param({"a": "1", "b": "2"}, {"a": "3", "b": "2"}, {"a": "*** (before)", "b": MASK}, {"a": "*** (after)", "b": MASK},
                     id="one differs"),
        pytest.param({"a": "1"}, {"b": "1"}, {"a": MASK}, {"b": MASK}, id="one came, one went"),
        pytest.param("x", {"b": "1"}, MASK, {"b": MASK}, id="another shape"),
    ],
)  # fmt: skip
def test_two_versions_are_masked_so_that_one_sees_what_differs(old, new, before, after):
    assert mask_pair(secret(data=old), secret(data=new)) == (secret(data=before), secret(data=after))


def test_a_config_map_is_neither_masked_nor_changed():
    old, new = document(data={"a": "1"}), document(data={"a": "2"})
    assert mask_pair(old, new) == (document(data={"a": "1"}), document(data={"a": "2"}))


def test_a_new_secret_is_masked():
    assert mask_pair({}, secret(data={"a": "MQ=="})) == ({}, secret(data={"a": MASK}))


def test_a_message_that_quotes_a_secret_is_masked():
    values = secret_values(secret(data={"a": "aHVudGVyMg=="}, stringData={"b": "correct horse", "c": "a"}))
    message = 'Invalid value: "hunter2" of aHVudGVyMg==, correct horse, Y29ycmVjdCBob3JzZQ== at a'
    assert redact_message(message, values) == f'Invalid value: "{MASK}" of {MASK}, {MASK}, {MASK} at a'


def test_a_longer_value_is_masked_before_the_one_within_it():
    assert redact_message("hunter2-admin", ["hunter2", "hunter2-admin"]) == MASK


@pytest.mark.parametrize(
    ("written", "values"),
    [
        pytest.param(document(data={"a": "hunter2"}), frozenset(), id="no Secret"),
        pytest.param(secret(), frozenset(), id="empty"),
        pytest.param(secret(data={"a": "/w=="}), {"/w==", "L3c9PQ=="}, id="bytes that are no text"),
        pytest.param(secret(stringData={"a": 12345}), frozenset(), id="no text at all"),
    ],
)
def test_what_would_betray_a_secret(written, values):
    assert secret_values(written) == values
