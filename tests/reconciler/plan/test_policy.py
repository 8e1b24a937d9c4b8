"""What policies say of objects: what is not plainly true is found, and nothing that is found tells a secret."""

import json
import time

import pytest

from reconciler.model.gates import Finding, PolicyAction, PolicyRule
from reconciler.plan import policy
from reconciler.plan.manifest import prepare
from reconciler.plan.marks import MASKED
from reconciler.plan.policy import MOST_STEPS, describe, is_denied, judge
from tests.reconciler.plan.made import KINDS as SERVED
from tests.reconciler.plan.made import application, document, key, manifest, raw, stamp

WEB = application()
DENY, WARN = PolicyAction.DENY, PolicyAction.WARN
PASSWORD = "hunter2-and-more"


def pod(*images, **spec):
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers, **spec}}
    return manifest(document("apps/v1", "Deployment", spec={"replicas": 2, "selector": {}, "template": template}))


def rule(source, action=DENY, **more):
    return PolicyRule("r", source, action, **{"message": "no", **more})


def found(source, *manifests, **more):
    return [finding.message for finding in judge([rule(source, **more)], WEB, manifests)]


PINNED = "object.spec.template.spec.containers.all(c, c.image.contains('@sha256:'))"
HOST = "!has(object.spec.template.spec.hostNetwork) || !object.spec.template.spec.hostNetwork"
LIMITS = (
    "object.spec.template.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && has(c.resources.limits.memory))"
)


@pytest.mark.parametrize(
    ("source", "of", "is_good"),
    [
        pytest.param(PINNED, pod("web@sha256:ab"), True, id="a digest"),
        pytest.param(PINNED, pod("web@sha256:ab", "side:1"), False, id="a tag beside a digest"),
        pytest.param(HOST, pod("web"), True, id="no host network"),
        pytest.param(HOST, pod("web", hostNetwork=False), True, id="host network off"),
        pytest.param(HOST, pod("web", hostNetwork=True), False, id="host network"),
        pytest.param(LIMITS, pod("web"), False, id="no limits"),
        pytest.param("application.namespace == 'trueup' && application.name == 'shop'", pod("web"), True, id="the application"),
        pytest.param("application.destination.namespace == object.metadata.namespace", pod("web"), True, id="its destination"),
        pytest.param("application.destination.cluster == 'in-cluster'", pod("web"), True, id="its cluster"),
        pytest.param("object.metadata.labels['trueup.dev/instance'] == 'trueup'", pod("web"), True, id="the object as it is sent"),
        pytest.param("size(object.data) == 1", manifest(document(data={"a": "1"})), True, id="any kind"),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_true_is_found(source, of, is_good):
    assert found(source, of) == ([] if is_good else ["no"])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param("object.spec.paused == true", "it asks for paused, which is not there; has() asks", id="a field that is not there"),
        pytest.param("object.spec.replicas > 'x'", "it No such overload: the operation is not defined", id="types"),
        pytest.param("object.spec.replicas / 0 == 1", "it division by zero", id="division"),
        pytest.param("object.spec.replicas", "it is int, and must be true or false", id="no condition"),
        pytest.param("object.spec.replicas =", "it column 22", id="no expression"),
        pytest.param("self.spec.replicas == 2", "it self is not known; an expression speaks of application, object", id="a name"),
        pytest.param("oldObject == null", "it oldObject is not known", id="what was there before"),
        pytest.param("quantity(object.spec.a) > 1", "it quantity is no function here", id="a function"),
        pytest.param("x" * 1001, "it is longer than 1000 characters", id="too long"),
        pytest.param(f"[{'1, ' * 200}1].all(a, [{'1, ' * 100}1].all(b, [1].all(c, true)))", "steps on this object", id="too much work"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("action", list(PolicyAction))
def test_a_rule_that_cannot_be_asked_is_not_true_and_says_why(source, told, action):
    (finding,) = judge([rule(source, action, message="why it is there")], WEB, [pod("web")])
    assert finding.action is action
    assert finding.message.startswith("why it is there (")
    assert told in finding.message


def secret(**metadata):
    return manifest(document(kind="Secret", metadata=metadata, stringData={"password": PASSWORD}))


def masked():
    return manifest(document(metadata={"annotations": {MASKED: "data.password"}}, data={"password": PASSWORD}))


@pytest.mark.parametrize("of", [secret(), masked()], ids=["a Secret", "what is masked elsewhere"])
@pytest.mark.parametrize(
    "source",
    [
        "object.data[object.data.password] == 'a'", "duration(object.data.password) == duration('1s')", "{}[object.data.password]",
        "object.data.password.matches(object.data.password + '(')", "object.data.password", "object.data.password == 'x'",
        "int(object.data.password) == 1", "object.data[string(size(object.data.password))] == 'a'", "object.spec.a[object.data.password]",
    ],
)  # fmt: skip
def test_what_is_told_of_a_secret_has_none_of_it(of, source):
    (finding,) = judge([rule(source)], WEB, [of])
    value = json.loads(of.body)["data"]["password"]
    assert value not in str(finding)
    assert PASSWORD not in str(finding)
    assert str(len(value)) not in finding.message
    assert "hunter2" not in repr(finding)


def test_rules_see_what_is_masked_so_that_no_annotation_hides_anything_from_them():
    hidden = document(metadata={"annotations": {MASKED: "data.host"}}, data={"host": "yes"})
    assert found("object.data.host != 'yes'", manifest(hidden)) == ["no"]


@pytest.mark.parametrize(
    ("kinds", "namespaces", "is_meant"),
    [
        pytest.param((), (), True, id="all"),
        pytest.param(("Deployment",), (), True, id="a kind"),
        pytest.param(("Deployment.apps",), (), True, id="a kind with its group"),
        pytest.param(("*.apps",), (), True, id="a group"),
        pytest.param(("StatefulSet", "Deploy*"), (), True, id="one of several"),
        pytest.param(("deployment",), (), False, id="lower case"),
        pytest.param(("Deployment.extensions",), (), False, id="another group"),
        pytest.param((), ("shop",), True, id="a namespace"),
        pytest.param((), ("s*", "x"), True, id="a glob"),
        pytest.param(("Deployment",), ("other",), False, id="another namespace"),
    ],
)  # fmt: skip
def test_which_objects_are_meant(kinds, namespaces, is_meant):
    assert bool(found("false", pod("web"), kinds=kinds, namespaces=namespaces)) is is_meant


@pytest.mark.parametrize(("namespaces", "is_meant"), [((), True), (("*",), True), (("shop",), False)], ids=["all", "any", "one"])
def test_what_is_in_no_namespace_is_meant_where_all_are(namespaces, is_meant):
    cluster_role = manifest(document("rbac.authorization.k8s.io/v1", "ClusterRole", rules=[]))
    assert bool(found("false", cluster_role, namespaces=namespaces)) is is_meant


def test_findings_stand_in_the_order_of_objects_and_rules_with_object_rule_message_and_source():
    rules = [PolicyRule("a", "false", WARN, "one"), PolicyRule("b", "object.kind != 'Secret'"), PolicyRule("c", "true")]
    documents = [document(name="x", data={}), document(kind="Secret", name="y")]
    manifests = prepare([raw(d, f"all.yaml, line {n}") for n, d in enumerate(documents, 1)], stamp(), SERVED)
    findings = judge(rules, WEB, manifests)
    assert findings == [
        Finding(WARN, key(name="x"), "a", "one", "all.yaml, line 1"),
        Finding(WARN, key("Secret", "y"), "a", "one", "all.yaml, line 2"),
        Finding(DENY, key("Secret", "y"), "b", "`object.kind != 'Secret'` is not true", "all.yaml, line 2"),
    ]
    assert is_denied(findings)
    assert not is_denied(findings[:2])
    assert describe(findings) == "shop/Secret/y: denied by policy b: `object.kind != 'Secret'` is not true"
    assert describe([*findings, findings[2]]).endswith("is not true (and 1 more)")
    assert describe(findings[:2]) == ""


def test_nothing_is_found_where_nothing_is_asked_or_there():
    assert judge([], WEB, [pod("web")]) == []
    assert judge([rule("false")], WEB, []) == []


@pytest.mark.parametrize("action", list(PolicyAction))
def test_what_takes_too_long_in_all_is_not_passed(action, monkeypatch):
    monkeypatch.setattr(policy, "MOST_STEPS", 1000)
    findings = judge([rule("true", action)], WEB, [pod("web")] * 20)
    assert [(finding.action, finding.rule) for finding in findings] == [(action, "all")]
    assert "match.kinds" in findings[0].message


@pytest.mark.parametrize(
    "source",
    ["object.data.a.size() >= 0", "[1, 2].all(x, x > 0)", " && ".join(["has(object.data.a)"] * 40)],
    ids=["a field", "a loop", "many fields"],
)
def test_what_is_judged_in_all_ends_in_time(source, monkeypatch):
    monkeypatch.setattr(policy, "MOST_STEPS", MOST_STEPS // 20)
    big = manifest(document(data={"a": "x", **{str(number): "y" for number in range(20_000)}}))
    began = time.monotonic()
    findings = judge([rule(source)] * 1000, WEB, [big] * 10)
    assert time.monotonic() - began < 4, "0.4 s of work at most, on a machine with much else to do"
    assert findings[-1].rule == "all"
