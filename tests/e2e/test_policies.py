"""Policies: what they deny is never applied, what they warn of is told; who changes them touches the applications again. On the sandbox."""

import asyncio
import contextlib

import aiohttp
import pytest

from jobs import metrics
from tests.e2e.test_command_line import trueup
from tests.servers.ports import free_port
from tests.servers.system import REPOSITORY, System, config_map

NO_BAD = """policies:
- name: no-bad
  rule: "!has(object.data) || !has(object.data.value) || object.data.value != 'bad'"
  message: bad values are not wanted here
- name: no-odd
  rule: "!has(object.data) || !has(object.data.value) || object.data.value != 'odd'"
  action: warn
  message: odd values are on their way out
"""
NOTHING = "policies: []\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2secret}\n"


@pytest.fixture
async def system(tmp_path, valkey):
    file = tmp_path / "policies.yaml"
    file.write_text(NO_BAD)
    async with System(
        tmp_path,
        applications={"web": "apps/web", "api": "apps/api"},
        redis_url=valkey.url,
        settings={"policies": file, "probe_listen": f"127.0.0.1:{free_port()}"},
    ) as system:
        system.policy_file = file
        await system.commit({"apps/api/a.yaml": config_map("api")})
        yield system


async def values(system):
    """Of the ConfigMaps that are there, by name, without that of the other application."""
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    found = {item["metadata"]["name"]: item["data"] for item in answer.get("items", ()) if "data" in item}
    return {name: data["value"] for name, data in found.items() if "value" in data and name != "api"}


def syncs(job):
    return {sync["application"].removeprefix("trueup/"): sync for sync in job["syncs"]}


def counted(action):
    return metrics.REGISTRY.get_sample_value("trueup_policy_findings_total", {"action": action}) or 0


async def says(system, text):
    """Whether a worker's readiness has a text."""
    with contextlib.suppress(aiohttp.ClientError):
        async with system.session.get(f"http://{system.more_settings['probe_listen']}/readyz") as response:
            return text in await response.text()
    return False


async def declared(system, *, after=()):
    """The ids of the jobs about what was declared otherwise."""
    _, answer = await system.get("/api/v1/jobs?application=trueup/web")
    return {job["id"] for job in answer["items"] if job["kind"] == "declared"} - set(after)


async def redeclared(system, before):
    """The job of what was declared otherwise since, once it has ended."""
    (job,) = await system.until(lambda: declared(system, after=before), "a job of what was declared")
    return await system.ended(job)


async def test_what_is_denied_is_not_applied_at_all_and_what_is_warned_of_is_told(system):
    denied, warned = counted("deny"), counted("warn")
    files = {
        "apps/web/a.yaml": config_map("good"), "apps/web/b.yaml": config_map("web", "bad"), "apps/api/a.yaml": config_map("api", "odd"),
    }  # fmt: skip
    job = await system.ended(await system.push(files))
    assert job["state"] == "failed"
    assert f"{system.namespace}/ConfigMap/web: denied by policy no-bad: bad values are not wanted here" in job["message"]
    assert await values(system) == {}, "nothing by halves"
    found = syncs(job)
    (denial,), (warning,) = found["web"]["policies"], found["api"]["policies"]
    assert (denial["action"], denial["rule"], denial["source"]) == ("deny", "no-bad", "apps/web/b.yaml, line 1")
    assert (warning["action"], warning["object"]) == ("warn", f"{system.namespace}/ConfigMap/api")
    assert found["api"]["state"] == "succeeded"
    assert (counted("deny"), counted("warn")) == (denied + 1, warned + 1)
    job = await system.ended(await system.push({"apps/web/b.yaml": config_map("web", "fine")}))
    assert job["state"] == "succeeded", job["message"]
    assert await values(system) == {"good": "1", "web": "fine"}


@pytest.mark.long
async def test_people_cannot_go_round_a_policy(system):
    first = await system.commit({"apps/web/a.yaml": config_map("good"), "apps/web/b.yaml": config_map("web", "bad")})
    await system.ended(await system.redeliver(first))
    for body in ({}, {"only": ["ConfigMap/good"]}, {"force": True}):
        job = await system.ended((await system.post("/api/v1/applications/trueup/web/sync", body))[1]["id"])
        assert (job["state"], "denied by policy no-bad" in job["message"]) == ("failed", True), body
    good = await system.ended(await system.push({"apps/web/b.yaml": config_map("web")}))
    assert good["state"] == "succeeded"
    job = await system.ended((await system.post("/api/v1/applications/trueup/web/rollback", {"to": first}))[1]["id"])
    assert "denied by policy no-bad" in job["message"]
    assert await values(system) == {"good": "1", "web": "1"}


@pytest.mark.long
async def test_an_application_has_policies_of_its_own(system):
    file = system.directory / "declarations" / "all.yaml"
    own = "spec: {policies: [{name: own, rule: 'application.name != \"web\"', match: {kinds: [ConfigMap]}}], sources: "
    file.write_text(file.read_text().replace("spec: {sources: ", own))
    await asyncio.sleep(1.5)  # until the file is read
    await system.commit({"apps/web/a.yaml": config_map("web"), "apps/web/s.yaml": SECRET})
    job = await system.ended(await system.push({"apps/web/b.yaml": config_map("b")}))
    assert 'denied by policy own: `application.name != "web"` is not true (and 1 more)' in job["message"]
    assert await values(system) == {}


@pytest.mark.long
async def test_a_changed_policy_touches_its_applications_again(system):
    system.policy_file.write_text(NOTHING)
    await asyncio.sleep(1.5)
    assert (await system.ended(await system.push({"apps/web/a.yaml": config_map("web", "bad")})))["state"] == "succeeded"
    system.policy_file.write_text("policies: [{name: x, rule: nonsense}]")

    await system.until(lambda: says(system, "nonsense is not known"), "what is wrong is told")
    assert (await system.ended(await system.push({"apps/web/b.yaml": config_map("b", "bad")})))["state"] == "succeeded"
    before = await declared(system)
    system.policy_file.write_text(NO_BAD)
    job = await redeclared(system, before)
    assert (job["state"], "denied by policy no-bad" in job["message"]) == ("failed", True)
    await system.kube("DELETE", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
    await asyncio.sleep(1.0)
    assert await values(system) == {"b": "bad"}, "what is denied is not put back either"
    job = await system.ended(await system.push({"apps/web/a.yaml": config_map("web"), "apps/web/b.yaml": config_map("b")}))
    assert (job["state"], await values(system)) == ("succeeded", {"web": "1", "b": "1"})


@pytest.mark.long
async def test_a_policy_that_changed_while_nobody_was_there(system):
    await system.ended(await system.push({"apps/web/a.yaml": config_map("web", "odd")}))
    before = await declared(system)
    await system.stop()
    system.policy_file.write_text(NO_BAD.replace("  action: warn\n", ""))
    await system.start()
    job = await redeclared(system, before)
    assert "denied by policy no-odd" in syncs(job)["web"]["message"]
    assert syncs(job)["api"]["state"] == "succeeded"


@pytest.mark.long
async def test_without_policies_that_can_be_read_nothing_is_in_force(system):
    await system.ended(await system.push({"apps/web/a.yaml": config_map("web")}))
    await system.stop()
    system.policy_file.write_text("policies: [")
    await system.kube("DELETE", f"/api/v1/namespaces/{system.namespace}/configmaps/web")
    await system.start()
    await system.until(lambda: says(system, "policies.yaml:"), "what is wrong is told")
    job = await system.push({"apps/web/b.yaml": config_map("b")})
    await asyncio.sleep(2)
    assert (await system.get(f"/api/v1/jobs/{job}"))[1]["state"] in ("queued", "waiting")
    assert await values(system) == {}
    system.policy_file.write_text(NO_BAD)
    assert (await system.ended(job))["state"] == "succeeded"
    assert await values(system) == {"web": "1", "b": "1"}


@pytest.mark.long
async def test_a_rule_that_fails_tells_nothing_of_a_secret(system):
    system.policy_file.write_text(
        "policies: [{name: leaky, rule: \"object.data[object.data.password] == 'a'\", match: {kinds: [Secret]}}]"
    )
    await asyncio.sleep(1.5)
    job = await system.ended(await system.push({"apps/web/a.yaml": SECRET}))
    assert "denied by policy leaky" in job["message"]
    assert not any(text in str(job) for text in ("hunter2secret", "aHVudGVyMnNlY3JldA"))


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_commands_show_them(system):
    await system.ended(
        await system.push({"apps/web/a.yaml": config_map("web", "odd"), "apps/api/a.yaml": config_map("api", "bad")})
    )
    policies = {"TRUEUP_POLICIES": str(system.policy_file)}
    for command in ("render", "diff"):
        code, out, err = await trueup(system, command, "api", **policies)
        assert (code, err.splitlines()[-1].endswith("denied by policy no-bad: bad values are not wanted here")) == (7, True), (
            out,
            err,
        )
        code, out, err = await trueup(system, command, "web", **policies)
        assert (code, "warn" in out + err, "odd values are on their way out" in out + err) == (0, True, True), (out, err)
    commit = await system.git.git(system.git.path(REPOSITORY), "rev-parse", "main")
    _, answer = await system.get(f"/api/v1/jobs?commit={commit}")
    code, out, _ = await trueup(system, "job", "get", answer["items"][0]["id"])
    assert (code, "warn    " in out, "deny    " in out) == (0, True, True), out
