"""Charts and artifacts go live as commits do: by a poll, each version a job; unsigned ones do not. On the sandbox."""

import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.servers.registry import CHART_LAYER, Registry, archive, chart
from tests.servers.system import System, config_map
from tests.tools.build import find

pytestmark = pytest.mark.long

KEY = ec.generate_private_key(ec.SECP256R1())
TEMPLATE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {value: {{ .Values.value | quote }}}\n"


def declared(registry, namespace):
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    return f"""
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {{name: charts}}
spec: {{url: '{registry.url}/charts', type: helm, poll: 300ms}}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {{name: registry}}
spec: {{url: 'oci://{registry.host}/acme/charts', poll: 300ms}}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {{name: app}}
spec:
  url: oci://{registry.host}/acme/app
  poll: 300ms
  verify: {{keys: [{json.dumps(pem)}]}}
---
""" + "---\n".join(
        f"apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
        f"spec: {{sources: [{source}], sync: {{timeout: 5s}}, destination: {{namespace: {namespace}-{name}, createNamespace: true}}}}\n"
        for name, source in {
            "helm": "{chart: {repository: charts, name: web, version: ^1}, render: {helm: {values: {value: two}}}}",
            "oci-chart": "{chart: {repository: registry, name: web, version: ^1}}",
            "signed": "{oci: {repository: app, path: apps}}",
        }.items()
    )  # fmt: skip


class WithRegistry(System):
    registry: Registry

    def declare(self, **policies):
        super().declare(**policies)
        path = self.directory / "declarations" / "all.yaml"
        path.write_text(path.read_text() + "---\n" + declared(self.registry, self.namespace))

    async def value(self, application, name="web"):
        _, found = await self.kube("GET", f"/api/v1/namespaces/{self.namespace}-{application}/configmaps/{name}")
        return found.get("data", {}).get("value")

    async def becomes(self, application, value):
        async def look():
            return await self.value(application) == value

        await self.until(look, f"{application} is at {value}")

    async def told(self, application, newest, oldest):
        """The history says these versions, first and last."""

        async def look():
            _, found = await self.get(f"/api/v1/applications/trueup/{application}/history")
            versions = [item["versions"] for item in found["items"]]
            return versions and (versions[0], versions[-1]) == ([newest], [oldest])

        await self.until(look, f"the history of {application} says {newest}")


@pytest.fixture
async def system(tmp_path, valkey):
    async with Registry() as registry:
        registry.add_chart("web", "1.0.0", chart("web", "1.0.0", TEMPLATE))
        registry.push("acme/charts/web", "1.0.0", chart("web", "1.0.0", TEMPLATE), CHART_LAYER)
        WithRegistry.registry = registry
        async with WithRegistry(tmp_path, applications={}, redis_url=valkey.url, settings={"helm": find("helm")}) as system:
            yield system


@pytest.mark.tool("helm")
async def test_a_new_version_goes_live_without_a_push(system):
    await system.becomes("helm", "two")
    await system.becomes("oci-chart", "one")
    system.registry.add_chart(
        "web", "1.1.0", chart("web", "1.1.0", TEMPLATE.replace("name: web", "name: web, labels: {new: 'yes'}"))
    )
    system.registry.push("acme/charts/web", "1.1.0", chart("web", "1.1.0", TEMPLATE, "value: three\n"), CHART_LAYER)
    await system.becomes("oci-chart", "three")

    async def has_label():
        _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}-helm/configmaps/web")
        return found["metadata"]["labels"].get("new") == "yes"

    await system.until(has_label, "the new version is live")
    for name in ("helm", "oci-chart"):
        await system.told(name, "1.1.0", "1.0.0")
        _, found = await system.get(f"/api/v1/applications/trueup/{name}/history")
        _, job = await system.get(f"/api/v1/jobs/{found['items'][0]['job']}")
        assert [sync["versions"] for sync in job["syncs"] if sync["application"] == f"trueup/{name}"] == [["1.1.0"]]
    system.registry.add_chart("web", "2.0.0", chart("web", "2.0.0", TEMPLATE.replace("two", "never")))
    _, accepted = await system.post("/api/v1/applications/trueup/oci-chart/rollback")
    assert (await system.ended(accepted["id"]))["state"] == "succeeded"
    assert await system.value("oci-chart") == "one"
    await system.told("oci-chart", "1.0.0", "1.0.0")


@pytest.mark.tool("helm")
async def test_a_worker_with_an_empty_state_directory_goes_on(system, tmp_path):
    await system.becomes("helm", "two")
    await system.stop()
    system.more_settings |= {"state": tmp_path / "anew"}
    await system.start()
    path = f"/api/v1/namespaces/{system.namespace}-helm/configmaps/web"
    await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
    await system.becomes("helm", "two")


async def test_an_artifact_goes_live_when_it_is_signed(system):
    files = {"apps/a.yaml": config_map("web")}
    digest = system.registry.push("acme/app", "latest", archive(files))

    async def refused():
        _, found = await system.get("/api/v1/applications/trueup/signed")
        return found["message"] if found.get("state") == "failed" else ""

    assert f"trueup/app: {digest} is not signed; spec.verify wants one by: spec.verify.keys[0]" in await system.until(
        refused, "it fails"
    )
    assert await system.value("signed") is None
    system.registry.sign("acme/app", digest, lambda content: KEY.sign(content, ec.ECDSA(hashes.SHA256())))

    async def synced():
        _, accepted = await system.post("/api/v1/applications/trueup/signed/sync")
        return (await system.ended(accepted["id"]))["state"] == "succeeded"

    await system.until(synced, "it is signed", pause=0.3)
    assert await system.value("signed") == "1"
    digest = system.registry.push("acme/app", "latest", archive({"apps/a.yaml": config_map("web", "2")}))
    system.registry.sign("acme/app", digest, lambda content: KEY.sign(content, ec.ECDSA(hashes.SHA256())))
    await system.becomes("signed", "2")
