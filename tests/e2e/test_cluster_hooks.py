"""Hooks and Jobs that vanish, on a real control plane: its Job controller and its finalizers have the last word."""

import asyncio
import json

import pytest

from tests.servers.kubelet import Kubelet
from tests.servers.system import System, config_map

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def job(name, image="tool:1", *, hook="", **spec):
    marks = {"trueup.dev/hook": hook} if hook else {}
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}
    return json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "annotations": marks},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}, **spec},
        }
    )


def tree(**texts):
    return {f"apps/web/{name}.yaml": text for name, text in texts.items()}


async def live(kubelet, system, name):
    status, found = await kubelet.request("GET", f"/apis/batch/v1/namespaces/{system.namespace}/jobs/{name}")
    return found if status == 200 else None


async def is_gone(kubelet, system, name):
    return await live(kubelet, system, name) is None


def steps(job):
    return [(step["action"], step["object"].partition("/")[2]) for sync in job["syncs"] for step in sync["steps"]]


async def test_hooks_run_once_for_each_content(system, kubelet):
    files = tree(a=job("migrate", hook="pre-sync"), b=config_map("web"), c=job("smoke", hook="post-sync"))
    done = await system.ended(await system.push(files))
    assert (done["state"], done["message"]) == ("succeeded", "1 object changed, 2 hooks run, all healthy")
    first = (await live(kubelet, system, "migrate"))["metadata"]
    again = await system.ended(await system.push({"apps/web/b.yaml": "# the same\n" + config_map("web")}))
    assert (again["state"], steps(again)) == ("succeeded", [])
    changed = await system.ended(await system.push(tree(a=job("migrate", "tool:2", hook="pre-sync"))))
    assert steps(changed) == [("run", "Job/migrate"), ("run", "Job/smoke")]
    second = (await live(kubelet, system, "migrate"))["metadata"]
    assert first["uid"] != second["uid"]


async def test_a_hook_that_fails_says_why_and_stops_everything(system, kubelet):
    failed = await system.ended(await system.push(tree(a=job("migrate", "tool:failing", hook="pre-sync"), b=config_map("web"))))
    assert failed["state"] == "failed"
    assert "Job/migrate: the pre-sync hook failed: BackoffLimitExceeded" in failed["message"]
    status, _ = await kubelet.request("GET", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
    assert status == 404


async def test_what_vanishes_when_it_is_done_is_kept_until_its_end_is_written_down(system, kubelet):
    files = tree(
        a=job("migrate", "tool:slow", hook="pre-sync", ttlSecondsAfterFinished=0), b=job("once", ttlSecondsAfterFinished=0),
        c=config_map("web"),
    )  # fmt: skip
    job_id = await system.push(files)

    async def runs():
        found = await live(kubelet, system, "migrate")
        return found if found and found["status"].get("active") else None

    found = await system.until(runs, "the hook runs")
    assert found["metadata"]["finalizers"] == ["trueup.dev/run"]
    await system.stop()
    kubelet.is_slow = False

    async def is_going():
        found = await live(kubelet, system, "migrate")
        return "deletionTimestamp" in found["metadata"]

    await system.until(is_going, "its time to live is over")
    await system.start()
    done = await system.ended(job_id)
    assert done["state"] == "succeeded", done["message"]
    for name in ("migrate", "once"):
        await system.until(lambda n=name: is_gone(kubelet, system, n), f"{name} is gone")
    await asyncio.sleep(0.5)
    assert await is_gone(kubelet, system, "once")
    again = await system.ended(await system.push(tree(c=config_map("web", "2"))))
    assert steps(again) == [("run", "Job/migrate"), ("update", "ConfigMap/web")]


async def test_a_namespace_that_git_declares_is_there_before_the_hooks_in_it(tmp_path, valkey, control_plane):
    async with System(
        tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, kubeconfig=control_plane.kubeconfig
    ) as system:
        name = f"{system.namespace}-own"
        namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"
        hook = json.loads(job("migrate", hook="pre-sync"))
        hook["metadata"]["namespace"] = name
        async with Kubelet(control_plane, name):
            done = await system.ended(await system.push(tree(a=namespace, b=json.dumps(hook))))
        assert done["state"] == "succeeded", done["message"]
        assert steps(done) == [("create", f"{name}"), ("run", "Job/migrate")]


async def test_a_hook_that_somebody_deletes_while_it_runs_has_failed(system, kubelet):
    job_id = await system.push(
        tree(a=job("migrate", "tool:slow", hook="pre-sync", ttlSecondsAfterFinished=0), b=config_map("web"))
    )

    async def runs():
        found = await live(kubelet, system, "migrate")
        return found if found and found["status"].get("active") else None

    await system.until(runs, "the hook runs")
    path = f"/apis/batch/v1/namespaces/{system.namespace}/jobs/migrate?propagationPolicy=Background"
    await kubelet.request("DELETE", path)
    failed = await system.ended(job_id)
    assert "the pre-sync hook failed: it was deleted while it ran" in failed["message"]
    assert await is_gone(kubelet, system, "migrate")
