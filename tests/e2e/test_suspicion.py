"""Changes that no metadata shows, on a real control plane: an apply under our own name, and a policy that changes what others send."""

import json

import pytest

from tests.e2e.test_cluster import FILES, writes
from tests.servers.real import kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

POLICY = """apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {{name: {namespace}}}
spec:
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
    resourceRules: [{{apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [deployments]}}]
  matchConditions: [{{name: labelled, expression: "'changed' in object.metadata.labels"}}]
  reinvocationPolicy: Never
  failurePolicy: Fail
  mutations: [{{patchType: ApplyConfiguration, applyConfiguration: {{expression: "Object{{spec: Object.spec{{replicas: 3}}}}"}}}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {{name: {namespace}}}
spec: {{policyName: {namespace}}}
"""


def replicas(system):
    return kubectl(system, "get", "deployment", "web", "-o", "jsonpath={.spec.replicas}")


async def put_back(system):
    async def look():
        return replicas(system) == "0"

    await system.until(look, "the replicas are put back")


async def test_an_apply_under_our_own_name_is_put_back(system, control_plane):
    await system.ended(await system.push(FILES))
    live = json.loads(kubectl(system, "get", "deployment", "web", "-o", "json"))
    for name in ("creationTimestamp", "generation", "resourceVersion", "uid"):
        del live["metadata"][name]
    del live["status"], live["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    live["spec"]["replicas"] = 1
    file = system.directory / "forged.json"
    file.write_text(json.dumps(live))
    before = len(writes(control_plane, system))
    manager = f"--field-manager=trueup-{system.instance}"
    kubectl(system, "apply", "--server-side", "--force-conflicts", manager, "-f", str(file))
    assert replicas(system) in ("0", "1")
    await put_back(system)
    assert len(writes(control_plane, system)) - before == 2, "one dry run and one apply"


async def test_what_a_policy_changed_in_somebody_elses_request_is_put_back(system):
    await system.ended(await system.push(FILES))
    file = system.directory / "policy.yaml"
    file.write_text(POLICY.format(namespace=system.namespace))
    kubectl(system, "apply", "-f", str(file))

    async def is_in_force():
        kubectl(system, "label", "deployment", "web", "changed=yes", "--overwrite")
        found = replicas(system) == "3"
        kubectl(system, "label", "deployment", "web", "changed-")
        return found

    try:
        await system.until(is_in_force, "the policy is in force")
        await put_back(system)
    finally:
        kubectl(system, "delete", "-f", str(file))
