"""Applications wait for those they depend on: in one push, across pushes and repositories, by event. On the sandbox."""

import asyncio
from datetime import datetime

import pytest

from tests.servers.system import System, config_map

pytestmark = pytest.mark.timeout(60)

OTHER = "acme/platform"


def application(name, repository, *depends):
    return (
        f"apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
        f"spec: {{sources: [{{git: {{repository: {repository}, path: apps/{name}}}}}], sync: {{timeout: 2s}}, "
        f"destination: {{namespace: shop, createNamespace: true}}, "
        f"dependsOn: [{', '.join(f'{{name: {each}}}' for each in depends)}]}}\n"
    )


class Two(System):
    """A second repository beside the first, with an application `db`."""

    def declare(self, **policies):
        super().declare(**policies)
        more = (
            "apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {name: platform}\n"
            f"spec: {{url: '{self.git.url(OTHER)}', forge: generic, poll: 300ms}}\n"
        )
        path = self.directory / "declarations" / "all.yaml"
        path.write_text(path.read_text() + "---\n" + more)


@pytest.fixture
async def system(tmp_path, valkey, request):
    """Web, api and store, each for the next one; or, for the tests that ask for two repositories, front for the db of the other one."""
    chain = [application("web", "shop", "api"), application("api", "shop", "store"), application("store", "shop")]
    pair = [application("front", "shop", "db"), application("store", "shop"), application("db", "platform")]
    more = "---\n".join(pair if hasattr(request, "param") else chain)
    system_of = Two if hasattr(request, "param") else System
    async with system_of(tmp_path, applications={}, redis_url=valkey.url, more=more) as system:
        system.namespace = "shop"
        yield system


two_repositories = pytest.mark.parametrize("system", ["two repositories"], indirect=True)


def deployment(name, image="app:1"):
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n"
        f"  template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: c, image: '{image}'}}]}}}}\n"
    )


CHAIN = {
    "apps/web/a.yaml": config_map("web"), "apps/api/a.yaml": deployment("api"), "apps/store/a.yaml": deployment("store"),
}  # fmt: skip


PAIR = {"apps/front/a.yaml": config_map("front"), "apps/store/a.yaml": deployment("store")}


async def get(system, plural, name):
    group = "apis/apps/v1" if plural == "deployments" else "api/v1"
    status, document = await system.kube("GET", f"/{group}/namespaces/shop/{plural}/{name}")
    return document if status == 200 else None


async def is_there(system, name):
    return await get(system, "configmaps", name) is not None


async def waiting(system, job_id):
    async def look():
        _, job = await system.get(f"/api/v1/jobs/{job_id}")
        return job if job["state"] == "waiting" else None

    return await system.until(look, "the job waits")


def states(job):
    return {sync["application"].partition("/")[2]: sync["state"] for sync in job["syncs"]}


async def test_one_push_goes_in_the_order_of_dependencies(system):
    job = await system.ended(await system.push(CHAIN))
    assert job["state"] == "succeeded", job["message"]
    by_name = {sync["application"].partition("/")[2]: sync for sync in job["syncs"]}
    assert by_name["store"]["healthy"] <= by_name["api"]["applied"] < by_name["api"]["healthy"] <= by_name["web"]["applied"]


async def test_what_fails_stops_those_that_depend_on_it_and_they_say_so(system):
    job = await system.ended(await system.push({**CHAIN, "apps/store/a.yaml": deployment("store", "app:broken")}))
    assert job["state"] == "failed"
    assert states(job) == {"store": "failed", "api": "waiting", "web": "waiting"}
    by_name = {sync["application"].partition("/")[2]: sync for sync in job["syncs"]}
    assert "waits for trueup/store, which is failed: shop/Deployment/store: pod store-" in by_name["api"]["message"]
    assert by_name["web"]["message"].startswith("waits for trueup/api, which is waiting: waits for trueup/store")
    assert by_name["api"]["awaits"] == ["trueup/store"]
    assert await get(system, "deployments", "api") is None
    mended = await system.ended(await system.push({"apps/store/a.yaml": deployment("store", "app:2")}))
    assert (mended["state"], states(mended)) == ("succeeded", {"store": "succeeded", "api": "succeeded", "web": "succeeded"})


@pytest.mark.long
async def test_what_becomes_healthy_by_itself_lets_those_go_on_that_wait_for_it(system):
    job = await system.ended(await system.push({**CHAIN, "apps/store/a.yaml": deployment("store", "app:broken")}))
    assert job["state"] == "failed"

    async def mend():
        """As when the image can be had at last: the same Deployment, whose pods start now."""
        store = system.cluster.store
        for pod in store.all(("", "pods"), "shop"):
            status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": None}]}
            await system.kube(
                "PATCH", f"/api/v1/namespaces/shop/pods/{pod['metadata']['name']}/status",
                {"status": status}, "application/merge-patch+json", manager="kubelet",
            )  # fmt: skip
        return (await get(system, "deployments", "store"))["status"].get("availableReplicas") == 1

    await system.until(mend, "the pods run")
    await system.until(lambda: is_there(system, "web"), "all that waited is applied")
    _, jobs = await system.get("/api/v1/jobs?application=trueup/api")
    assert jobs["items"][0]["kind"] == "dependency"


@two_repositories
async def test_an_application_waits_for_one_of_another_repository_and_goes_on_at_once(system):
    job_id = await system.push(PAIR)
    job = await waiting(system, job_id)
    assert "waits for trueup/db, which was not synced yet" in job["message"]
    assert not await is_there(system, "front")
    before = len(system.cluster.requests)
    await asyncio.sleep(0.3)
    assert len(system.cluster.requests) == before
    await system.git.commit(OTHER, {"apps/db/a.yaml": deployment("db")}, message="a database")

    job = await system.ended(job_id)
    assert job["state"] == "succeeded"
    assert await is_there(system, "front")
    _, jobs = await system.get("/api/v1/jobs?application=trueup/db")
    healthy = datetime.fromisoformat(jobs["items"][0]["syncs"][0]["healthy"])
    applied = next(datetime.fromisoformat(sync["applied"]) for sync in job["syncs"] if sync["application"] == "trueup/front")
    assert 0 < (applied - healthy).total_seconds() < 5  # looked at again without an event: after a minute


@pytest.mark.long
@two_repositories
async def test_what_waits_does_not_keep_others_of_its_push_or_a_newer_one(system):
    job_id = await system.push(PAIR)
    job = await waiting(system, job_id)
    assert states(job) == {"front": "waiting", "store": "succeeded"}
    newer_id = await system.push({"apps/store/a.yaml": deployment("store", "app:2")})
    newer = await waiting(system, newer_id)
    assert states(newer) == {"front": "waiting", "store": "succeeded"}
    _, job = await system.get(f"/api/v1/jobs/{job_id}")
    assert job["state"] == "superseded"
    await system.git.commit(OTHER, {"apps/db/a.yaml": config_map("db")}, message="a database")
    assert (await system.ended(newer_id))["state"] == "succeeded"


@two_repositories
async def test_a_restart_goes_on_waiting(system):
    job_id = await system.push(PAIR)
    await waiting(system, job_id)
    await system.stop()
    await system.start()
    await asyncio.sleep(0.2)
    await system.git.commit(OTHER, {"apps/db/a.yaml": config_map("db")}, message="a database")
    assert (await system.ended(job_id))["state"] == "succeeded"
    assert await is_there(system, "front")
