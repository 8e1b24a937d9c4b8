"""Trees that were written for Argo CD, Helm or Flux, as they are: hooks, waves, and what is never deleted. On the sandbox."""

import pytest
import yaml

from tests.servers.system import System

pytestmark = pytest.mark.timeout(60)

ARGO, HELM, FLUX = "argocd.argoproj.io/", "helm.sh/", "kustomize.toolkit.fluxcd.io/"


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url) as system:
        yield system


def job(name="", *, image="tool:1", nameless="", **annotations):
    metadata = {"name": name} if name else {"generateName": nameless}
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}
    marks = {f"{prefix}{key}": word for (prefix, key), word in _split(annotations)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata | {"annotations": marks},
        "spec": {"template": {"spec": pod}},
    }


def config(name, value="1", **annotations):
    marks = {f"{prefix}{key}": word for (prefix, key), word in _split(annotations)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": marks}, "data": {"value": value}}


def _split(annotations):
    """`argo_sync_wave="1"` is `argocd.argoproj.io/sync-wave: "1"`."""
    for name, word in annotations.items():
        tool, _, key = name.partition("_")
        yield ({"argo": ARGO, "helm": HELM, "flux": FLUX}[tool], key.replace("_", "-")), word


async def synced(system, *documents):
    done = await system.ended(await system.push({"apps/web/all.yaml": yaml.safe_dump_all(documents)}))
    return done, [(step["action"], step["object"].partition("/")[2]) for sync in done["syncs"] for step in sync["steps"]]


async def names(system, group="/api/v1", kind="configmaps"):
    _, answer = await system.kube("GET", f"{group}/namespaces/{system.namespace}/{kind}")
    return sorted(item["metadata"]["name"] for item in answer["items"])


async def test_a_tree_of_argo_cd(system):
    tree = [
        job(nameless="migrate-", argo_hook="PreSync", argo_hook_delete_policy="HookSucceeded"),
        config("late", argo_sync_wave="5"),
        config("early", argo_sync_wave="-5"),
        job("smoke", argo_hook="PostSync"),
        job("cry", argo_hook="SyncFail"),
        job("never", argo_hook="Skip"),
        config("kept", argo_sync_options="Prune=false"),
    ]
    done, steps = await synced(system, *tree)
    assert (done["state"], done["message"]) == ("succeeded", "3 objects changed, 2 hooks run, all healthy")
    assert [step[1].rstrip("0123456789abcdef") for step in steps] == [
        "Job/migrate-", "ConfigMap/early", "ConfigMap/kept", "ConfigMap/lat", "Job/smok",
    ]  # fmt: skip
    assert await names(system, "/apis/batch/v1", "jobs") == ["smoke"], (
        "the migration has succeeded, and is deleted; one is skipped"
    )
    done, steps = await synced(system, *tree[:-1])
    assert (done["state"], await names(system)) == ("succeeded", ["early", "kept", "late"])


async def test_a_job_of_the_sync_itself_runs_anew_for_every_content(system):
    tree = [job(nameless="work-", argo_hook="Sync"), config("web")]
    done, steps = await synced(system, *tree)
    assert (done["state"], len(steps)) == ("succeeded", 2)
    before = await names(system, "/apis/batch/v1", "jobs")
    done, steps = await synced(system, tree[0], config("web", "2"))
    assert (done["state"], sorted(action for action, _ in steps)) == ("succeeded", ["create", "delete", "update"])
    after = await names(system, "/apis/batch/v1", "jobs")
    assert (len(before), len(after), before != after) == (1, 1, True)


async def test_a_tree_of_helm(system):
    tree = [
        job("first", helm_hook="pre-install,pre-upgrade", helm_hook_weight="-1"),
        job("second", helm_hook="pre-upgrade", helm_hook_weight="3", helm_hook_delete_policy="hook-succeeded"),
        config("web"),
        job("after", helm_hook="post-install"),
        job("test", helm_hook="test"),
        config("kept", helm_resource_policy="keep"),
    ]
    done, steps = await synced(system, *tree)
    assert done["state"] == "succeeded", done["message"]
    assert steps == [
        ("run", "Job/first"), ("run", "Job/second"), ("create", "ConfigMap/kept"), ("create", "ConfigMap/web"), ("run", "Job/after"),
    ]  # fmt: skip
    assert await names(system, "/apis/batch/v1", "jobs") == ["after", "first"]
    done, _ = await synced(system, *tree[:-1])
    assert await names(system) == ["kept", "web"]


async def test_a_tree_of_flux(system):
    tree = [
        config("once", flux_ssa="IfNotPresent"),
        config("theirs", flux_ssa="Ignore"),
        config("kept", flux_prune="disabled"),
        config("web"),
    ]
    done, steps = await synced(system, *tree)
    assert steps == [("create", "ConfigMap/kept"), ("create", "ConfigMap/once"), ("create", "ConfigMap/web")]
    done, steps = await synced(system, config("once", "2", flux_ssa="IfNotPresent"), config("web", "2"))
    assert (done["state"], steps) == ("succeeded", [("update", "ConfigMap/web")])
    assert await names(system) == ["kept", "once", "web"]
