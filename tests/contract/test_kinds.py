"""Every built-in kind: what a server fills in, respells and drops, and that the same document again changes nothing."""

import pytest
import yaml

from tests.contract.api import entries, fields
from tests.contract.filled import NAMED, TABLE, filled, made_of, name_of, samples
from tests.contract.objects import network_policy, unique
from tests.contract.offered import not_offered

SAMPLES = tuple(samples())
RECORDED = yaml.safe_load(TABLE.read_text())
RARE = {
    "APIService", "CertificateSigningRequest", "ClusterTrustBundle", "DeviceClass", "DeviceTaintRule", "FlowSchema",
    "PriorityLevelConfiguration", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice", "StorageVersionMigration",
}  # fmt: skip
WITHOUT_RECORD = {"CertificateSigningRequest"}
"""Kinds whose managed fields the server drops."""
CHANGED = {
    "v1 Node bare",  # admission adds a taint to a new one, and the list of taints is owned as a whole
    "networking.k8s.io/v1 NetworkPolicy deny-all",  # its own test is below
}
CONTROLLED = {
    "DaemonSet",
    "Deployment",
    "Job",
    "PersistentVolumeClaim",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "StatefulSet",
}
"""Kinds that controllers write, too."""


def gap(sample):
    """What the sandbox does not offer of a sample."""
    if sample["kind"] in RARE:
        return [not_offered("rare kinds")]
    return [not_offered("old versions of built-in kinds")] if sample["apiVersion"] == "autoscaling/v1" else []


CASES = [pytest.param(sample, id=name_of(sample), marks=gap(sample)) for sample in SAMPLES]


@pytest.mark.parametrize("sample", CASES)
async def test_what_is_filled_in(api, sample):
    made = await made_of(api, sample)
    assert filled(sample, made) == RECORDED[name_of(sample)]
    assert list(entries(made)) == ([] if sample["kind"] in WITHOUT_RECORD else [("trueup", "Apply", "")])


AGAIN = [case for case in CASES if case.values[0]["kind"] not in NAMED | RARE and case.id not in CHANGED]


@pytest.mark.parametrize("sample", AGAIN)
async def test_the_same_document_again_changes_nothing(api, sample):
    if not api.kind(sample).namespaced or "namespace" in sample["metadata"]:
        sample = sample | {"metadata": sample["metadata"] | {"name": unique("sample")}}
    first = (await api.apply(sample)).object
    again = (await api.apply(sample)).object
    assert fields(again) == fields(first)
    assert {name: value for name, value in again.items() if name not in ("metadata", "status")} == {
        name: value for name, value in first.items() if name not in ("metadata", "status")
    }
    if sample["kind"] not in CONTROLLED:
        assert again == first
    await api.delete(sample)


@not_offered("generations that nothing explains")
async def test_an_empty_list_in_a_network_policy_counts_a_generation_at_every_apply(api):
    first = (await api.apply(network_policy())).object
    again = (await api.apply(network_policy())).object
    assert again["spec"] == first["spec"]
    assert again["metadata"]["generation"] == first["metadata"]["generation"] + 1
    labelled = (await api.patch(network_policy(), {"metadata": {"labels": {"theirs": "1"}}})).object
    assert labelled["metadata"]["generation"] == again["metadata"]["generation"]
