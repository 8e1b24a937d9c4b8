"""The order of applying and deleting."""

from dataclasses import replace

import pytest

from reconciler.model.outcome import Action, Step
from reconciler.plan.order import deletion_order, deletion_waves, is_in_wave, rank, stages
from tests.reconciler.plan.made import document, key, manifest, owned

OF_CLUSTER = {"Namespace": "", "CustomResourceDefinition": "apiextensions.k8s.io", "StorageClass": "storage.k8s.io"}
GROUPS = {
    **OF_CLUSTER,
    "Deployment": "apps",
    "ValidatingWebhookConfiguration": "admissionregistration.k8s.io",
    "Widget": "example.com",
}


def made(kind, wave=0, group=None, name="web"):
    group = GROUPS.get(kind, "") if group is None else group
    return replace(manifest(document(f"{group}/v1" if group else "v1", kind, name)), wave=wave)


def going(kind, wave=0):
    return owned(key(kind, group=GROUPS.get(kind, "")), wave=wave)


def names(found):
    return [[f"{one.key.kind}/{one.key.name}" for one in stage] for stage in found]


@pytest.mark.parametrize(
    ("manifests", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(
            [made("Deployment"), made("StorageClass"), made("Namespace"), made("CustomResourceDefinition")],
            [["Namespace/web", "CustomResourceDefinition/web"], ["StorageClass/web"], ["Deployment/web"]],
            id="definitions and namespaces, classes, the rest",
        ),
        pytest.param(
            [made("Deployment"), made("ValidatingWebhookConfiguration"), made("Widget"), made("Service"), made("ConfigMap"),
             made("Secret"), made("ServiceAccount")],
            [["ServiceAccount/web", "Secret/web", "ConfigMap/web", "Service/web", "Deployment/web", "Widget/web",
              "ValidatingWebhookConfiguration/web"]],
            id="kinds within a wave, webhooks last",
        ),
        pytest.param(
            [made("Deployment", 1), made("ConfigMap", 2), made("Deployment", -1, name="first"), made("Secret")],
            [["Deployment/first"], ["Secret/web"], ["Deployment/web"], ["ConfigMap/web"]],
            id="waves before kinds",
        ),
        pytest.param(
            [made("Namespace", 5), made("ConfigMap", -5)], [["Namespace/web"], ["ConfigMap/web"]], id="namespaces before all waves"
        ),
        pytest.param(
            [made("Secret", name="b"), made("Secret", name="a")], [["Secret/a", "Secret/b"]], id="by name within a kind"
        ),
        pytest.param(
            [made("Namespace", group="example.com"), made("Secret")], [["Secret/web", "Namespace/web"]], id="somebody's own Namespace"
        ),
    ],
)  # fmt: skip
def test_the_stages(manifests, expected):
    assert names(stages(manifests)) == expected


def test_deletions_go_the_other_way():
    kinds = ("Namespace", "StorageClass", "Secret", "Widget", "Deployment", "Service", "ValidatingWebhookConfiguration")
    found = [one.key.kind for one in deletion_order(going(kind) for kind in kinds)]
    assert found == [
        "ValidatingWebhookConfiguration", "Widget", "Deployment", "Service", "Secret", "StorageClass", "Namespace",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("doomed", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([("Secret", -1), ("Deployment", 2), ("Secret", 2), ("Widget", 0)],
                     [["Deployment", "Secret"], ["Widget"], ["Secret"]], id="the highest wave first"),
        pytest.param([("Namespace", 9), ("Secret", 0), ("StorageClass", 5), ("CustomResourceDefinition", -3)],
                     [["Secret"], ["StorageClass"], ["Namespace", "CustomResourceDefinition"]],
                     id="what others cannot do without goes last, whatever wave it names"),
    ],
)  # fmt: skip
def test_deletions_go_wave_by_wave(doomed, expected):
    steps = [Step(Action.DELETE, one.key, "", wave=one.wave) for one in deletion_order(going(*each) for each in doomed)]
    assert [[step.key.kind for step in wave] for wave in deletion_waves(steps)] == expected


def test_somebodys_own_service_has_no_rank():
    assert rank(key("Service", group="serving.knative.dev")) == rank(key("Widget", group="example.com")) > rank(key("Service"))


@pytest.mark.parametrize(
    ("kind", "is_in"),
    [("Deployment", True), ("Widget", True), ("Namespace", False), ("CustomResourceDefinition", False), ("StorageClass", False)],
)
def test_what_others_cannot_do_without_is_in_no_wave(kind, is_in):
    assert is_in_wave(made(kind).key) is is_in
