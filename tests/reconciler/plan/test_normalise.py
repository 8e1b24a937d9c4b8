"""What a document becomes before it is hashed, and which mistakes are named."""

import base64

import pytest

from reconciler.errors import InvalidManifest
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import HealthMark
from reconciler.plan.normalise import check_values, checked, expand, is_secret, normalise
from tests.reconciler.plan.made import document, raw


def values_checked(written):
    found = checked(raw(written))
    check_values(found, ObjectKey.of(found), "web.yaml, line 1")
    return found


def normalised(written, *, has_status=True):
    found = values_checked(written)
    normalise(found, has_status=has_status)
    return found


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        pytest.param(
            document(metadata={"uid": "x", "resourceVersion": "1", "generation": 2, "creationTimestamp": "t", "selfLink": "/",
                               "managedFields": [], "deletionTimestamp": "t", "deletionGracePeriodSeconds": 0}),
            document(),
            id="metadata of the server's",
        ),
        pytest.param(document(metadata={"creationTimestamp": None}), document(), id="the null that generators write"),
        pytest.param(document(data={"a": None, "b": "1"}), document(data={"b": "1"}), id="null is not set"),
        pytest.param(document(spec={"a": {"b": [{"c": None}]}}), document(spec={"a": {"b": [{}]}}), id="at any depth"),
        pytest.param(document(metadata={"labels": None, "annotations": None}), document(), id="no labels"),
        pytest.param(document(metadata={"labels": {"a": None, "b": "1"}}), document(metadata={"labels": {"b": "1"}}), id="null label"),
        pytest.param(document(status={"x": 1}), document(), id="status"),
        pytest.param(
            document(metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "1"}}),
            document(metadata={"annotations": {"a": "1"}}),
            id="what kubectl wrote down",
        ),
        pytest.param(
            document("v1", "Secret", data={"a": "MQ=="}, stringData={"a": "2", "b": "3"}),
            document("v1", "Secret", data={"a": encoded("2"), "b": encoded("3")}),
            id="stringData wins over data",
        ),
        pytest.param(document("v1", "Secret", stringData={}), document("v1", "Secret"), id="no stringData"),
        pytest.param(document("v1", "Secret", stringData=None), document("v1", "Secret"), id="null stringData"),
        pytest.param(
            document("v1", "Secret", stringData={"a": "ü"}), document("v1", "Secret", data={"a": encoded("ü")}), id="UTF-8"
        ),
        pytest.param(
            document("example.com/v1", "Secret", stringData={"a": 2}),
            document("example.com/v1", "Secret", stringData={"a": 2}),
            id="somebody's own Secret",
        ),
    ],
)  # fmt: skip
def test_a_document_is_normalised(written, becomes):
    assert normalised(written) == becomes


def test_a_status_that_is_an_ordinary_field_stays():
    assert normalised(document(status={"x": 1}), has_status=False) == document(status={"x": 1})


def test_the_document_itself_is_not_changed():
    written = document("v1", "Secret", stringData={"a": "1"}, metadata={"uid": "x"})
    normalised(written)
    assert written == document("v1", "Secret", stringData={"a": "1"}, metadata={"uid": "x"})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param({}, "web.yaml, line 1: apiVersion is missing; every object needs one, e.g. `apiVersion: apps/v1`", id="empty"),
        pytest.param({"apiVersion": "v1"}, "web.yaml, line 1: kind is missing; every object needs one, e.g. `kind: Deployment`",
                     id="no kind"),
        pytest.param({"apiVersion": "a/b/v1", "kind": "X"},
                     "web.yaml, line 1: apiVersion is 'a/b/v1', which is none; write one such as `apiVersion: apps/v1`", id="apiVersion"),
        pytest.param({"apiVersion": 1, "kind": "X"},
                     "web.yaml, line 1: apiVersion is a number, which is none; write one such as `apiVersion: apps/v1`", id="a number"),
        pytest.param({"apiVersion": "v1", "kind": "Pod/exec"},
                     "web.yaml, line 1: kind is 'Pod/exec', which is none; write one such as `kind: Deployment`", id="kind"),
        pytest.param({"apiVersion": "v1", "kind": "ConfigMap"},
                     "web.yaml, line 1: ConfigMap: metadata is missing; give the object a metadata.name", id="no metadata"),
        pytest.param({"apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name"]},
                     "web.yaml, line 1: ConfigMap: metadata is a list and must be a mapping; give the object a metadata.name", id="a list"),
        pytest.param({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
                     "web.yaml, line 1: ConfigMap: metadata.name is missing or no text; give the object a name", id="no name"),
        pytest.param(document(name=8), "web.yaml, line 1: ConfigMap: metadata.name is missing or no text; give the object a name",
                     id="number as name"),
        pytest.param({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}},
                     "web.yaml, line 1: Pod: metadata.generateName makes a new object at every sync; use metadata.name",
                     id="generateName"),
        pytest.param(document(name="web/status"), "web.yaml, line 1: ConfigMap web/status: metadata.name may be neither . nor .. "
                     "and contain neither / nor %; choose another", id="a path as name"),
        pytest.param(document(name=".."), "web.yaml, line 1: ConfigMap ..: metadata.name may be neither . nor .. "
                     "and contain neither / nor %; choose another", id="dots as name"),
        pytest.param(document(metadata={"namespace": "Shop/.."}), "web.yaml, line 1: ConfigMap web: metadata.namespace is no "
                     "namespace; use at most 63 lower-case letters, digits and dashes", id="namespace"),
        pytest.param(document(metadata={"namespace": 5}), "web.yaml, line 1: ConfigMap web: metadata.namespace is no "
                     "namespace; use at most 63 lower-case letters, digits and dashes", id="number as namespace"),
        pytest.param(document(metadata={"labels": {"port": 8080}}),
                     "web.yaml, line 1: ConfigMap/web: metadata.labels.port is a number and must be text; quote it", id="label"),
        pytest.param(document(metadata={"annotations": {"on": True}}),
                     "web.yaml, line 1: ConfigMap/web: metadata.annotations.on is true or false and must be text; quote it",
                     id="annotation"),
        pytest.param(document(metadata={"labels": ["a"]}),
                     "web.yaml, line 1: ConfigMap/web: metadata.labels is a list and must be a mapping", id="labels"),
        pytest.param(document(data={"a": {"b": 1}}),
                     "web.yaml, line 1: ConfigMap/web: data.a is a mapping and must be text; quote it", id="ConfigMap value"),
        pytest.param(document(data="x"), "web.yaml, line 1: ConfigMap/web: data is text and must be a mapping", id="ConfigMap data"),
        pytest.param(document(binaryData={"a": "$$"}), "web.yaml, line 1: ConfigMap/web: binaryData.a is not base64; encode it, "
                     "or write it as it is under data", id="binaryData"),
        pytest.param(document("v1", "Secret", stringData={"pin": 1234}),
                     "web.yaml, line 1: Secret/web: stringData.pin is a number and must be text; quote it", id="stringData"),
        pytest.param(document("v1", "Secret", data={"pin": "hunter2!"}), "web.yaml, line 1: Secret/web: data.pin is not base64; "
                     "encode it, or write it as it is under stringData", id="Secret data"),
        pytest.param(document("v1", "Secret", data={"pin": "pässword"}), "web.yaml, line 1: Secret/web: data.pin is not base64; "
                     "encode it, or write it as it is under stringData", id="Secret data beyond ASCII"),
        pytest.param(document(metadata={"annotations": {"trueup.dev/prune": "nevr"}}), "web.yaml, line 1: ConfigMap/web: "
                     "annotation trueup.dev/prune is 'nevr'; write allow, confirm, disabled, never", id="prune"),
        pytest.param(document(metadata={"annotations": {"trueup.dev/health": "ingore"}}), "web.yaml, line 1: ConfigMap/web: "
                     "annotation trueup.dev/health is 'ingore'; write ignore, wait-for-address", id="health"),
        pytest.param(document(metadata={"annotations": {"trueup.dev/hook": "pre-snyc"}}), "web.yaml, line 1: ConfigMap/web: annotation "
                     "trueup.dev/hook is 'pre-snyc'; write pre-sync, post-sync, sync-failed, pre-delete", id="hook"),
        pytest.param(document(metadata={"annotations": {"trueup.dev/wave": "1.5"}}), "web.yaml, line 1: ConfigMap/web: "
                     "annotation trueup.dev/wave is '1.5' and must be a whole number; write e.g. '1'", id="wave"),
        pytest.param(document(spec=1 << 70), "web.yaml, line 1: cannot be written as JSON: Integer exceeds 64-bit range; "
                     "change that value", id="a number that JSON cannot say"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_mend(written, message):
    with pytest.raises(InvalidManifest) as error:
        values_checked(written)
    assert str(error.value) == message


def test_a_document_that_is_too_deep_is_a_mistake_and_no_crash():
    deep: dict = {}
    for _ in range(500):
        deep = {"a": deep}
    with pytest.raises(InvalidManifest, match="cannot be written as JSON"):
        checked(raw(document(spec=deep)))


@pytest.mark.parametrize("value", ["aHVudGVyMg==", "aHVudGVy\nMg==\n", ""])
def test_base64_is_read_as_the_server_reads_it(value):
    assert values_checked(document("v1", "Secret", data={"pin": value}))["data"] == {"pin": value}


@pytest.mark.parametrize("word", ["allow", "never", "disabled"])
def test_every_word_for_pruning_is_understood(word):
    values_checked(document(metadata={"annotations": {"trueup.dev/prune": word}}))


@pytest.mark.parametrize("word", list(HealthMark))
def test_every_word_for_health_is_understood(word):
    values_checked(document(metadata={"annotations": {"trueup.dev/health": str(word)}}))


def test_annotations_of_our_own_kinds_are_told_by_their_schema():
    misspelt = {"annotations": {"trueup.dev/prunee": "no"}}
    values_checked(document("trueup.dev/v1alpha1", "Application", metadata=misspelt))
    with pytest.raises(InvalidManifest, match=r"trueup\.dev/prunee"):
        values_checked(document(metadata=misspelt))


def test_a_list_is_taken_apart_however_deep():
    inner = {"apiVersion": "v1", "kind": "ConfigMapList", "items": [document(name="b")]}
    outer = {"apiVersion": "v1", "kind": "List", "items": [document(name="a"), inner]}
    found = list(expand([raw(outer, "all.yaml"), raw(document(name="c"), "c.yaml")]))
    assert [(one.document["metadata"]["name"], one.source) for one in found] == [
        ("a", "all.yaml, item 1"),
        ("b", "all.yaml, item 2, item 1"),
        ("c", "c.yaml"),
    ]


def test_a_kind_that_ends_in_list_and_has_no_items_is_a_kind():
    written = document("example.com/v1", "ShoppingList", items={"milk": 1})
    assert [one.document for one in expand([raw(written)])] == [written]


@pytest.mark.parametrize(("item", "what"), [(None, "nothing"), ("x", "text"), ([], "a list")])
def test_an_item_of_a_list_must_be_an_object(item, what):
    with pytest.raises(InvalidManifest, match=f"web.yaml, line 1: item 1 of the List is {what} and must be an object"):
        list(expand([raw({"apiVersion": "v1", "kind": "List", "items": [item]})]))


@pytest.mark.parametrize(
    ("written", "secret"),
    [(document("v1", "Secret"), True), (document(), False), (document("example.com/v1", "Secret"), False), ({}, False)],
)
def test_what_a_secret_is(written, secret):
    assert is_secret(written) is secret
