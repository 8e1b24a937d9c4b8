"""The messages are a real API server's; that it still answers so is for tests/contract/test_refusals.py to say."""

import orjson
import pytest

from reconciler.errors import ApplyRefused, ClusterUnavailable
from reconciler.kube.refusal import refusal
from reconciler.model.objects import ObjectKey

WEB = ObjectKey("apps", "Deployment", "shop", "web")
PASSWORD = ObjectKey("", "Secret", "shop", "password")
UNTYPED = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): "
UNCONVERTED = (
    "failed to convert new object (shop/web; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object "
)
UNCONVERTED += "to apps/v1, Kind=Deployment: "


def said(status, message, key=WEB, retry_after="", **body):
    return refusal(status, orjson.dumps({"message": message, **body}), key, retry_after)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        pytest.param(
            f"{UNTYPED}.spec.surplus: field not declared in schema", ".spec.surplus: field not declared", id="unknown field"
        ),
        pytest.param(f"{UNTYPED}.spec.replicas: expected numeric", ".spec.replicas: expected numeric", id="wrong type"),
        pytest.param(f"{UNTYPED}.spec: element 0: associative list with keys may not have", ".spec: element 0", id="no item"),
        pytest.param(f"{UNCONVERTED}quantities must match", "quantities must match", id="no quantity"),
        pytest.param(f"{UNCONVERTED}cannot convert float64 to int32", "cannot convert float64", id="half a number"),
        pytest.param(f"{UNCONVERTED}error decoding from json: illegal base64 data", "illegal base64 data", id="no base64"),
    ],
)
def test_bad_input_that_is_answered_with_500_is_not_tried_again(message, shown):
    error = said(500, message)
    assert isinstance(error, ApplyRefused)
    assert str(error).startswith(f"apply shop/Deployment/web: {shown}")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("etcdserver: request timed out", id="store"),
        pytest.param('Internal error occurred: failed calling webhook "x": Post "https://x/": unexpected EOF', id="webhook"),
        pytest.param("request to convert CR to an invalid group/version: example.com/v1alpha1", id="what we mend ourselves"),
        pytest.param("", id="nothing"),
    ],
)
def test_any_other_500_is_tried_again(message):
    assert isinstance(said(500, message), ClusterUnavailable)


@pytest.mark.parametrize(
    ("status", "message", "mend"),
    [
        (403, 'configmaps "a" is forbidden: exceeded quota: q, requested: count/configmaps=1', "raise the quota"),
        (403, 'configmaps "a" is forbidden: because it is being terminated', "wait until it is gone"),
        (403, 'configmaps "a" is forbidden: User "x" cannot patch resource', "give Trueup's service account this right"),
        (404, 'namespaces "shop" not found', "create the namespace"),
    ],
)
def test_a_refusal_ends_with_the_mend(status, message, mend):
    assert mend in str(said(status, message))


def test_values_of_secrets_are_in_no_message():
    causes = [{"field": "data[a]", "message": 'Invalid value: "s3cret": must be'}]
    error = said(422, "", PASSWORD, reason="Invalid", details={"causes": causes})
    assert "s3cret" not in str(error)
    assert "data[a]: Invalid value: ***" in str(error)


def test_patience_is_asked_for_in_seconds():
    assert said(429, "too many requests", retry_after="7").retry_seconds == 7.0
    assert said(429, "too many requests").retry_seconds


def test_a_kind_that_has_just_come_asks_for_no_patience():
    assert said(429, "storage is (re)initializing", retry_after="1").retry_seconds is None
