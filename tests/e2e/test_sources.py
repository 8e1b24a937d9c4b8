"""Several sources in one application: each of its repository and commit, put together, and rolled back together. On the sandbox."""

import pytest

from tests.servers.system import config_map
from tests.servers.two import OTHER, Two
from tests.tools.build import find

pytestmark = pytest.mark.long


class Chart(Two):
    sources = (
        "{git: {repository: shop, path: chart}, render: {helm: {valuesFiles: [$values/prod.yaml]}}},"
        "{git: {repository: config}, ref: values}"
    )


@pytest.fixture
async def plain(tmp_path, valkey):
    async with Two(tmp_path, applications={}, redis_url=valkey.url) as system:
        await system.other({"common/b.yaml": config_map("b")})
        await system.ended(await system.push({"apps/web/a.yaml": config_map("a")}))
        await system.become(a="1", b="1")
        yield system


async def test_a_push_to_either_brings_the_newest_of_both(plain):
    await plain.other({"common/b.yaml": config_map("b", "2")})
    await plain.become(a="1", b="2")
    done = await plain.ended(await plain.push({"apps/web/a.yaml": config_map("a", "2")}))
    assert done["state"] == "succeeded"
    assert await plain.maps() == {"a": "2", "b": "2"}
    status, found = await plain.get("/api/v1/applications/trueup/web/history?limit=1")
    assert (status, len(found["items"][0]["commits"])) == (200, 2)
    assert done["syncs"][0]["commits"] == found["items"][0]["commits"]
    assert done["commit"] == done["syncs"][0]["commits"][0]


async def test_what_one_source_leaves_out_is_pruned_and_what_two_have_is_refused(plain):
    both = await plain.ended(await plain.push({"apps/web/b.yaml": config_map("b", "9")}))
    assert both["state"] == "failed"
    assert "b is declared twice: in apps/web/b.yaml" in both["message"]
    assert "common/b.yaml" in both["message"]
    assert await plain.maps() == {"a": "1", "b": "1"}
    await plain.other({"common/b.yaml": None, "common/c.yaml": config_map("c")})
    await plain.become(a="1", b="9", c="1")
    await plain.other({"common/c.yaml": None, "common/d.yaml": config_map("d")})
    await plain.become(a="1", b="9", d="1")


async def test_a_rollback_goes_back_in_both(plain):
    await plain.other({"common/b.yaml": config_map("b", "2")})
    await plain.become(a="1", b="2")
    await plain.ended(await plain.push({"apps/web/a.yaml": config_map("a", "2")}))
    for wanted in ({"a": "1", "b": "2"},):
        _, accepted = await plain.post("/api/v1/applications/trueup/web/rollback")
        assert (await plain.ended(accepted["id"]))["state"] == "succeeded"
        assert await plain.maps() == wanted


async def test_drift_is_repaired_and_a_restart_writes_nothing(plain):
    path = f"/api/v1/namespaces/{plain.namespace}/configmaps/b"
    await plain.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
    await plain.become(a="1", b="1")
    before = plain.cluster.counts()
    await plain.stop()
    await plain.start()
    await plain.kube("PATCH", path, {"data": {"value": "8"}}, "application/merge-patch+json")
    await plain.become(a="1", b="1")
    applies = sum(n for r, n in (plain.cluster.counts() - before).items() if r.verb == "apply")
    assert applies == 1


async def test_a_repository_that_is_away_changes_nothing(plain):
    """What is known of it is taken: its commit is here."""
    plain.git.path(OTHER).rename(plain.git.path(OTHER).with_name("away"))
    done = await plain.ended(await plain.push({"apps/web/a.yaml": config_map("a", "2")}))
    assert done["state"] == "succeeded", done["message"]
    assert await plain.maps() == {"a": "2", "b": "1"}


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "chart/templates/a.yaml": config_map("a")
    .replace("'1'", "{{ .Values.value | quote }}")
    .replace('"1"', "{{ .Values.value | quote }}"),
}


@pytest.mark.tool("helm")
async def test_values_of_another_repository(tmp_path, valkey):
    async with Chart(tmp_path, applications={}, redis_url=valkey.url, settings={"helm": find("helm")}) as system:
        await system.other({"prod.yaml": "value: one\n", "unused.yaml": "value: x\n"})
        done = await system.ended(await system.push(CHART))
        assert done["state"] == "succeeded", done["message"]
        assert await system.maps() == {"a": "one"}
        await system.other({"prod.yaml": "value: two\n"})
        await system.become(a="two")
        await system.other({"unused.yaml": "value: y\n"})
        await system.other({"prod.yaml": None})

        async def failed():
            _, found = await system.get("/api/v1/applications/trueup/web")
            return found["message"] if found["state"] == "failed" else ""

        message = await system.until(failed, "it has failed")
        assert "$values/prod.yaml: spec.render.helm.valuesFiles names it, and it is not in the repository" in message
        assert await system.maps() == {"a": "two"}
