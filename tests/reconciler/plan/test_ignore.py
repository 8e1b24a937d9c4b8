"""What is left to others, and that it is no longer sent only once they hold it."""

import pytest

from reconciler.plan.drift import lost_fields
from reconciler.plan.ignore import is_ignored, left_to_others, without
from tests.reconciler.plan.made import INSTANCE_ID, entry, key, live, manifest, ours
from tests.reconciler.plan.recorded import DESIRED, recorded

FIRST = ("webhooks", 'k:{"name":"first.example.com"}', "clientConfig", "caBundle")
SCALE = {"f:spec": {"f:replicas": {}}}
HPA = entry("kube-controller-manager", SCALE, subresource="scale")


def left(case):
    return left_to_others(recorded(case)[1], INSTANCE_ID.manager)


@pytest.mark.parametrize(
    ("case", "paths"),
    [
        pytest.param("applied", (), id="nobody scales"),
        pytest.param("autoscaled", (("spec", "replicas"),), id="an autoscaler does"),
        pytest.param("scaled", (), id="a person did"),
        pytest.param("autoscaled-then-scaled-by-hand", (), id="a person did after the autoscaler"),
        pytest.param("ca-injected", (FIRST,), id="one certificate of two was injected"),
    ],
)
def test_what_is_left_to_others(case, paths):
    assert left(case) == paths


@pytest.mark.parametrize(
    ("scaler", "paths"),
    [
        pytest.param(HPA, (("spec", "replicas"),), id="through scale"),
        pytest.param(entry("kube-controller-manager", SCALE), (), id="not through scale"),
        pytest.param(
            entry("keda", {"f:spec": {".": {}, "f:size": {}}}, subresource="scale"), (("spec", "size"),), id="other field"
        ),
        pytest.param(entry("keda", {"f:status": {}}, subresource="scale"), (), id="nothing of the spec"),
    ],
)
def test_replicas_are_left_to_who_scales_by_itself(scaler, paths):
    assert left_to_others(live(key("Deployment", group="apps"), ours(), scaler), "trueup") == paths


def test_what_only_we_hold_is_never_left_out():
    of = key("APIService", "v1.example.com", group="apiregistration.k8s.io", namespace="")
    mine = ours({"f:spec": {"f:caBundle": {}}})
    assert left_to_others(live(of, mine), "trueup") == ()
    injected = entry("injector", {"f:spec": {"f:caBundle": {}}})
    assert left_to_others(live(of, mine, injected), "trueup") == (("spec", "caBundle"),)


def test_replicas_are_dropped_from_what_is_sent_and_the_digest_stays():
    whole, _ = recorded("autoscaled")
    sent = without(whole, left("autoscaled"))
    assert "replicas" not in sent.document["spec"]
    assert sent.document["spec"]["template"] == whole.document["spec"]["template"]
    assert (sent.digest, sent.annotations) == (whole.digest, whole.annotations)


def test_only_the_injected_certificate_is_dropped():
    whole, _ = recorded("ca-injected")
    sent = without(whole, left("ca-injected"))
    assert ["caBundle" in webhook["clientConfig"] for webhook in sent.document["webhooks"]] == [False, True]


def test_nothing_left_to_others_is_the_manifest_itself():
    whole = manifest(DESIRED["deployment"])
    assert without(whole, ()) is whole


@pytest.mark.parametrize("path", [("spec", "size"), ("spec", "replicas", "x"), ("status", "x")])
def test_a_field_that_is_not_in_the_document_is_not_missed(path):
    whole = manifest(DESIRED["deployment"])
    assert without(whole, [path]).document == whole.document


@pytest.mark.parametrize(
    ("of", "path", "ignored"),
    [
        pytest.param(key("Deployment", group="apps"), ("spec", "replicas"), True, id="left"),
        pytest.param(key("Deployment", group="apps"), ("spec", "paused"), False, id="not left"),
        pytest.param(
            key("ValidatingWebhookConfiguration", group="admissionregistration.k8s.io", namespace=""),
            ("webhooks", 1, "clientConfig", "caBundle"),
            True,
            id="a certificate",
        ),
        pytest.param(
            key("ValidatingWebhookConfiguration", group="admissionregistration.k8s.io", namespace=""),
            ("webhooks", 1, "clientConfig"),
            False,
            id="more than the certificate",
        ),
        pytest.param(
            key("ValidatingWebhookConfiguration", group="admissionregistration.k8s.io", namespace=""),
            ("webhooks", "x", "clientConfig", "caBundle"),
            False,
            id="no item",
        ),
        pytest.param(key(), ("data", "caBundle"), False, id="a ConfigMap's key of that name"),
    ],
)
def test_which_losses_are_nobodys_business(of, path, ignored):
    assert is_ignored(of, path, [("spec", "replicas")]) is ignored


def test_a_certificate_that_was_dropped_is_not_missed():
    whole, found = recorded("ca-injected")
    assert lost_fields(whole, found, INSTANCE_ID) == ()
