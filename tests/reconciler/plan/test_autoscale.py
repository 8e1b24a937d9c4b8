"""Replicas that an autoscaler of Git decides."""

import pytest

from reconciler.plan.autoscale import notice, rule_for, target_of
from tests.reconciler.plan.made import document, key, manifest
from tests.reconciler.plan.recorded import DESIRED

WEB = key("Deployment", group="apps")


def hpa(**reference):
    spec = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"} | reference, "maxReplicas": 5}
    return manifest(document("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec=spec))


def scaled_object(reference):
    return manifest(
        document("keda.sh/v1alpha1", "ScaledObject", "web", metadata={"namespace": "shop"}, spec={"scaleTargetRef": reference})
    )


@pytest.mark.parametrize(
    ("scaler", "target"),
    [
        pytest.param(hpa(), WEB, id="a HorizontalPodAutoscaler"),
        pytest.param(hpa(kind="Fleet", apiVersion="example.com/v1"), key("Fleet", group="example.com"), id="of a custom kind"),
        pytest.param(scaled_object({"name": "web"}), WEB, id="a ScaledObject scales a Deployment unless it says otherwise"),
        pytest.param(
            scaled_object({"name": "web", "kind": "StatefulSet"}), key("StatefulSet", group="apps"), id="a ScaledObject"
        ),
        pytest.param(hpa(name=""), None, id="no name"),
        pytest.param(manifest(DESIRED["deployment"]), None, id="another kind"),
        pytest.param(manifest(document("autoscaling/v2", "HorizontalPodAutoscaler")), None, id="no spec"),
    ],
)
def test_what_is_scaled(scaler, target):
    assert target_of(scaler) == target


def test_the_rule_is_about_the_target_alone():
    rule = rule_for(WEB)
    assert rule.paths == ("spec.replicas",)
    assert rule.covers("apps", "Deployment", "shop", "web")
    assert not rule.covers("apps", "Deployment", "shop", "api")
    assert not rule.covers("apps", "Deployment", "other", "web")


def test_people_are_told_where_git_says_how_many():
    told = notice(manifest(DESIRED["deployment"]), hpa().key)
    assert told == "shop/Deployment/web: spec.replicas is left to shop/HorizontalPodAutoscaler/web; take it out of Git"
    spec = {name: value for name, value in DESIRED["deployment"]["spec"].items() if name != "replicas"}
    assert notice(manifest(document("apps/v1", "Deployment", spec=spec)), hpa().key) == ""
