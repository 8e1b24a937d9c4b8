"""How bad input is refused: codes, reasons, and the fields that are named. Trueup sorts by them what happens next."""

import orjson
import pytest

from reconciler.errors import ApplyRefused
from reconciler.kube.refusal import refusal
from reconciler.kube.said import Answer, Attempt
from reconciler.model.declared import Name
from reconciler.model.objects import ObjectKey
from reconciler.plan.marks import application_label
from tests.contract.objects import (
    config_map,
    container,
    cron_job,
    custom,
    definition,
    deployment,
    document,
    job,
    network_policy,
    secret,
    service,
)
from tests.contract.offered import not_offered


def as_error(answer, wanted):
    """What our own functions make of an answer."""
    return refusal(Answer(answer.code, orjson.dumps(answer.body)), Attempt("apply", ObjectKey.of(wanted)))


def with_environment(*env):
    return deployment("web", container(env=list(env)))


INT = {"type": "object", "properties": {"size": {"type": "integer", "maximum": 9}}, "required": ["size"]}

UNTYPED = "failed to create typed patch object ("
UNCONVERTED = "failed to convert new object ("
ANSWERED_500 = [
    (UNTYPED, deployment(replicas="many"), ".spec.replicas: expected numeric (int or float), got string", "text for a number"),
    (UNTYPED, deployment(paused="yes"), ".spec.paused: expected boolean, got", "text for a switch"),
    (UNTYPED, config_map(data={"size": 3}), ".data.size: expected string", "a number for text"),
    (UNTYPED, config_map(data=["a"]), ".data: expected map", "a list for a map"),
    (UNTYPED, config_map(labels={"a": 1}), ".metadata.labels.a: expected string", "a number in a label"),
    (UNTYPED, config_map(finalizers="a"), ".metadata.finalizers: expected list", "text for a list"),
    (UNTYPED, document("apps/v1", "Deployment", "web", spec="x"), ".spec: expected map", "text for a spec"),
    (UNTYPED, deployment("web", "x"), "may not have non-map elements", "text for a container"),
    (UNTYPED, with_environment(None), "may not have a null element", "null for an item"),
    (UNTYPED, with_environment({"name": "A"}, {"name": "A"}), 'duplicate entries for key [name="A"]', "an item twice"),
    (UNTYPED, service(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 80}]), "duplicate entries for key", "a port twice"),
    (UNTYPED, config_map(finalizers=["a.b/c", "a.b/c"]), "duplicate entries for key", "a member twice"),
    (UNTYPED, deployment(surplus=1), ".spec.surplus: field not declared in schema", "an unknown field"),
    (UNTYPED, deployment("web", container(resources={"limits": {"cpu": []}})), "expected any scalar", "a list for a quantity"),
    (UNCONVERTED, deployment("web", container(resources={"limits": {"cpu": "x"}})), "quantities must match", "no quantity"),
    (UNCONVERTED, deployment(replicas=1.5), "cannot convert float64 to int32", "half a replica"),
    (UNCONVERTED, service(ports=[{"port": 80, "targetPort": {"a": 1}}]), "cannot unmarshal object", "a map for a port"),
    (UNCONVERTED, secret(word="***"), "illegal base64 data at input byte 0", "no base64"),
    (UNCONVERTED, config_map(deletionTimestamp="today"), 'parsing time "today"', "no time"),
]


@pytest.mark.parametrize(
    ("beginning", "wanted", "words"), [case[:3] for case in ANSWERED_500], ids=[case[3] for case in ANSWERED_500]
)
async def test_bad_input_is_answered_with_500_and_is_still_a_persons_mistake(api, beginning, wanted, words):
    answer = await api.apply(wanted)
    assert answer.refusal == (500, "")
    assert answer.message.startswith(beginning)
    assert words in answer.message
    error = as_error(answer, wanted)
    assert isinstance(error, ApplyRefused)
    assert words.removeprefix(".").partition(", got")[0] in str(error)
    assert "failed to" not in str(error)
    assert "***" not in str(error)


async def test_a_number_that_is_too_large_wraps_around(api):
    assert (await api.apply(deployment(replicas=2**40), dryRun="All")).object["spec"]["replicas"] == 0


async def test_an_unknown_field_is_a_warning_a_refusal_or_nothing(api):
    wanted = document("v1", "ConfigMap", "settings", data={"colour": "blue"}, surplus=1)
    strict = await api.create(wanted, fieldValidation="Strict")
    assert strict.refusal == (400, "BadRequest")
    assert 'strict decoding error: unknown field "surplus"' in strict.message
    warned = await api.create(wanted, fieldValidation="Warn", dryRun="All")
    assert (warned.code, warned.warnings) == (201, ('299 - "unknown field \\"surplus\\""',))
    silent = await api.create(wanted, fieldValidation="Ignore", dryRun="All")
    assert (silent.code, silent.warnings) == (201, ())
    assert "surplus" not in silent.object


async def test_an_unknown_field_of_a_custom_resource_is_pruned_or_refused(api, defined):
    widgets = await defined(definition("Widget", spec=INT))
    wanted = custom(widgets, spec={"size": 3, "surplus": 1})
    assert (await api.apply(wanted, fieldValidation="Strict")).code in (400, 500)
    made = await api.create(wanted, fieldValidation="Warn")
    assert made.object["spec"] == {"size": 3}
    assert made.warnings == ('299 - "unknown field \\"spec.surplus\\""',)


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        pytest.param({"size": 10}, ("FieldValueInvalid", "spec.size"), id="too large"),
        pytest.param({}, ("FieldValueRequired", "spec.size"), id="missing"),
    ],
)
async def test_a_custom_resource_against_its_schema_answers_422(api, defined, spec, cause):
    widgets = await defined(definition("Widget", spec=INT))
    answer = await api.apply(custom(widgets, spec=spec))
    assert answer.refusal == (422, "Invalid")
    assert cause in answer.causes


BINDING = document(
    "rbac.authorization.k8s.io/v1", "RoleBinding", "web", subjects=[],
    roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "web"},
)  # fmt: skip
CLAIM = document(
    "v1", "PersistentVolumeClaim", "data",
    spec={"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}},
)  # fmt: skip
SET = document("apps/v1", "StatefulSet", "web", spec=deployment()["spec"] | {"serviceName": "web"})


@pytest.mark.parametrize(
    ("wanted", "cause"),
    [
        pytest.param(config_map(labels={"long": "x" * 64}), ("FieldValueInvalid", "metadata.labels"), id="a label of 64 characters"),
        pytest.param(config_map(labels={"path": "a/b"}), ("FieldValueInvalid", "metadata.labels"), id="a label with a slash"),
        pytest.param(config_map(annotations={"a b": "1"}), ("FieldValueInvalid", "metadata.annotations"), id="an annotation's key"),
        pytest.param(config_map("Upper"), ("FieldValueInvalid", "metadata.name"), id="a name in capitals"),
        pytest.param(config_map(data={"a/b": "1"}), ("FieldValueInvalid", "data[a/b]"), id="a key of data"),
        pytest.param(service(ports=[{"port": 0}]), ("FieldValueInvalid", "spec.ports[0].port"), id="a port of 0"),
        pytest.param(service(ports=[{"port": 1}, {"port": 2}]), ("FieldValueRequired", "spec.ports[0].name"), id="ports without names"),
        pytest.param(
            deployment("web", {"name": "web"}), ("FieldValueRequired", "spec.template.spec.containers[0].image"), id="no image"
        ),
        pytest.param(
            deployment(selector={"matchLabels": {"app": "other"}}), ("FieldValueInvalid", "spec.template.metadata.labels"),
            id="a selector that does not select",
        ),
        pytest.param(
            with_environment({"value": "1"}), ("FieldValueRequired", "spec.template.spec.containers[0].env[0].name"),
            id="an item without its key",
        ),
        pytest.param(
            with_environment({"name": ""}), ("FieldValueRequired", "spec.template.spec.containers[0].env[0].name"), id="an empty name"
        ),
        pytest.param(service(ports=[]), ("FieldValueRequired", "spec.ports"), id="a Service without ports"),
        pytest.param(
            document("v1", "Service", "web", spec={"type": "ExternalName"}), ("FieldValueRequired", "spec.externalName"),
            id="no external name",
        ),
        pytest.param(
            deployment("web", container(ports=[{"name": "http"}])),
            ("FieldValueRequired", "spec.template.spec.containers[0].ports[0].containerPort"), id="a port without a number",
        ),
        pytest.param(
            deployment("web", container(ports=[{"name": "a", "containerPort": 1}, {"name": "a", "containerPort": 2}])),
            ("FieldValueDuplicate", "spec.template.spec.containers[0].ports[1].name"), id="two ports of one name",
        ),
        pytest.param(
            deployment("web", container(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}})),
            ("FieldValueInvalid", "spec.template.spec.containers[0].resources.requests"), id="more asked than allowed",
        ),
        pytest.param(
            with_environment({"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
            ("FieldValueInvalid", "spec.template.spec.containers[0].env[0].valueFrom"), id="a value from two places",
        ),
        pytest.param(deployment(replicas=-1), ("FieldValueInvalid", "spec.replicas"), id="less than no replicas"),
        pytest.param(cron_job(schedule="x"), ("FieldValueInvalid", "spec.schedule"), id="no schedule"),
        pytest.param(network_policy(policyTypes=["Both"]), ("FieldValueNotSupported", "spec.policyTypes[0]"), id="no policy type"),
        pytest.param(
            document("networking.k8s.io/v1", "Ingress", "web", spec={}), ("FieldValueInvalid", "spec"), id="an Ingress to nowhere"
        ),
        pytest.param(
            document("policy/v1", "PodDisruptionBudget", "web", spec={"minAvailable": 1, "maxUnavailable": 1, "selector": {}}),
            ("FieldValueInvalid", "spec"), id="a budget of two minds",
        ),
        pytest.param(
            document("v1", "PersistentVolumeClaim", "data", spec={}), ("FieldValueRequired", "spec.accessModes"), id="no access mode"
        ),
        pytest.param(secret("tls") | {"type": "kubernetes.io/tls"}, ("FieldValueRequired", "data[tls.crt]"), id="no certificate"),
        pytest.param(config_map(data={"a": "x" * 1_100_000}), ("FieldValueTooLong", "[]"), id="a ConfigMap of more than a MiB"),
        pytest.param(secret(a="QUFB" * 400_000), ("FieldValueTooLong", "data"), id="a Secret of more than a MiB"),
        pytest.param(
            config_map(ownerReferences=[{"kind": "Pod"}]), ("FieldValueRequired", "metadata.ownerReferences[0].uid"), id="half an owner"
        ),
        pytest.param(
            deployment("web", container(volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}])),
            ("FieldValueNotFound", "spec.template.spec.containers[0].volumeMounts[0].name"), id="a volume that is not there",
        ),
    ],
)  # fmt: skip
async def test_what_is_invalid_answers_422_and_names_the_field(api, wanted, cause):
    answer = await api.apply(wanted)
    assert answer.refusal == (422, "Invalid")
    assert cause in answer.causes
    assert answer.body["details"]["name"] == wanted["metadata"]["name"]
    error = as_error(answer, wanted)
    assert isinstance(error, ApplyRefused)
    assert cause[1] == "[]" or cause[1] in str(error)  # that means the whole object, and tells nobody anything


LASTING = {
    "a selector": (deployment(), {"spec": {"selector": {"matchLabels": {"app": "other"}}}}, "spec.selector"),
    "a role": (BINDING, {"roleRef": {"name": "other"}}, "roleRef"),
    "an address": (service(), {"spec": {"clusterIP": "10.0.0.77"}}, "spec.clusterIPs[0]"),
    "a claim's modes": (CLAIM, {"spec": {"accessModes": ["ReadOnlyMany"]}}, "spec"),
    "a claim's class": (CLAIM, {"spec": {"storageClassName": "other"}}, "spec"),
    "a StatefulSet's service": (SET, {"spec": {"serviceName": "other"}}, "spec.serviceName"),
    "a Secret's type": (secret(), {"type": "example.com/other"}, "type"),
    "a fixed ConfigMap": (config_map() | {"immutable": True}, {"data": {"colour": "red"}}, "data"),
    "a ConfigMap that was fixed": (config_map() | {"immutable": True}, {"immutable": False}, "immutable"),
    "a Job's completions": (job(), {"spec": {"completions": 3}}, "spec.completions"),
}


@pytest.mark.parametrize(("made", "change", "field"), LASTING.values(), ids=LASTING.keys())
async def test_what_may_not_change_answers_422_and_names_the_field(api, made, change, field):
    await api.create(made)
    answer = await api.patch(made, change)
    assert answer.refusal == (422, "Invalid")
    assert field in [cause[1] for cause in answer.causes]
    assert "immutable" in answer.message or "may not change once set" in answer.message
    assert isinstance(as_error(answer, made), ApplyRefused)


async def test_an_annotation_takes_what_a_label_does_not(api):
    made = await api.apply(config_map(annotations={"trueup.dev/owner": f"trueup/shop:apps/Deployment:shop/{'x' * 200}"}))
    assert made.code == 201


async def test_a_kind_that_is_not_served_answers_404_without_details(api):
    for path in ("/apis/nothing.example.com/v1/namespaces/default/widgets/left", "/api/v1/namespaces/default/nothings"):
        answer = await api.send("GET", path)
        assert answer.code == 404
        assert answer.body == "404 page not found\n" or answer.refusal == (404, "NotFound")


async def test_a_missing_object_answers_404_and_names_it(api):
    answer = await api.get(deployment())
    assert answer.refusal == (404, "NotFound")
    assert answer.body["details"] == {"name": "web", "group": "apps", "kind": "deployments"}
    assert answer.message == 'deployments.apps "web" not found'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{", "yaml", id="half a document"),
        pytest.param(b"[]", "cannot unmarshal", id="a list"),
        pytest.param(b"a: b: c", "yaml", id="no YAML"),
    ],
)
async def test_what_cannot_be_read_answers_400(api, body, words):
    answer = await api.send("PATCH", api.path(config_map()), body, content="application/apply-patch+yaml", fieldManager="trueup")
    assert answer.refusal == (400, "BadRequest")
    assert words in answer.message


async def test_a_patch_of_an_unknown_type_answers_415(api):
    assert (await api.patch(config_map(), {}, content="application/toml")).refusal[0] == 415


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param({"dryRun": "Some"}, "dryRun", id="dryRun"),
        pytest.param({"fieldValidation": "Some"}, "fieldValidation", id="fieldValidation"),
        pytest.param({"fieldManager": "x" * 129}, "fieldManager", id="a manager of 129 characters"),
    ],
)
async def test_options_that_are_unknown_answer_422(api, query, field):
    answer = await api.apply(config_map(), **query)
    assert answer.refusal == (422, "Invalid")
    assert [cause[1] for cause in answer.causes] == [field]


async def test_names_that_are_longer_than_a_label_are_cut(api):
    long = Name("trueup", "x" * 63 + ".y")
    assert (await api.apply(config_map(labels={"name": long.name}))).refusal == (422, "Invalid")
    made = (await api.apply(config_map(labels={"name": application_label(long)}))).object
    assert made["metadata"]["labels"] == {"name": "x" * 63}


@not_offered("quotas and limits")
async def test_a_quota_that_is_used_up_answers_403_and_says_so(api):
    quota = document("v1", "ResourceQuota", "quota", spec={"hard": {"count/configmaps": "1", "count/secrets": "0"}})
    await api.create(quota)

    async def is_counted():
        return "used" in (await api.get(quota)).object["status"]

    await api.until(is_counted, "the quota is counted")
    answer = await api.apply(secret())
    assert answer.refusal == (403, "Forbidden")
    assert "exceeded quota: quota" in answer.message
    assert "raise the quota" in str(as_error(answer, secret()))


@not_offered("quotas and limits")
async def test_limits_are_given_to_pods_that_name_none(api):
    limits = {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}
    await api.create(document("v1", "LimitRange", "limits", spec=limits))
    pod = document("v1", "Pod", "web", spec={"containers": [container()]})
    made = (await api.apply(pod)).object
    assert made["spec"]["containers"][0]["resources"].get("limits") == {"cpu": "1"}


@not_offered("schemas of definitions")
async def test_a_definition_whose_schema_is_none_answers_422(api):
    answer = await api.create(definition("Widget", spec={"type": "object", "properties": {"size": {"type": "many"}}}))
    assert answer.refusal == (422, "Invalid")
    assert answer.causes[0][1].endswith("properties[size].type")


@not_offered("validation rules")
async def test_a_custom_resource_that_breaks_a_rule_of_its_definition_answers_422(api, defined):
    rule = {"rule": "self.low <= self.high", "message": "low may not be above high"}
    numbers = {"low": {"type": "integer"}, "high": {"type": "integer"}}
    widgets = await defined(
        definition("Widget", spec={"type": "object", "properties": numbers, "x-kubernetes-validations": [rule]})
    )
    answer = await api.apply(custom(widgets, spec={"low": 2, "high": 1}))
    assert answer.refusal == (422, "Invalid")
    assert answer.causes == [("FieldValueInvalid", "spec")]
    assert "low may not be above high" in str(as_error(answer, custom(widgets)))


@not_offered("rights")
async def test_a_user_without_the_right_is_answered_with_403(api):
    api._session.headers["Impersonate-User"] = "nobody"
    answer = await api.apply(config_map())
    assert answer.refusal == (403, "Forbidden")
    assert answer.body["details"] == {"name": "settings", "kind": "configmaps"}
    assert 'User "nobody" cannot patch resource "configmaps" in API group ""' in answer.message
    assert "give Trueup's account this right" in str(as_error(answer, config_map()))


async def test_without_a_right_token_the_answer_is_401(api):
    api._session.headers["Authorization"] = "Bearer wrong"
    answer = await api.get(config_map())
    assert answer.refusal == (401, "Unauthorized")
