"""Waves: each is healthy before the next begins, one that fails stops those after it, and deletions go the other way. On the sandbox."""

import pytest

from tests.servers.system import System, config_map

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def system(tmp_path, valkey, deadline):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, timeout=deadline) as system:
        yield system


@pytest.fixture
def deadline():
    return "10s"


in_a_hurry = pytest.mark.parametrize("deadline", ["1s"])


def in_wave(text, wave, **annotations):
    told = "".join(f", {name}: '{value}'" for name, value in annotations.items())
    return text.replace("metadata: {name", f"metadata: {{annotations: {{trueup.dev/wave: '{wave}'{told}}}, name", 1)


def deployment(name, image="web:1"):
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n"
        f"  template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: c, image: '{image}'}}]}}}}\n"
    )


def tree(**texts):
    return {f"apps/web/{name}.yaml": text for name, text in texts.items()}


async def names(system):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return sorted(item["metadata"]["name"] for item in answer["items"])


async def created(system, plural, name):
    group = "apis/apps/v1" if plural == "deployments" else "api/v1"
    status, document = await system.kube("GET", f"/{group}/namespaces/{system.namespace}/{plural}/{name}")
    assert status == 200
    return int(document["metadata"]["resourceVersion"]), document


async def test_a_wave_is_healthy_before_the_next_begins(system):
    files = tree(
        last=in_wave(config_map("last"), 2),
        first=in_wave(deployment("first"), -1),
        middle=config_map("middle"),
    )
    job = await system.ended(await system.push(files))
    assert job["state"] == "succeeded", job["message"]
    (sync,) = job["syncs"]
    assert [step["object"].rpartition("/")[2] for step in sync["steps"]] == ["first", "middle", "last"]
    version, first = await created(system, "deployments", "first")
    assert first["status"]["availableReplicas"] == 1
    assert version < (await created(system, "configmaps", "middle"))[0] < (await created(system, "configmaps", "last"))[0]


async def test_an_object_that_is_refused_stops_later_waves(system):
    refused = config_map("refused").replace("value: '1'", "value: {no: text}").replace("ConfigMap", "Service", 1)
    refused = refused.replace("data: {value: {no: text}}", "spec: {ports: none}")
    job = await system.ended(await system.push(tree(a=refused, b=config_map("beside"), c=in_wave(config_map("later"), 1))))
    assert job["state"] == "failed"
    assert job["message"].endswith("1 object not applied")
    assert await names(system) == ["beside"]


@in_a_hurry
async def test_a_wave_that_is_not_healthy_in_time_stops_later_ones_and_says_why(system):
    files = tree(a=deployment("web", "web:broken"), b=in_wave(config_map("later"), 1))
    job = await system.ended(await system.push(files))
    assert job["state"] == "failed"
    assert "Deployment/web: pod web-" in job["message"]
    assert "ImagePullBackOff" in job["message"]
    assert await names(system) == []
    mended = await system.ended(await system.push(tree(a=deployment("web", "web:2"))))
    assert mended["state"] == "succeeded", mended["message"]
    assert await names(system) == ["later"]


async def test_a_newer_commit_does_not_wait_for_a_wave(system):
    files = tree(a=deployment("web", "web:broken"), b=in_wave(config_map("later"), 1))
    old = await system.push(files)

    async def waits():
        return system.cluster.store.get(("apps", "deployments"), system.namespace, "web")

    await system.until(waits, "the first wave is applied")
    mended = await system.ended(await system.push(tree(a=deployment("web", "web:2"))))
    assert mended["state"] == "succeeded", mended["message"]
    assert (await system.ended(old))["state"] == "superseded"


async def test_what_is_of_a_higher_wave_is_gone_before_the_next_is_deleted(system):
    kept = {f"k{n}": config_map(f"k{n}") for n in range(20)}
    await system.ended(await system.push(tree(a=in_wave(config_map("user"), 1), b=config_map("operator"), **kept)))
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/user"
    await system.kube("PATCH", path, {"metadata": {"finalizers": ["x/y"]}}, "application/merge-patch+json", manager="operator")
    job_id = await system.push(tree(a=None, b=None))

    async def is_going():
        _, document = await system.kube("GET", path)
        return "deletionTimestamp" in document["metadata"]

    await system.until(is_going, "the user is being deleted")
    assert "operator" in await names(system)
    await system.kube("PATCH", path, {"metadata": {"finalizers": []}}, "application/merge-patch+json", manager="operator")
    job = await system.ended(job_id)
    assert job["state"] == "succeeded", job["message"]
    assert not {"user", "operator"} & set(await names(system))


@pytest.mark.long
@in_a_hurry
async def test_what_does_not_go_in_time_keeps_lower_waves_and_says_what_it_waits_for(system):
    kept = {f"k{n}": config_map(f"k{n}") for n in range(20)}
    await system.ended(await system.push(tree(a=in_wave(config_map("user"), 1), b=config_map("operator"), **kept)))
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/user"
    await system.kube("PATCH", path, {"metadata": {"finalizers": ["x/y"]}}, "application/merge-patch+json", manager="operator")
    job_id = await system.push(tree(a=None, b=None))

    async def waits():
        _, job = await system.get(f"/api/v1/jobs/{job_id}")
        return job if job["state"] == "waiting" else None

    job = await system.until(waits, "the job waits")
    assert "ConfigMap/operator: waits for" in job["message"]
    assert "x/y" in job["message"]
    assert "operator" in await names(system)
    await system.kube("PATCH", path, {"metadata": {"finalizers": []}}, "application/merge-patch+json", manager="operator")
    assert (await system.ended(job_id))["state"] == "succeeded"
    assert not {"user", "operator"} & set(await names(system))
