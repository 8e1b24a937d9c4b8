"""A chart goes live: with what its destination serves, its hooks as ours, and again only when something of it changes."""

import pytest

from tests.servers.system import System, config_map
from tests.tools.build import find

pytestmark = pytest.mark.tool("helm")

TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data:
  value: {{ .Values.value | quote }}
  version: {{ .Capabilities.KubeVersion.Version }}
  deployments: {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" | quote }}
  nonsense: {{ .Capabilities.APIVersions.Has "nonsense/v1" | quote }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
"""


async def test_a_chart_is_synced_with_what_the_cluster_serves(tmp_path, valkey):
    settings = {"helm": find("helm")}
    async with System(
        tmp_path, applications={"web": "chart", "other": "other"}, redis_url=valkey.url, settings=settings
    ) as system:
        files = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "chart/values.yaml": "value: one\n"}
        job = await system.ended(
            await system.push({**files, "chart/templates/a.yaml": TEMPLATE, "other/a.yaml": config_map("other")})
        )
        assert job["state"] == "succeeded", job
        status, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
        assert status == 200
        _, version = await system.kube("GET", "/version")
        assert found["data"] == {
            "value": "one",
            "version": version["gitVersion"],
            "deployments": "true",
            "nonsense": "false",
        }
        job = await system.ended(await system.push({"chart/values.yaml": "value: two\n"}))
        assert [sync["application"] for sync in job["syncs"]] == ["trueup/web"]
        _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
        assert found["data"]["value"] == "two"
