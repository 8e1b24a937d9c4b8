"""Every row of what was done to a live object: what is found, and who is named. The entries are a real API server's own words."""

from dataclasses import replace

import pytest

from reconciler.model.declared import Instance
from reconciler.model.objects import Kind, Kinds
from reconciler.model.outcome import Drift, DriftKind, FieldDrift
from reconciler.model.policy import ForeignPolicy
from reconciler.plan.claim import our_entry
from reconciler.plan.drift import assess, fingerprint, lost_fields, tolerated
from reconciler.plan.foreign import STRICT, Tolerance
from reconciler.plan.marks import APPLIED
from tests.reconciler.plan.made import INSTANCE_ID, KINDS, document, entry, live, manifest, ours
from tests.reconciler.plan.recorded import FILES, recorded

POD = "spec.template.spec"

NO_DRIFT = {
    "applied": "nothing, but for the status that the controller wrote",
    "foreign-label-by-a-controller": "a label beside ours, by no person",
    "env-added-by-an-injector": "an item beside ours, by no person",
    "restarted": "kubectl rollout restart",
    "restarted-by-patch": "the same request by another tool",
    "co-owned": "another applier holds the same value",
    "quantity-respelt": "1000m is 1",
    "autoscaled": "replicas belong to the autoscaler",
    "ca-injected": "a certificate was injected",
    "deny-all": "an empty list of ours that nobody filled",
    "dns": "a protocol that the server filled in",
}

CHANGED = {
    "scaled": ("spec.replicas", "kubectl"),
    "image-edited": (f"{POD}.containers[0].image", "kubectl-edit"),
    "env-value": (f"{POD}.containers[0].env[0].value", "kubectl-set"),
    "env-removed": (f"{POD}.containers[0].env[0]", ""),
    "atomic-list-item": (f"{POD}.containers[0].args", "kubectl-patch"),
    "our-label-removed": ("metadata.labels.tier", ""),
    "instance-label-changed": ("metadata.labels[trueup.dev/instance]", "kubectl-label"),
    "replaced": (f"{POD}.containers[0].image", "kubectl-replace"),
    "forced-by-another": ("spec.replicas", "argocd-controller"),
    "co-owned-then-changed": ("spec.replicas", "argocd-controller"),
    "changed-and-back": ("spec.replicas", "kubectl"),
    "update-under-our-name": ("spec.replicas", "trueup"),
    "quantity-respelt-by-apply": (f"{POD}.containers[0].resources.limits.cpu", "argocd-controller"),
    "autoscaled-then-scaled-by-hand": ("spec.replicas", "kubectl"),
    "many-updaters": ("spec.replicas", "ancient-changes"),
    "deny-all-opened": ("spec.ingress", "opener"),
    "dns-without-tcp": ("spec.ports[0]", ""),
    "wiped": ("managedFields", ""),
    "version-removed": ("managedFields", ""),
}

FOREIGN = {
    "host-network": (f"{POD}.hostNetwork", "kubectl-patch"),
    "host-network-and-restart": (f"{POD}.hostNetwork", "kubectl-edit"),
    "config-key-added": ("data.extra", "kubectl-edit"),
    "created-by-kubectl": ("spec.progressDeadlineSeconds", "kubectl-create"),
    "applied-by-kubectl": (
        "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
        "kubectl-client-side-apply",
    ),
    "wiped-and-applied": ("metadata.annotations[deployment.kubernetes.io/revision]", "before-first-apply"),
}


def test_every_recorded_case_is_judged():
    assert {file.stem for file in FILES.glob("*.json")} == {*NO_DRIFT, *CHANGED, *FOREIGN, "terminating"}


@pytest.mark.parametrize("case", sorted(NO_DRIFT))
def test_no_drift(case):
    desired, found = recorded(case)
    assert assess(desired, found, INSTANCE_ID, kinds=KINDS) == ()
    assert lost_fields(desired, found, INSTANCE_ID) == ()


@pytest.mark.parametrize("case", sorted(CHANGED))
def test_a_lost_field_is_named_with_who_holds_it_now(case):
    desired, found = recorded(case)
    (drift,) = assess(desired, found, INSTANCE_ID, kinds=KINDS)
    assert (drift.kind, drift.key) == (DriftKind.CHANGED, desired.key)
    assert [(field.path, field.manager) for field in drift.fields] == [CHANGED[case]]


@pytest.mark.parametrize("case", sorted(FOREIGN))
def test_what_people_put_beside_ours_is_named_with_its_tool(case):
    desired, found = recorded(case)
    (drift,) = assess(desired, found, INSTANCE_ID, kinds=KINDS)
    assert drift.kind is DriftKind.FOREIGN
    assert (drift.fields[0].path, drift.fields[0].manager) == FOREIGN[case]
    assert {field.manager for field in drift.fields} == {FOREIGN[case][1]}
    assert all(field.at for field in drift.fields)


@pytest.mark.parametrize("case", ["host-network", "created-by-kubectl", "config-key-added"])
@pytest.mark.parametrize("policy", [ForeignPolicy.REPORT, ForeignPolicy.IGNORE])
def test_what_people_put_beside_ours_is_no_drift_where_the_policy_says_so(case, policy):
    desired, found = recorded(case)
    assert assess(desired, found, INSTANCE_ID, Tolerance(policy), kinds=KINDS) == ()


def test_when_a_field_was_changed_is_told_as_far_as_the_server_knows():
    desired, found = recorded("image-edited")
    (drift,) = assess(desired, found, INSTANCE_ID)
    at = next(one.time for one in found.managers if one.manager == "kubectl-edit")
    assert drift.fields[0].at == at != ""
    (scaled,) = assess(*recorded("scaled"), INSTANCE_ID)
    assert scaled.fields[0].at == "", "the server notes no time of an entry made through the subresource scale"


@pytest.mark.parametrize("found", [None, recorded("terminating")[1]], ids=["gone", "going"])
def test_an_object_that_is_gone_or_going_is_missing(found):
    desired, _ = recorded("terminating")
    assert assess(desired, found, INSTANCE_ID) == (Drift(desired.key, DriftKind.MISSING),)


def test_older_content_of_ours_is_no_drift():
    desired, found = recorded("scaled")
    older = replace(found, annotations={**found.annotations, APPLIED: "v1:older"})
    assert assess(desired, older, INSTANCE_ID) == ()


def test_a_content_mark_that_somebody_else_wrote_is_drift():
    desired, found = recorded("config-key-added")
    entries = tuple(
        entry("kubectl-annotate", {"f:metadata": {"f:annotations": {f"f:{APPLIED}": {}}}}, time="2030-01-01T00:00:00Z")
        if one.manager == "kubectl-edit"
        else replace(one, fields={"f:data": {"f:colour": {}}, "f:metadata": _without_applied(one.fields["f:metadata"])})
        for one in found.managers
    )
    changed = replace(found, managers=entries, annotations={**found.annotations, APPLIED: "v1:forged"})
    (drift,) = assess(desired, changed, INSTANCE_ID)
    assert [(field.path, field.manager) for field in drift.fields] == [(f"metadata.annotations[{APPLIED}]", "kubectl-annotate")]


def _without_applied(metadata):
    return {**metadata, "f:annotations": {name: {} for name in metadata["f:annotations"] if name != f"f:{APPLIED}"}}


def test_another_instance_finds_nothing_of_its_own():
    desired, found = recorded("applied")
    assert lost_fields(desired, found, Instance("blue")) == ((),)
    (drift,) = assess(desired, found, Instance("blue"))
    assert drift.fields == (FieldDrift("managedFields", "trueup", our_entry(found, "trueup").time),)


def test_an_entry_at_a_served_version_beside_the_preferred_one_is_an_entry():
    desired, found = recorded("version-removed")
    both = Kinds([*KINDS, Kind("example.com", "v1alpha1", "Widget", "widgets", namespaced=True)])
    assert assess(desired, found, INSTANCE_ID, kinds=both) == ()


def test_a_kind_that_is_not_served_at_all_says_nothing_of_an_entry():
    desired, found = recorded("version-removed")
    assert assess(desired, found, INSTANCE_ID, kinds=Kinds([])) == ()


def test_what_a_tool_of_people_merely_holds_with_us_is_drift_since_it_would_outlive_its_removal():
    desired = manifest(document(data={"colour": "blue"}))
    shared = entry("kubectl-create", {"f:data": {"f:colour": {}}})
    found = live(desired.key, ours({"f:data": {"f:colour": {}}, "f:metadata": _labels()}), shared, applied=desired.digest)
    (drift,) = assess(desired, found, INSTANCE_ID)
    assert drift.fields == (FieldDrift("managedFields", "kubectl-create", shared.time),)


def _labels():
    marks = ours().fields["f:metadata"]
    return {**marks, "f:labels": {**marks["f:labels"], "f:trueup.dev/application": {}}}


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("foreign-label-by-a-controller", "metadata.labels.team"),
        ("env-added-by-an-injector", f"{POD}.containers[name=web].env[name=SEEN]"),
    ],
)
def test_what_is_tolerated_beside_ours_can_be_shown(case, path):
    desired, found = recorded(case)
    told = tolerated(desired, found, INSTANCE_ID, STRICT)
    assert told is not None
    assert path in [field.path for field in told.fields]


def test_what_is_taken_out_is_not_said_to_be_tolerated():
    desired, found = recorded("host-network")
    assert tolerated(desired, found, INSTANCE_ID, STRICT) is None
    reported = tolerated(desired, found, INSTANCE_ID, Tolerance(ForeignPolicy.REPORT))
    assert reported is not None
    assert [field.path for field in reported.fields] == [f"{POD}.hostNetwork"]


@pytest.mark.parametrize(
    ("case", "policy"),
    [
        pytest.param("foreign-label-by-a-controller", ForeignPolicy.IGNORE, id="policy"),
        pytest.param("wiped", None, id="no entry of ours"),
        pytest.param("forced-by-another", None, id="a field of ours is lost"),
        pytest.param("applied", None, id="nothing beside"),
    ],
)
def test_nothing_is_said_to_be_tolerated(case, policy):
    assert tolerated(*recorded(case), INSTANCE_ID, Tolerance(policy)) is None


@pytest.mark.parametrize("case", ["scaled", "image-edited", "wiped", "host-network", "terminating", "autoscaled"])
def test_drift_changes_the_fingerprint(case):
    assert fingerprint(recorded(case)[1], "trueup") != fingerprint(recorded("applied")[1], "trueup")


@pytest.mark.parametrize("case", ["foreign-label-by-a-controller", "env-added-by-an-injector", "restarted", "co-owned"])
def test_what_is_no_drift_leaves_the_fingerprint(case):
    found, before = recorded(case)[1], recorded("applied")[1]
    entries = [one for one in found.managers if one.manager != "kubectl-rollout"]
    assert fingerprint(replace(found, managers=tuple(entries)), "trueup") == fingerprint(before, "trueup")
