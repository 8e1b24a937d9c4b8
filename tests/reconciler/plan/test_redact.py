"""No value of a Secret is seen; that it differs, is."""

import pytest

from reconciler.model.declared import Instance
from reconciler.model.objects import RawDocument
from reconciler.plan.manifest import Stamp, prepare
from reconciler.plan.marks import MASKED
from reconciler.plan.redact import AFTER, BEFORE, MASK, mask, mask_pair, redact_message, secret_values, told_path
from tests.reconciler.plan.made import KINDS, SEAL_KEY, SHOP, document

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
        pytest.param(secret(stringData={"a": 12345}), {"12345", "MTIzNDU="}, id="no text at all"),
    ],
)
def test_what_would_betray_a_secret(written, values):
    assert secret_values(written) == values


def marked(data, paths="data.a", **more):
    return document(data=data, metadata={"name": "web", "annotations": {MASKED: paths}}, **more)


MARKED = {"name": "web", "annotations": {MASKED: "data.a"}}
PLAIN = {"name": "web"}


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        pytest.param((MARKED, {"a": "hunter2"}), (MARKED, {"a": "hunter2"}), {"a": MASK}, {"a": MASK}, id="the same"),
        pytest.param((MARKED, {"a": "hunter2"}), (MARKED, {"a": "other"}), {"a": "*** (before)"}, {"a": "*** (after)"}, id="it differs"),
        pytest.param((PLAIN, {"a": "hunter2"}), (MARKED, {"a": "other"}), {"a": "*** (before)"}, {"a": "*** (after)"}, id="the newer names it"),
        pytest.param((MARKED, {"a": "hunter2"}), (PLAIN, {"b": "x"}), {"a": MASK}, {"b": "x"}, id="the older names it"),
        pytest.param((MARKED, {"a": "hunter2"}), (PLAIN, {"b": "u:hunter2"}), {"a": MASK}, {"b": "u:***"}, id="it moved"),
        pytest.param((MARKED, {"a": 12345, "b": "12345"}), (MARKED, {"a": 1}), {"a": BEFORE, "b": MASK}, {"a": AFTER}, id="numbers"),
    ],
)  # fmt: skip
def test_fields_that_an_object_names_are_masked_in_both_versions(old, new, before, after):
    (metadata, data), (newer, wanted) = old, new
    shown = mask_pair(document(data=data, metadata=metadata), document(data=wanted, metadata=newer))
    assert shown == (document(data=before, metadata=metadata), document(data=after, metadata=newer))


def test_a_marked_document_is_masked_with_the_copy_that_kubectl_keeps():
    annotations = {MASKED: "data.a\ndata.none", LAST_APPLIED: "hunter2", "note": "is hunter2"}
    shown = mask(document(data={"a": "hunter2", "b": "1"}, metadata={"name": "hunter2", "annotations": annotations}))
    assert shown["data"] == {"a": MASK, "b": "1"}
    assert shown["metadata"] == {"name": "hunter2", "annotations": {**annotations, LAST_APPLIED: MASK, "note": "is ***"}}


def test_a_marked_value_is_masked_in_lists_too_and_what_is_no_text_stays():
    shown = mask(marked({"a": "hunter2"}, spec={"args": ["--password=hunter2", 5, None], "replicas": 3}))
    assert shown["spec"] == {"args": ["--password=***", 5, None], "replicas": 3}


def test_values_of_marked_fields_betray_too():
    assert {"hunter2", "aHVudGVyMg==", "98765"} <= secret_values(marked({"a": ["hunter2", 98765], "b": "plain"}))
    assert secret_values(document(data={"a": "hunter2"})) == frozenset()


def test_a_path_tells_no_value():
    manifest = prepare([RawDocument(marked({"a": "hunter2"}), "")], Stamp(Instance(), SHOP, "shop", SEAL_KEY), KINDS)[0]
    assert told_path(("spec", "hosts", '["hunter2"]'), manifest) == 'spec.hosts["***"]'
    assert (
        manifest.digest
        != prepare([RawDocument(marked({"a": "hunter2"}), "")], Stamp(Instance(), SHOP, "shop", b"2" * 32), KINDS)[0].digest
    )
