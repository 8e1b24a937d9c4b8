"""A few objects by their names."""

from dataclasses import replace

import pytest

from reconciler.errors import Stalled
from reconciler.model.outcome import Action, Plan, Revision, Step
from reconciler.plan.select import SHAPE, chosen, narrowed
from tests.reconciler.plan.made import SHOP, key

WEB = key("Deployment", group="apps")
OTHER = replace(WEB, namespace="other")
CERTIFICATE = key("Certificate", group="cert-manager.io")
ROLE = key("ClusterRole", "admin", group="rbac.authorization.k8s.io", namespace="")
KEYS = (WEB, OTHER, CERTIFICATE, ROLE)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Deployment/web"], {WEB, OTHER}),
        (["deployment/web"], {WEB, OTHER}),
        (["shop/Deployment/web"], {WEB}),
        (["Deployment.apps/web"], {WEB, OTHER}),
        (["Certificate.cert-manager.io/web"], {CERTIFICATE}),
        (["Certificate/web", "ClusterRole/admin"], {CERTIFICATE, ROLE}),
    ],
)
def test_objects_are_found_by_their_names(names, found):
    assert chosen(KEYS, names) == found


@pytest.mark.parametrize("name", ["Deployment/api", "nowhere/Deployment/web", "Deployment.batch/web", "shop/ClusterRole/admin"])
def test_a_name_that_means_nothing_is_refused(name):
    with pytest.raises(Stalled, match=f"nothing is called {name}; there are other/Deployment/web, shop/Deployment/web"):
        chosen(KEYS, ["Deployment/web", name])


def test_many_objects_are_counted():
    many = [key(name=f"c{number}") for number in range(9)]
    with pytest.raises(Stalled, match=r"shop/ConfigMap/c4 and 4 more"):
        chosen(many, ["ConfigMap/x"])
    with pytest.raises(Stalled, match="there are no objects"):
        chosen([], ["ConfigMap/x"])


def test_a_plan_for_a_few_objects_deletes_nothing():
    steps = [Step(Action.CREATE, one, "not there") for one in KEYS]
    whole = Plan(
        SHOP, Revision("", "a" * 40), ((steps[0], steps[1]), (steps[2],)), (Step(Action.DELETE, ROLE, "no longer in Git"),)
    )
    few = narrowed(whole, frozenset({OTHER}))
    assert (few.stages, few.deletions, few.holds) == (((steps[1],),), (), ())


@pytest.mark.parametrize(
    ("name", "fits"),
    [("Deployment/web", True), ("shop/Deployment/web", True), ("web", False), ("a/b/c/d", False), ("a b/c", False)],
)
def test_the_shape_of_a_name(name, fits):
    assert bool(SHAPE.fullmatch(name)) is fits
