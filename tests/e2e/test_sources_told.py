"""Several repositories of one application: what is said of the commits of each, and that none is in the way of another's. On the sandbox."""

import pytest

from tests.servers.system import REPOSITORY, System, config_map
from tests.servers.two import OTHER, Two

pytestmark = pytest.mark.long

NEVER_READY = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n"
"""The sandbox has no load balancers."""


@pytest.fixture
async def two(tmp_path, valkey):
    async with Two(tmp_path, applications={"api": "apps/api"}, redis_url=valkey.url) as system:
        await system.other({"common/b.yaml": config_map("b")})
        await system.ended(await system.push({"apps/web/a.yaml": config_map("a"), "apps/api/c.yaml": config_map("c")}))
        await system.become(a="1", b="1", c="1")
        yield system


@pytest.fixture
async def patient(tmp_path, valkey):
    """The same, where health is waited for longer than the test lasts."""

    class Patient(Two):
        policy = "timeout: 60s"

    async with Patient(tmp_path, applications={}, redis_url=valkey.url) as system:
        await system.other({"common/b.yaml": config_map("b")})
        await system.ended(await system.push({"apps/web/a.yaml": config_map("a")}))
        await system.become(a="1", b="1")
        yield system


async def test_who_waits_for_health_gives_way_to_the_other_repository_and_is_told_of_all_the_same(patient):
    two = patient
    job = await two.push({"apps/web/web.yaml": NEVER_READY})
    await two.until(lambda: is_applied(two, job), "it waits for health")
    other = await two.other({"common/b.yaml": config_map("b", "2")})
    await two.until(lambda: is_value(two, "b", "2"), "the other repository's commit is live")
    _, waiting = await two.get(f"/api/v1/jobs/{job}")
    assert waiting["state"] in ("waiting", "running"), waiting
    path = f"/api/v1/namespaces/{two.namespace}/services/web/status"
    await two.kube("PATCH", path, {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}, "application/merge-patch+json")
    done = await two.ended(job)
    assert done["state"] == "succeeded", done["message"]
    await two.told(REPOSITORY, done["commit"], "success")
    await two.told(OTHER, other, "success")


async def test_what_another_repository_mends_is_told_on_the_commit_that_had_failed(two):
    done = await two.ended(await two.push({"apps/web/b.yaml": config_map("b", "9")}))
    assert "b is declared twice" in await two.told(REPOSITORY, done["commit"], "failure")
    mended = await two.other({"common/b.yaml": None, "common/d.yaml": config_map("d")})
    await two.told(OTHER, mended, "success")
    await two.told(REPOSITORY, done["commit"], "success")
    assert await two.maps() == {"a": "1", "b": "9", "c": "1", "d": "1"}


async def test_a_source_whose_path_is_gone_changes_nothing(two):
    removed = await two.other({"common/b.yaml": None, "elsewhere/b.yaml": config_map("b", "2")})
    told = await two.told(OTHER, removed, "failure")
    assert "has no path 'common'; check spec.sources[].git.path, or take the source out" in told
    done = await two.ended(await two.push({"apps/web/a.yaml": config_map("a", "2")}))
    assert done["state"] == "failed", done["message"]
    _, web = await two.get("/api/v1/applications/trueup/web")
    assert (web["state"], web["holds"], web["held_digest"]) == ("failed", [], "")
    assert await two.maps() == {"a": "1", "b": "1", "c": "1"}
    await two.other({"elsewhere/b.yaml": None, "common/b.yaml": config_map("b", "3")})
    await two.become(a="2", b="3", c="1")


async def test_a_person_gets_the_newest_of_every_repository(tmp_path, valkey):
    class Late(Two):
        other_poll = "100000h"

    async with Late(tmp_path, applications={}, redis_url=valkey.url) as system:
        await system.other({"common/b.yaml": config_map("b")})
        await system.push({"apps/web/a.yaml": config_map("a")})
        _, accepted = await system.post("/api/v1/applications/trueup/web/sync")
        assert (await system.ended(accepted["id"]))["state"] == "succeeded"
        await system.other({"common/b.yaml": config_map("b", "2")})
        _, accepted = await system.post("/api/v1/applications/trueup/web/sync")
        assert (await system.ended(accepted["id"]))["state"] == "succeeded"
        assert await system.maps() == {"a": "1", "b": "2"}


async def test_a_repository_that_was_never_seen_holds_up_only_who_needs_it(tmp_path, valkey):
    async with Two(tmp_path, applications={"api": "apps/api"}, redis_url=valkey.url) as system:
        files = {"apps/web/a.yaml": config_map("a"), "apps/api/c.yaml": config_map("c")}
        job = await system.push(files)
        await system.become(c="1")

        async def told():
            _, found = await system.get(f"/api/v1/jobs/{job}")
            return {sync["application"]: (sync["state"], sync["message"]) for sync in found["syncs"]}

        web = (await told())["trueup/web"]
        assert web == ("waiting", "trueup/config has no branch or tag 'main', as far as is known")
        await system.push({"apps/api/c.yaml": None, "apps/api/d.yaml": config_map("d")})
        await system.until(lambda: is_value(system, "d", "1"), "the next one is live")
        assert (await system.maps())["c"] == "1", "which web may want now"
        await system.other({"common/b.yaml": config_map("b")})
        await system.become(a="1", b="1", d="1")
        assert (await system.ended(job))["state"] in ("superseded", "succeeded")


async def test_a_rollback_is_named_by_a_commit_of_any_of_them(two):
    _, found = await two.get("/api/v1/applications/trueup/web/history?limit=1")
    first = found["items"][0]["commits"]
    await two.other({"common/b.yaml": config_map("b", "2")})
    await two.become(a="1", b="2", c="1")
    await two.ended(await two.push({"apps/web/a.yaml": config_map("a", "2")}))
    _, accepted = await two.post("/api/v1/applications/trueup/web/rollback", {"to": first[1][:10]})
    done = await two.ended(accepted["id"])
    assert done["state"] == "succeeded", done["message"]
    assert f"rolled back to {first[0][:7]}+{first[1][:7]}" in done["message"]
    assert await two.maps() == {"a": "1", "b": "1", "c": "1"}
    _, web = await two.get("/api/v1/applications/trueup/web")
    assert [(s["repository"], s["revision"]) for s in web["sources"]] == [
        ("trueup/shop", f"main@sha1:{first[0]}"), ("trueup/config", f"main@sha1:{first[1]}"),
    ]  # fmt: skip


async def test_onfailure_returns_in_both_and_blames_only_the_commit_that_failed(tmp_path, valkey):
    class Returning(Two):
        policy = "timeout: 2s, onFailure: rollback"

    async with Returning(tmp_path, applications={}, redis_url=valkey.url) as system:
        other = await system.other({"common/b.yaml": config_map("b")})
        await system.ended(await system.push({"apps/web/a.yaml": config_map("a")}))
        await system.become(a="1", b="1")
        done = await system.ended(await system.push({"apps/web/a.yaml": config_map("a", "2"), "apps/web/s.yaml": NEVER_READY}))
        assert done["state"] == "failed"
        assert "rolled back to" in await system.told(REPOSITORY, done["commit"], "failure")
        await system.become(a="1", b="1")
        await system.told(OTHER, other, "success")
        newer = await system.other({"common/b.yaml": config_map("b", "2")})
        assert "rolled back to" in await system.told(OTHER, newer, "failure")
        await system.become(a="1", b="1")


async def is_applied(system: System, job: str) -> bool:
    _, found = await system.get(f"/api/v1/jobs/{job}")
    return bool(found["syncs"]) and bool(found["syncs"][0]["applied"])


async def is_value(system: Two, name: str, value: str) -> bool:
    return (await system.maps()).get(name) == value
