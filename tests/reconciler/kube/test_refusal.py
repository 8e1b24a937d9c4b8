"""What every sort of refusal becomes: a sentence for people, and what happens next. The answers are a real API server's own words."""

import base64
import json
import re

import pytest

from reconciler.errors import ApplyRefused, ClusterUnavailable, TrueupError, Waiting
from reconciler.kube.refusal import FieldConflict, FieldHolder, ObjectUnavailable, Unchangeable, refusal
from reconciler.kube.said import Answer, Attempt
from reconciler.model.objects import ObjectKey
from reconciler.plan.redact import secret_values
from tests.reconciler.kube.person import CANARY, ENCODED
from tests.reconciler.kube.provoke import FILE, provoke

RECORDED = json.loads(FILE.read_text())
WEB = ObjectKey("", "ConfigMap", "shop", "web")

ANEW = "to have the object deleted and made anew, set the annotation trueup.dev/force: recreate; or give it another name"
SCHEMA = "see whether the field is misspelt, in the wrong place, or of another apiVersion"
LARGE = "it is larger than Kubernetes keeps; divide it, or keep its content elsewhere"
UNSERVED = "the cluster does not serve its kind at this version; tried again when it does"
PORT = "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive"
LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character"
)


def hook(name: str) -> str:
    return f"webhook {name}.example.com does not answer, and nothing passes without it: see to its Service, or remove its configuration"


def denied(name: str) -> str:
    return f"change the object, or what webhook {name}.example.com asks for"


STALLED = {
    "required": "apply shop/Deployment/web: spec.template.spec.containers[0].image: Required value",
    "invalid-port": f"apply shop/Deployment/web: {PORT}",
    "invalid-several": f"apply shop/Deployment/web: {PORT}; spec.template.spec.containers[1].image: Required value",
    "wrong-type": "apply shop/Deployment/web: spec.replicas: expected numeric (int or float), got string",
    "unknown-field": f"apply shop/Deployment/web: spec.repliacs: field not declared in schema; {SCHEMA}",
    "duplicate-key": 'apply shop/Deployment/web: spec.template.spec.containers[name="web"].env: duplicate entries for key [name="A"]; '
    "keep one of them",
    "quantity": "apply shop/Deployment/web: quantities must match the regular expression "
    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    "label": f'apply shop/ConfigMap/web: metadata.labels: Invalid value: "not a label": {LABEL}',
    "too-large-config": f"apply shop/ConfigMap/big: Too long: may not be more than 1048576 bytes; {LARGE}",
    "too-large-for-etcd": f"apply shop/Widget.example.com/large: etcdserver: request is too large; {LARGE}",
    "too-large-request": f"apply shop/Widget.example.com/large: Request entity too large: limit is 3145728; {LARGE}",
    "annotations-too-long": "apply shop/Widget.example.com/web: metadata.annotations: Too long: may not be more than 262144 bytes; "
    f"{LARGE}",
    "custom-rule": "apply shop/Widget.example.com/web: spec: Invalid value: size must be small",
    "custom-wrong-type": "apply shop/Widget.example.com/web: spec.size: expected numeric (int or float), got string",
    "custom-unknown-field": f"apply shop/Widget.example.com/web: spec.nope: field not declared in schema; {SCHEMA}",
    "missing-namespace": 'apply shop/ConfigMap/web: namespaces "nowhere" not found; create the namespace nowhere, or set '
    "spec.destination.createNamespace",
    "quota": "apply shop/Secret/web: exceeded quota: small, requested: count/secrets=1, used: count/secrets=0, limited: "
    "count/secrets=0; raise the quota small, or ask for less",
    "limit-range": "apply shop/Pod/large: maximum cpu usage per Container is 1, but limit is 2; ask for another amount, or change the "
    "LimitRange",
    "forbidden": 'apply shop/ConfigMap/web: User "system:serviceaccount:trueup:trueup" cannot patch resource "configmaps" in API group '
    '"" in the namespace "shop"; give Trueup\'s account this right: verb patch, resource configmaps, apiGroup ""',
    "forbidden-cluster": 'apply shop/ClusterRole/web: User "bob" cannot patch resource "clusterroles" in API group '
    '"rbac.authorization.k8s.io" at the cluster scope; give Trueup\'s account this right: verb patch, resource clusterroles, apiGroup '
    '"rbac.authorization.k8s.io"',
    "escalation": 'apply shop/ClusterRole/web: user "eve" (groups=["system:authenticated"]) is attempting to grant RBAC permissions '
    'not currently held:; {APIGroups:[""], Resources:["secrets"], Verbs:["get"]}; Trueup may give only rights that it has: give its '
    "account those rights, or the verb escalate",
    "delete-forbidden": "delete shop/Namespace/kube-system: this namespace may not be deleted",
    "delete-conflict": 'delete shop/ConfigMap/theirs: Operation cannot be fulfilled on ConfigMap "theirs": the ResourceVersion in the '
    "precondition (1) does not match the ResourceVersion in record (N). The object might have been modified",
    "version-conflict": 'apply shop/ConfigMap/theirs: Operation cannot be fulfilled on configmaps "theirs": the object has been '
    "modified; please apply your changes to the latest version and try again",
    "secret-key": "apply shop/Secret/web: data[a key/s3cr3t]: Invalid value: ***: a valid config key must consist of alphanumeric "
    "characters, '-', '_' or '.'",
    "secret-base64": "apply shop/Secret/web: illegal base64 data at input byte 6",
    "secret-number": "apply shop/Secret/web: data.password: expected string, got something else",
    "secret-list": "apply shop/Secret/web: stringData.password: expected string, got something else",
    "secret-data-list": "apply shop/Secret/web: data: expected map, got something else",
    "secret-text": "apply shop/Secret/web: data: expected map, got something else",
    "secret-tls": "apply shop/Secret/web: data[tls.key]: Required value",
    "secret-docker": "apply shop/Secret/web: data[.dockerconfigjson]: Invalid value: ***: invalid character 's' looking for beginning "
    "of value",
    "secret-unknown-field": f"apply shop/Secret/web: password: field not declared in schema; {SCHEMA}",
    "secret-label": f"apply shop/Secret/web: metadata.labels: Invalid value: ***: {LABEL}",
    "secret-too-large": f"apply shop/Secret/web: data: Too long: may not be more than 1048576 bytes; {LARGE}",
    "webhook-deny": 'apply shop/Secret/hooked: admission webhook "deny.example.com" denied the request: the label team is missing on '
    f'{{"password": "***"}}; {denied("deny")}',
    "webhook-silent": 'apply shop/Secret/hooked: admission webhook "silent.example.com" denied the request without explanation; '
    f"{denied('silent')}",
    "webhook-busy": 'apply shop/Secret/hooked: admission webhook "busy.example.com" denied the request: another time; '
    f"{denied('busy')}",
    "webhook-broken": 'apply shop/Secret/hooked: admission webhook "broken.example.com" denied the request: out of order; '
    f"{denied('broken')}",
    "policy": "apply shop/Secret/guarded: ValidatingAdmissionPolicy 'owned' with binding 'owned' denied request: owner is missing: "
    "***; change the object, or the policy owned",
}
"""A person must change something."""

UNCHANGEABLE = {
    "immutable-deployment": ("shop/Deployment/fixed", "spec.selector"),
    "immutable-job": ("shop/Job/web", "spec.template"),
    "immutable-service": ("shop/Service/web", "spec.clusterIPs[0]"),
    "immutable-stateful-set": ("shop/StatefulSet/web", "spec.volumeClaimTemplates"),
    "immutable-binding": ("shop/RoleBinding/web", "roleRef"),
    "immutable-storage-class": ("shop/StorageClass/web", "parameters"),
    "immutable-claim": ("shop/PersistentVolumeClaim/web", "spec"),
    "immutable-volume": ("shop/PersistentVolume/web", "spec.persistentvolumesource"),
    "immutable-config": ("shop/ConfigMap/fixed", "data"),
    "immutable-pod": ("shop/Pod/web", "spec"),
    "immutable-priority": ("shop/PriorityClass/web", "value"),
    "immutable-definition": ("shop/CustomResourceDefinition/widgets.example.com", "spec.scope"),
    "immutable-custom": ("shop/Widget.example.com/web", "spec.fixed"),
    "secret-immutable": ("shop/Secret/fixed", "data"),
    "secret-type": ("shop/Secret/typed", "type"),
}
"""A person must change something, or ask for the object to be made anew."""

LATER = {
    "terminating-namespace": (
        Waiting,
        (
            "apply shop/ConfigMap/web: unable to create new content in namespace ending because it is being terminated; namespace ending is "
            "being deleted; tried again when it is gone"
        ),
    ),
    "terminating-kind": (
        Waiting,
        (
            "apply shop/Widget.example.com/late: create not allowed while custom resource definition is terminating; its kind is being "
            "deleted; tried again when it is gone"
        ),
    ),
    "missing-kind": (Waiting, f"apply shop/Gadget.example.org/web: {UNSERVED}"),
    "missing-version": (Waiting, f"apply shop/Widget.example.com/web: {UNSERVED}"),
    "aggregated-away": (
        ObjectUnavailable,
        "apply shop/Thing.away.example.com/web: the API server answered 503: service unavailable; it is tried again",
    ),
    "webhook-away": (
        ObjectUnavailable,
        (
            'apply shop/Secret/hooked: the API server answered 500: Internal error occurred: failed calling webhook "away.example.com": '
            f'failed to call webhook: Post "https://127.0.0.1:N/x": dial tcp 127.0.0.1:N: connect: connection refused; {hook("away")}'
        ),
    ),
    "webhook-slow": (
        ObjectUnavailable,
        (
            'apply shop/Secret/hooked: the API server answered 500: Internal error occurred: failed calling webhook "slow.example.com": '
            f'failed to call webhook: Post "https://127.0.0.1:N/slow": context deadline exceeded; {hook("slow")}'
        ),
    ),
    "webhook-garbage": (
        ObjectUnavailable,
        (
            'apply shop/Secret/hooked: the API server answered 500: Internal error occurred: failed calling webhook "garbage.example.com": '
            "failed to call webhook: couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value of type struct "
            f'{{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }}; {hook("garbage")}'
        ),
    ),
    "unauthorized": (
        ClusterUnavailable,
        (
            "read shop/ConfigMap/web: the API server does not accept Trueup's credentials; renew the token or certificate of its "
            "kubeconfig, or its service account"
        ),
    ),
}
"""It is tried again."""

CONFLICT = "field-conflict"
POD_SECURITY = "pod-security"


def error_of(said) -> TrueupError:
    secrets = secret_values(said["secret"]) if said["secret"] else frozenset()
    return refusal(Answer(said["status"], said["body"].encode()), Attempt(said["verb"], ObjectKey(*said["key"]), secrets))


def told(error) -> str:
    """Without what is another number every time."""
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:N", re.sub(r"in record \(\d+\)", "in record (N)", str(error)))


def test_every_recorded_refusal_is_judged():
    assert {*STALLED, *UNCHANGEABLE, *LATER, CONFLICT, POD_SECURITY} == set(RECORDED)


@pytest.mark.parametrize("name", STALLED)
def test_what_a_person_must_change_is_said(name):
    error = error_of(RECORDED[name])
    assert (type(error), told(error)) == (ApplyRefused, STALLED[name])


@pytest.mark.parametrize("name", UNCHANGEABLE)
def test_a_field_that_cannot_be_changed_is_named_with_the_annotation_that_makes_the_object_anew(name):
    what, field = UNCHANGEABLE[name]
    error = error_of(RECORDED[name])
    assert isinstance(error, Unchangeable)
    assert (str(error), error.fields) == (f"apply {what}: {field}: cannot be changed; {ANEW}", (field,))


@pytest.mark.parametrize("name", LATER)
def test_what_passes_by_itself_is_tried_again(name):
    error = error_of(RECORDED[name])
    assert (type(error), told(error)) == LATER[name]


def test_who_holds_a_field_is_named():
    error = error_of(RECORDED[CONFLICT])
    assert isinstance(error, FieldConflict)
    assert error.holders == (FieldHolder("helm", "data.a"),)
    assert str(error) == (
        "apply shop/ConfigMap/theirs: other managers hold fields: data.a (held by helm); set spec.sync.adopt: always to take them, or "
        "leave them out of Git"
    )


def test_a_standard_for_pods_is_named_with_what_is_missing():
    error = error_of(RECORDED[POD_SECURITY])
    assert isinstance(error, ApplyRefused)
    for part in ("shop/Pod/web", "runAsNonRoot != true", "meet the standard restricted:latest, or relax the label"):
        assert part in str(error)


@pytest.mark.parametrize("name", [name for name, said in RECORDED.items() if said["secret"]])
def test_no_value_of_a_secret_is_told(name):
    message = str(error_of(RECORDED[name]))
    for form in (CANARY, CANARY.upper(), ENCODED, ENCODED[:12], CANARY[4:]):
        assert form not in message, name


FORMS = {
    "as it is": CANARY,
    "encoded": ENCODED,
    "quoted": json.dumps(f'first line\n{CANARY} "x"'),
    "one line of it": f'got {CANARY} \\"x\\" here',
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", RECORDED)
def test_no_value_of_a_secret_is_told_whatever_the_server_says(name, form):
    """The value stands in the message, in every cause, and in an answer that is no JSON."""
    data = {"password": ENCODED, "text": base64.b64encode(f'first line\n{CANARY} "x"'.encode()).decode()}
    secrets = secret_values({"apiVersion": "v1", "kind": "Secret", "data": data})
    attempt = Attempt("apply", ObjectKey("", "Secret", "shop", "web"), secrets)
    said = RECORDED[name]
    bodies = [said["body"].encode() + FORMS[form].encode()]
    if said["body"].startswith("{"):
        body = json.loads(said["body"])
        body["message"] = f"{FORMS[form]} {body['message']} {FORMS[form]}"
        for cause in (body.get("details") or {}).get("causes") or ():
            cause["message"] = f"{cause.get('message')} {FORMS[form]}"
        bodies.append(json.dumps(body).encode())
    for body in bodies:
        message = str(refusal(Answer(said["status"], body), attempt))
        assert CANARY not in message
        assert ENCODED not in message


@pytest.mark.parametrize(
    ("answer", "kind", "seconds", "message"),
    [
        pytest.param(Answer(429, b'{"message": "too many"}', "7"), ClusterUnavailable, 7.0,
                     "apply shop/ConfigMap/web: the API server asks for patience: too many", id="429"),
        pytest.param(Answer(429, b""), ClusterUnavailable, 1.0, "asks for patience: no reason given", id="429 without a time"),
        pytest.param(Answer(503, b'{"message": "shutting down"}', "3"), ClusterUnavailable, 3.0, "patience: shutting down", id="503"),
        pytest.param(Answer(503, b'{"message": "shutting down"}'), ObjectUnavailable, None, "answered 503: shutting down", id="503 bare"),
        pytest.param(Answer(504, b'{"message": "Timeout: request did not complete"}'), ObjectUnavailable, None,
                     "the API server answered 504: Timeout: request did not complete; it is tried again", id="504"),
        pytest.param(Answer(502, b"<html><h1>Bad Gateway</h1></html>"), ObjectUnavailable, None,
                     "answered 502: a web page, which is not from the API server itself; it is tried again", id="a proxy's page"),
        pytest.param(Answer(500, b"\xff\xfe"), ObjectUnavailable, None, "answered 500: ", id="no text at all"),
        pytest.param(Answer(500, b'["x"]'), ObjectUnavailable, None, "answered 500: ['x']", id="another JSON"),
        pytest.param(Answer(418, b"{}"), ApplyRefused, None, "apply shop/ConfigMap/web: no reason given", id="an unknown status"),
        pytest.param(Answer(405, b'{"message": "the server does not allow this method"}'), ApplyRefused, None,
                     "does not allow this method; objects of this kind cannot be applied; take it out of Git", id="405"),
    ],
)  # fmt: skip
def test_other_answers(answer, kind, seconds, message):
    error = refusal(answer, Attempt("apply", WEB))
    assert type(error) is kind
    assert message in str(error)
    assert getattr(error, "retry_seconds", None) == seconds


def causes(*messages):
    listed = [
        {"reason": "FieldValueInvalid", "field": f"spec.f{number}", "message": text} for number, text in enumerate(messages)
    ]
    return Answer(422, json.dumps({"reason": "Invalid", "message": "; ".join(messages), "details": {"causes": listed}}).encode())


@pytest.mark.parametrize(
    ("messages", "is_fixed"),
    [
        (("Invalid value: 3: field is immutable",), True),
        (("Forbidden: updates to parameters are forbidden.",), True),
        (("Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",), True),
        (('Invalid value: "x": cannot change roleRef',), True),
        (("Invalid value: {}: may not change once set", "Invalid value: 1: field is immutable"), True),
        (("Invalid value: 3: field is immutable", "Required value"), False),
        (('Invalid value: "immutable": must be a number',), False),
        (('Invalid value: "an \\"immutable\\" thing": must be a number',), False),
    ],
)  # fmt: skip
def test_an_object_is_made_anew_only_where_nothing_else_is_wrong_with_it(messages, is_fixed):
    assert isinstance(refusal(causes(*messages), Attempt("apply", WEB)), Unchangeable) is is_fixed


def test_many_fields_are_counted():
    error = refusal(causes(*[f"Invalid value: {number}" for number in range(8)]), Attempt("apply", WEB))
    assert str(error).endswith("spec.f4: Invalid value: 4; and 3 more")


def test_several_fields_that_do_not_fit_their_kind_are_all_named():
    text = "failed to create typed patch object (/web; apps/v1, Kind=Deployment): errors:\n  .spec.a: field not declared in schema\n  .spec.b: x"
    error = refusal(Answer(500, json.dumps({"message": text}).encode()), Attempt("apply", WEB))
    assert str(error) == f"apply shop/ConfigMap/web: spec.a: field not declared in schema; spec.b: x; {SCHEMA}"


def test_a_refusal_about_no_object_says_no_object():
    assert str(refusal(Answer(410, b'{"message": "too old"}'), Attempt("watch"))) == "too old"


UNTYPED = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): "
UNCONVERTED = (
    "failed to convert new object (shop/web; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object "
)
UNCONVERTED += "to apps/v1, Kind=Deployment: "


DEPLOYMENT = ObjectKey("apps", "Deployment", "shop", "web")


def said(status, message):
    return refusal(Answer(status, json.dumps({"message": message}).encode()), Attempt("apply", DEPLOYMENT))


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        pytest.param(
            f"{UNTYPED}.spec.surplus: field not declared in schema", "spec.surplus: field not declared", id="unknown field"
        ),
        pytest.param(f"{UNTYPED}.spec.replicas: expected numeric", "spec.replicas: expected numeric", id="wrong type"),
        pytest.param(f"{UNTYPED}.spec: element 0: associative list with keys may not have", "spec: element 0", id="no item"),
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


def test_a_kind_that_has_just_come_asks_for_no_patience():
    error = refusal(Answer(429, b'{"message": "storage is (re)initializing"}', "1"), Attempt("list"))
    assert isinstance(error, ClusterUnavailable)
    assert (type(error), error.retry_seconds) == (ClusterUnavailable, None)


@pytest.mark.cluster
@pytest.mark.timeout(180)
def test_the_recorded_answers_are_those_of_the_control_plane(control_plane):
    said = provoke(control_plane)
    assert set(said) == set(RECORDED)
    for name, answer in said.items():
        if name != "secret-too-large":  # the file leaves its 1.3 MB out
            assert (type(error_of(answer)), told(error_of(answer))) == (
                type(error_of(RECORDED[name])),
                told(error_of(RECORDED[name])),
            ), name
