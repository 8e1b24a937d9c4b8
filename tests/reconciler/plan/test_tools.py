"""Which manager names are which tools."""

import pytest

from reconciler.plan.tools import is_known, is_people, is_scaler


@pytest.mark.parametrize(
    ("manager", "people", "known", "scaler"),
    [
        ("kubectl", True, True, False),
        ("kubectl-edit", True, True, False),
        ("kubectl-client-side-apply", True, True, False),
        ("kubectl-rollout", False, True, False),
        ("before-first-apply", True, True, False),
        ("helm", False, True, False),
        ("argocd-controller", False, True, False),
        ("kustomize-controller", False, True, False),
        ("my-operator", False, False, False),
        ("trueup-blue", False, False, False),
        ("kube-controller-manager", False, False, True),
        ("keda", False, False, True),
    ],
)
def test_a_manager_is_sorted_by_its_name(manager, people, known, scaler):
    assert (is_people(manager), is_known(manager), is_scaler(manager)) == (people, known, scaler)
