"""A rollback holds against drift, restarts, an emptied Redis and commits of others; a revision that failed is not applied again."""

import asyncio

import pytest

from jobs.connection import connect
from tests.servers.system import REPOSITORY, System, config_map

pytestmark = pytest.mark.long

WEB = "/api/v1/applications/trueup/web"
FIRST = {"apps/web/a.yaml": config_map("web-a"), "apps/api/a.yaml": config_map("api-a")}
REFUSED = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 70000}]}\n"
"""It renders, and the API server says no."""
NEVER_READY = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n"
"""The sandbox has no load balancers."""
BAD = {"apps/web/a.yaml": config_map("web-a", "bad"), "apps/web/b.yaml": REFUSED}


@pytest.fixture
async def system(tmp_path, own_valkey):
    async with System(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url) as system:
        await system.ended(await system.push(FIRST))
        yield system


@pytest.fixture
async def returning(tmp_path, own_valkey):
    """The same, where web returns to the last healthy revision when a new one fails."""
    system = System(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url)
    system.policies = {"web": ", onFailure: rollback"}
    async with system:
        await system.ended(await system.push(FIRST))
        yield system


async def flush(system):
    redis = connect(system.redis_url)
    await redis.flushall()
    await redis.aclose()


async def values(system):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return {item["metadata"]["name"]: item["data"]["value"] for item in answer["items"]}


async def web_is(system, wanted, name="web-a"):
    async def look():
        return (await values(system)).get(name) == wanted

    await system.until(look, f"{name} is {wanted}")


async def ask(system, what, body=None):
    status, accepted = await system.post(f"{WEB}/{what}", body)
    assert status == 202, accepted
    return await system.ended(accepted["id"])


async def application(system):
    _, answer = await system.get(WEB)
    return answer


async def push_value(system, value, name="web"):
    return await system.ended(await system.push({f"apps/{name}/a.yaml": config_map(f"{name}-a", value)}))


async def test_a_rollback_returns_to_the_last_healthy_revision_and_says_so(system):
    one = (await push_value(system, "2"))["commit"]
    two = (await push_value(system, "3"))["commit"]
    job = await ask(system, "rollback", {"reason": "too slow"})
    assert (job["state"], job["kind"], job["commit"]) == ("succeeded", "rollback", two)
    assert job["message"] == f"rolled back to {one[:7]} by test: too slow; 1 object changed, all healthy"
    assert (await values(system))["web-a"] == "2"
    record = await application(system)
    assert record["revision"] == f"main@sha1:{one}"
    assert (record["rollback"]["commits"], record["rollback"]["instead_of"]) == ([one], [two])
    assert record["message"].startswith(f"rolled back to {one[:7]} by test: too slow")

    async def red():
        return [s.description for s in system.forge.statuses(REPOSITORY, two) if s.state == "failure"]

    (told,) = await system.until(red, "the commit that was left is red")
    assert told.startswith(f"rolled back to {one[:7]} by test: too slow")
    _, answer = await system.get(f"/api/v1/commits/{two}")
    assert [v["state"] for v in answer["verdicts"]] == ["failed"]
    again = await ask(system, "rollback")
    assert (again["state"], (await values(system))["web-a"]) == ("succeeded", "1"), "one more back"
    third = await ask(system, "rollback")
    assert (third["state"], "name one: --to COMMIT" in third["message"]) == ("failed", True)
    resumed = await ask(system, "resume")
    assert (resumed["state"], resumed["commit"], (await values(system))["web-a"]) == ("succeeded", two, "3")
    assert (await application(system))["rollback"] is None
    _, answer = await system.get(f"/api/v1/commits/{two}")
    assert [v["state"] for v in answer["verdicts"]] == ["succeeded"]


@pytest.mark.parametrize("how", ["whole", "short", "revision"])
async def test_a_rollback_goes_to_the_revision_that_is_named(system, how):
    first = (await application(system))["revision"]
    commit = first.rpartition(":")[2]
    await push_value(system, "2")
    await push_value(system, "3")
    to = {"whole": commit, "short": commit[:7], "revision": first}[how]
    assert (await ask(system, "rollback", {"to": to}))["state"] == "succeeded"
    assert (await values(system))["web-a"] == "1"


@pytest.mark.parametrize(
    ("body", "what"),
    [({"to": "abcdef0"}, "give all digits"), ({"to": "0" * 40}, "0000000")],
)
async def test_a_rollback_to_nowhere_changes_nothing(system, body, what):
    job = await ask(system, "rollback", body)
    assert (job["state"], what in job["message"]) == ("failed", True), job["message"]
    assert (await application(system))["rollback"] is None
    assert [s.state for s in system.forge.statuses(REPOSITORY, (await application(system))["revision"][-40:])][-1] == "success"


async def test_drift_is_put_back_to_the_held_revision_also_after_a_restart(system):
    await push_value(system, "2")
    await ask(system, "rollback")
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    for _ in range(2):
        await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
        await web_is(system, "1")
        await system.stop()
        await system.start()


@pytest.mark.parametrize("strike", ["restart", "flush", "flush and restart"])
async def test_a_rollback_outlives_restarts_and_an_emptied_redis_and_ends_with_new_content(system, strike):
    await push_value(system, "2")
    await ask(system, "rollback")
    if strike != "restart":
        await flush(system)
    if strike != "flush":
        await system.stop()
        await system.start()
    other = await system.ended(await system.push({"apps/api/a.yaml": config_map("api-a", "2")}))
    assert (other["state"], (await values(system))["api-a"]) == ("succeeded", "2"), other["message"]
    await asyncio.sleep(0.5)
    assert (await values(system))["web-a"] == "1", "a commit of others ends nothing"
    assert (await application(system))["rollback"]["commits"]
    job = await push_value(system, "3")
    assert (job["state"], (await values(system))["web-a"]) == ("succeeded", "3")
    assert (await application(system))["rollback"] is None


async def test_a_rollback_deletes_within_the_guards_only(system):
    many = {f"apps/web/{n}.yaml": config_map(f"web-{n}") for n in range(8)}
    await system.ended(await system.push(many))
    job = await ask(system, "rollback")
    assert (job["state"], "8 of the 9 objects" in job["message"]) == ("held", True), job["message"]
    assert len(await values(system)) == 10
    assert (await ask(system, "approve"))["state"] == "succeeded"
    assert set(await values(system)) == {"web-a", "api-a"}
    assert (await application(system))["rollback"] is not None


async def test_a_refused_revision_is_rolled_back_by_itself_and_quarantined(returning):
    system = returning
    good = (await application(system))["revision"].rpartition(":")[2]
    files = {**BAD, "apps/web/new.yaml": config_map("new"), "apps/api/a.yaml": config_map("api-a", "2")}
    job = await system.ended(await system.push(files))
    bad = job["commit"]
    assert job["state"] == "failed"
    assert f"rolled back to {good[:7]}" in job["message"]
    assert {s["application"]: s["state"] for s in job["syncs"]} == {"trueup/api": "succeeded", "trueup/web": "failed"}
    assert await values(system) == {"web-a": "1", "api-a": "2"}, "what was new is gone again"
    record = await application(system)
    assert (record["rollback"]["commits"], [q["commits"] for q in record["quarantine"]]) == ([good], [[bad]])
    assert "spec.ports[0].port" in record["quarantine"][0]["reason"]

    async def red():
        return [s.description for s in system.forge.statuses(REPOSITORY, bad) if s.state == "failure"]

    assert f"rolled back to {good[:7]}" in (await system.until(red, "the commit is red"))[-1]
    _, jobs = await system.get(f"/api/v1/jobs?commit={bad}&application=web")
    assert sorted((j["kind"], j["state"], j["actor"]) for j in jobs["items"]) == [
        ("push", "failed", "ada"),
        ("rollback", "succeeded", ""),
    ]
    _, history = await system.get(f"{WEB}/history")
    assert [(o["kind"], o["state"], o["commits"]) for o in history["items"]] == [
        ("rollback", "succeeded", [good]),
        ("push", "failed", [bad]),
        ("push", "succeeded", [good]),
    ]


@pytest.mark.parametrize("strike", ["nothing", "restart", "flush", "flush and restart"])
async def test_a_quarantined_revision_is_not_applied_again_by_itself(returning, strike):
    system = returning
    bad = (await system.ended(await system.push(BAD)))["commit"]
    assert (await values(system))["web-a"] == "1"
    before = services(system)
    if "flush" in strike:
        await flush(system)
    if "restart" in strike:
        await system.stop()
        await system.start()
    again = await system.ended(await system.redeliver(bad))
    assert again["state"] == "failed", again["message"]
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/web-a"
    await system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
    await web_is(system, "1")
    other = await system.ended(await system.push({"apps/api/a.yaml": config_map("api-a", "2")}))
    assert other["state"] == "succeeded", other["message"]
    assert (await ask(system, "sync"))["state"] == "succeeded", "a plain sync goes to what is held"
    await asyncio.sleep(0.5)
    assert (services(system), (await values(system))["web-a"]) == (before, "1")
    assert {s.state for s in system.forge.statuses(REPOSITORY, bad)} <= {"pending", "failure"}
    job = await ask(system, "sync", {"force": True})
    assert (job["state"], services(system)) == ("failed", before + 1), "a person insists"
    assert (await values(system))["web-a"] == "1"
    mended = await system.push({"apps/web/a.yaml": config_map("web-a", "3"), "apps/web/b.yaml": None})
    assert (await system.ended(mended))["state"] == "succeeded"
    record = await application(system)
    assert (record["rollback"], record["quarantine"], (await values(system))["web-a"]) == (None, [], "3")


def services(system):
    """How often the refused object was sent."""
    return sum(1 for r in system.cluster.requests if "trueup" in r.user_agent and (r.verb, r.resource) == ("apply", "services"))


async def test_what_does_not_render_is_no_failure_of_its_content(returning):
    system = returning
    job = await system.ended(await system.push({"apps/web/a.yaml": "kind: [\n"}))
    assert (job["state"], "rolled back" in job["message"]) == ("failed", False)
    assert (await application(system))["rollback"] is None


async def test_a_first_revision_that_fails_has_nothing_to_return_to(tmp_path, own_valkey):
    system = System(tmp_path, applications={"web": "apps/web"}, redis_url=own_valkey.url)
    system.policies = {"web": ", onFailure: rollback"}
    async with system:
        job = await system.ended(await system.push(BAD))
        assert (job["state"], "rolled back" in job["message"]) == ("failed", False)
        record = await application(system)
        assert (record["rollback"], record["quarantine"]) == (None, [])


async def test_a_revision_that_does_not_become_healthy_is_rolled_back(returning):
    system = returning
    system.policies = {"web": ", onFailure: rollback, timeout: 300ms"}
    system.declare()
    await asyncio.sleep(1.5)
    files = {"apps/web/b.yaml": NEVER_READY, "apps/web/a.yaml": config_map("web-a", "2")}
    job = await system.ended(await system.push(files))
    assert (job["state"], "rolled back to" in job["message"]) == ("failed", True), job["message"]
    assert await values(system) == {"web-a": "1", "api-a": "1"}


async def test_what_is_paused_while_it_fails_returns_when_the_pause_ends(returning):
    system = returning
    system.policies = {"web": ", onFailure: rollback, timeout: 2s"}
    system.declare()
    await asyncio.sleep(1.5)
    job_id = await system.push({"apps/web/b.yaml": NEVER_READY, "apps/web/a.yaml": config_map("web-a", "2")})
    await web_is(system, "2")
    assert (await ask(system, "pause", {"reason": "wait"}))["state"] == "succeeded"
    job = await system.ended(job_id)
    assert (job["state"], "when its pause ends (paused by test" in job["message"]) == ("failed", True), job["message"]
    assert (await values(system))["web-a"] == "2", "nothing is written"
    resumed = await ask(system, "resume")
    assert (resumed["state"], (await values(system))["web-a"]) == ("succeeded", "1"), resumed["message"]
    assert (await application(system))["rollback"] is not None, "only the pause was ended"


async def test_what_depends_on_a_paused_application_waits_with_it(tmp_path, own_valkey):
    system = System(tmp_path, applications={"web": "apps/web", "api": "apps/api"}, redis_url=own_valkey.url)
    async with system:
        declarations = tmp_path / "declarations" / "all.yaml"
        text = declarations.read_text()
        before, after = text.split("metadata: {name: api}", 1)
        declarations.write_text(
            before + "metadata: {name: api}" + after.replace("spec: {", "spec: {dependsOn: [{name: web}], ", 1)
        )
        await asyncio.sleep(1.5)
        await system.ended(await system.push(FIRST))
        await ask(system, "pause", {"reason": "moving"})
        job_id = await system.push({"apps/web/a.yaml": config_map("web-a", "2"), "apps/api/a.yaml": config_map("api-a", "2")})

        async def waits():
            _, job = await system.get(f"/api/v1/jobs/{job_id}")
            return job if job["state"] == "waiting" and len(job["syncs"]) == 2 else None

        job = await system.until(waits, "both wait")
        assert job["syncs"][0]["message"].startswith("waits for trueup/web: paused by test")
        assert await values(system) == {"web-a": "1", "api-a": "1"}
        await ask(system, "resume")
        assert (await system.ended(job_id))["state"] == "succeeded"
        assert await values(system) == {"web-a": "2", "api-a": "2"}


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.15])
async def test_a_stop_in_the_middle_of_a_return_does_not_apply_the_failed_revision_again(returning, moment):
    system = returning
    commit = await system.commit(BAD)
    _, accepted = await system.deliver(commit)

    async def decided():
        _, answer = await system.kube("GET", "/api/v1/namespaces/trueup/configmaps")
        return [item for item in answer["items"] if '"rollback":{' in item["data"].get("intent", "")]

    await system.until(decided, "it is decided", pause=0.001)
    await asyncio.sleep(moment)
    await system.stop()
    sent = services(system)
    await system.start()
    job = await system.ended(accepted["id"])
    assert (job["state"], "rolled back to" in job["message"]) == ("failed", True), job["message"]
    assert (sent, services(system)) == (1, 1)
    await web_is(system, "1")

    async def ended():
        _, jobs = await system.get("/api/v1/jobs?application=web")
        return all(j["state"] in ("succeeded", "failed") for j in jobs["items"])

    await system.until(ended, "nothing is left to do")
