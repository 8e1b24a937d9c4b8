"""What is left to others, and that it is no longer sent only once they hold it."""

import pytest

from reconciler.model.policy import IgnoreRule
from reconciler.plan.drift import lost_fields
from reconciler.plan.ignore import is_ignored, left_to_others, without
from tests.reconciler.plan.made import INSTANCE_ID, document, entry, live, manifest, ours
from tests.reconciler.plan.recorded import DESIRED, recorded

FIRST = ("webhooks", 0, "clientConfig", "caBundle")
SCALE = {"f:spec": {"f:replicas": {}}}
HPA = entry("kube-controller-manager", SCALE, subresource="scale")


def left(case):
    return left_to_others(*recorded(case), INSTANCE_ID.manager)


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
    whole = manifest(DESIRED["deployment"])
    assert left_to_others(whole, live(whole.key, ours(), scaler), "trueup") == paths


def test_what_only_we_hold_is_never_left_out():
    whole = manifest(
        document("apiregistration.k8s.io/v1", "APIService", "v1.example.com", spec={"caBundle": "Cg=="}), namespace=""
    )
    mine = ours({"f:spec": {"f:caBundle": {}}})
    assert left_to_others(whole, live(whole.key, mine), "trueup") == ()
    injected = entry("injector", {"f:spec": {"f:caBundle": {}}})
    assert left_to_others(whole, live(whole.key, mine, injected), "trueup") == (("spec", "caBundle"),)


WEB = 'k:{"name":"web"}'
IMAGE = ("spec", "template", "spec", "containers", 0, "image")
ARGS = ("spec", "template", "spec", "containers", 0, "args")
COLOUR = ("spec", "template", "spec", "containers", 0, "env", 0, "value")


def in_container(fields):
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": {WEB: fields}}}}}


@pytest.mark.parametrize(
    ("rule", "held", "paths"),
    [
        pytest.param(IgnoreRule(paths=("spec.replicas",)), SCALE, (("spec", "replicas"),), id="a field"),
        pytest.param(IgnoreRule(paths=("/spec/replicas",)), SCALE, (("spec", "replicas"),), id="a JSON pointer"),
        pytest.param(IgnoreRule(paths=("spec.replicas",)), {}, (), id="nobody else holds it"),
        pytest.param(IgnoreRule(paths=("spec.paused",)), {"f:spec": {"f:paused": {}}}, (), id="a field that Git does not have"),
        pytest.param(IgnoreRule("StatefulSet", paths=("spec.replicas",)), SCALE, (), id="another kind"),
        pytest.param(IgnoreRule(group="", paths=("spec.replicas",)), SCALE, (), id="another group"),
        pytest.param(IgnoreRule(group="apps", name="w*", namespace="sh?p", paths=("spec.replicas",)), SCALE,
                     (("spec", "replicas"),), id="globs"),
        pytest.param(IgnoreRule(name="api", paths=("spec.replicas",)), SCALE, (), id="another name"),
        pytest.param(IgnoreRule(managers=("sca*",)), SCALE, (("spec", "replicas"),), id="whatever a manager holds"),
        pytest.param(IgnoreRule(managers=("other",)), SCALE, (), id="another manager"),
        pytest.param(IgnoreRule(paths=("spec.replicas",), managers=("other",)), SCALE, (), id="a field of another manager"),
        pytest.param(IgnoreRule(paths=("spec.template.spec.containers[name=web].image",)), in_container({"f:image": {}}), (IMAGE,),
                     id="a field of an item"),
        pytest.param(IgnoreRule(paths=("spec.template.spec.containers[name=api].image",)), in_container({"f:image": {}}), (),
                     id="a field of another item"),
        pytest.param(IgnoreRule(paths=("spec.template",)), in_container({".": {}, "f:name": {}, "f:image": {}}), (IMAGE,),
                     id="all below, as far as they hold it; and an item's keys never"),
        pytest.param(IgnoreRule(paths=("spec.template.spec.containers[0].args[1]",)), in_container({"f:args": {}}), (ARGS,),
                     id="a list that is one value is left as a whole"),
        pytest.param(IgnoreRule(paths=("spec.template.spec.containers[*].env[name=COLOUR].value",)),
                     in_container({"f:env": {'k:{"name":"COLOUR"}': {"f:value": {}}}}), (COLOUR,), id="an item in an item"),
        pytest.param(IgnoreRule(paths=("metadata",)), {"f:metadata": {"f:labels": {"f:tier": {}, "f:trueup.dev/instance": {}}}},
                     (("metadata", "labels", "tier"),), id="our marks never"),
    ],
)  # fmt: skip
def test_what_rules_leave_to_who_holds_it(rule, held, paths):
    whole = manifest(DESIRED["deployment"])
    found = live(whole.key, ours({"f:spec": {"f:replicas": {}}}), entry("scaler", held))
    assert left_to_others(whole, found, "trueup", [rule]) == paths


@pytest.mark.parametrize(
    ("left", "path", "value"),
    [
        pytest.param([("spec", "replicas")], ("spec",), {"selector", "template"}, id="a field"),
        pytest.param([IMAGE], ("spec", "template", "spec", "containers", 0), {"name", "args", "env", "ports", "resources"}, id="in an item"),
        pytest.param([("metadata", "labels", "tier")], ("metadata", "labels"), {"trueup.dev/application", "trueup.dev/instance"}, id="a label"),
        pytest.param([(*COLOUR[:-3], "resources", "limits", "cpu")], ("spec", "template", "spec", "containers", 0),
                     {"name", "image", "args", "env", "ports"}, id="with the containers that held nothing else"),
    ],
)  # fmt: skip
def test_what_is_sent_without(left, path, value):
    sent = without(manifest(DESIRED["deployment"]), left).document
    for name in path:
        sent = sent[name]
    assert set(sent) == value


def test_members_of_a_set_are_left_one_by_one():
    whole = manifest(document(metadata={"finalizers": ["a.example.com/x", "b.example.com/y"]}))
    assert without(whole, [("metadata", "finalizers", 0)]).document["metadata"]["finalizers"] == ["b.example.com/y"]
    assert "finalizers" not in without(whole, [("metadata", "finalizers", n) for n in (0, 1)]).document["metadata"]


def test_an_empty_value_of_git_is_sent_as_it_is():
    whole = manifest(document("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}, "ingress": [], "a": {"b": 1}}))
    assert without(whole, [("spec", "a", "b")]).document["spec"] == {"podSelector": {}, "ingress": []}


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


GUARD = manifest(DESIRED["webhook"], namespace="")
DEPLOYMENT = manifest(DESIRED["deployment"])


@pytest.mark.parametrize(
    ("whole", "path", "rules", "ignored"),
    [
        pytest.param(DEPLOYMENT, ("spec", "replicas"), (), True, id="left"),
        pytest.param(DEPLOYMENT, ("spec", "selector"), (), False, id="not left"),
        pytest.param(GUARD, ("webhooks", 1, "clientConfig", "caBundle"), (), True, id="a certificate"),
        pytest.param(GUARD, ("webhooks", 1, "clientConfig"), (), False, id="more than the certificate"),
        pytest.param(DEPLOYMENT, IMAGE, (IgnoreRule(paths=("spec.template.spec.containers[name=web].image",)),), True, id="a rule"),
        pytest.param(DEPLOYMENT, IMAGE, (IgnoreRule(paths=("spec.template",)),), True, id="a rule about what is around it"),
        pytest.param(DEPLOYMENT, IMAGE[:-1], (IgnoreRule(paths=("spec.template.spec.containers[name=web].image",)),), False,
                     id="the whole item is more than the rule says"),
        pytest.param(DEPLOYMENT, IMAGE[:-1], (IgnoreRule(paths=("spec.template.spec.containers[name=web]",)),), True, id="the item"),
        pytest.param(DEPLOYMENT, IMAGE, (IgnoreRule(paths=("spec.template",), managers=("injector",)),), False,
                     id="nobody holds it, and the rule is about somebody"),
        pytest.param(DEPLOYMENT, ("metadata", "annotations", "trueup.dev/applied"), (IgnoreRule(paths=("metadata",)),), False,
                     id="our marks never"),
        pytest.param(manifest(document(data={"caBundle": "x"})), ("data", "caBundle"), (), False, id="a ConfigMap's key of that name"),
    ],
)  # fmt: skip
def test_which_losses_are_nobodys_business(whole, path, rules, ignored):
    assert is_ignored(whole, path, [("spec", "replicas")], rules) is ignored


def test_a_certificate_that_was_dropped_is_not_missed():
    whole, found = recorded("ca-injected")
    assert lost_fields(whole, found, INSTANCE_ID) == ()
