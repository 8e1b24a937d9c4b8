"""The plan of a pull request: what its merge would change in the cluster, in one comment and one status, and nothing is written."""

import json
from contextlib import asynccontextmanager

import pytest

from tests.servers.system import REPOSITORY, System, config_map
from trueup.demo.example import pull_payload
from trueup.sandbox.forge_pulls import StoredPull


@asynccontextmanager
async def system_with(tmp_path, valkey, files, *, applications=None, pulls="", settings=None):
    """Trueup with one application that is live, and a branch from where it is."""
    applications = applications or {"web": "apps/web"}
    system = System(tmp_path, applications=applications, redis_url=valkey.url, settings=settings)
    system.pulls = pulls
    async with system:
        assert (await system.ended(await system.push(files)))["state"] == "succeeded"
        yield system


async def branch(system, files, *, number=7, fork=""):
    """A pull request with one more commit."""
    bare = system.git.path(REPOSITORY)
    known = system.forge.pulls.stored[REPOSITORY].get(number)
    if known is None:
        await system.git.git(bare, "update-ref", f"refs/heads/topic{number}", "refs/heads/main")
    commit = await system.git.commit(REPOSITORY, files, message="topic", branch=f"topic{number}")
    await system.git.git(bare, "update-ref", f"refs/pull/{number}/head", commit)
    return system.forge.pulls.open(REPOSITORY, StoredPull(number, commit, f"topic{number}", fork=fork))


async def told(system, pull, *, action="opened"):
    """Send its event; the job once it is at its end."""
    status, answer = await system.send("pull_request", pull_payload(pull, system.git.url(REPOSITORY), action=action))
    assert status == 202, answer
    job = await system.ended(answer["id"])

    async def is_told():
        return statuses(system, pull) and statuses(system, pull)[-1].state != "pending"

    if job["state"] != "ignored":
        await system.until(is_told, "its status is posted")
    return job


async def comment_of(system, number=7):
    """The only comment, as soon as it is there."""

    async def look():
        return system.forge.pulls.comments(REPOSITORY, number)

    found = await system.until(look, "there is a comment")
    assert len(found) == 1
    return found[0]


async def edited(system, comment, text):
    async def look():
        return text in comment.body

    await system.until(look, f"the comment says {text}")


def statuses(system, pull):
    return [s for s in system.forge.statuses(REPOSITORY, pull.commit) if s.context == f"{system.instance}/plan"]


async def objects_of(system):
    """Everything in the sandbox's namespace, with its versions: what nobody wrote has none that is new."""
    _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in found["items"]}


async def test_a_pull_request_says_what_it_would_change(tmp_path, valkey):
    files = {f"apps/web/{name}.yaml": config_map(name) for name in ("a", "b", "c")}
    async with system_with(tmp_path, valkey, files) as system:
        before = await objects_of(system)
        pull = await branch(
            system, {"apps/web/a.yaml": config_map("a", "new"), "apps/web/b.yaml": None, "apps/web/d.yaml": config_map("d")}
        )
        await system.commit({"apps/web/c.yaml": config_map("c", "of the target")})
        job = await told(system, pull)
        assert (job["state"], job["message"]) == ("succeeded", "1 to create, 1 to change, 1 to delete, in 1 application"), job
        assert job["syncs"][0]["kept"] == 1, "c; what is deleted is none of those that it would have"
        comment = await comment_of(system)
        assert f"{system.namespace}/ConfigMap/a" in comment.body
        assert 'data.value: "1" → "new"' in comment.body
        assert f"+ {system.namespace}/ConfigMap/d" in comment.body
        assert f"- {system.namespace}/ConfigMap/b" in comment.body
        assert "ConfigMap/c" not in comment.body, "what the target changed is not of the pull request"
        assert [s.state for s in statuses(system, pull)] == ["pending", "success"]
        assert statuses(system, pull)[-1].target_url.endswith(job["id"])
        assert await objects_of(system) == before, "a plan writes nothing"


async def test_a_plan_is_edited_in_place(tmp_path, valkey):
    async with system_with(tmp_path, valkey, {"apps/web/a.yaml": config_map("a")}) as system:
        first = await branch(system, {"apps/web/a.yaml": config_map("a", "two")})
        await told(system, first)
        comment = await comment_of(system)
        assert 'data.value: "1" → "two"' in comment.body
        second = await branch(system, {"apps/web/a.yaml": config_map("a", "three")})
        await told(system, second, action="synchronize")
        await edited(system, comment, 'data.value: "1" → "three"')
        assert len(system.forge.pulls.comments(REPOSITORY, 7)) == 1
        await told(system, second, action="reopened")
        assert comment.edits <= 2, "a plan that says the same again"


@pytest.mark.long
@pytest.mark.parametrize(
    ("files", "state", "message"),
    [
        pytest.param({"apps/other/x.yaml": config_map("x")}, "succeeded", "no application is affected", id="elsewhere"),
        pytest.param({"apps/web/a.yaml": "a: [\n"}, "failed", "apps/web/a.yaml", id="a broken file"),
        pytest.param(
            {"apps/web/b.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {replicas: x}\n"},
            "failed",
            "spec.replicas",
            id="refused by the cluster",
        ),
    ],
)
async def test_what_a_plan_comes_to(tmp_path, valkey, files, state, message):
    async with system_with(tmp_path, valkey, {"apps/web/a.yaml": config_map("a")}) as system:
        pull = await branch(system, files)
        job = await told(system, pull)
        assert job["state"] == state, job
        assert message in job["message"]
        last = statuses(system, pull)[-1]
        assert last.state == {"succeeded": "success", "failed": "failure"}[state]
        assert message in last.description
        if state == "failed":
            assert message in (await comment_of(system)).body
        else:
            assert not system.forge.pulls.comments(REPOSITORY, 7)


@pytest.mark.long
@pytest.mark.parametrize(("action", "state"), [("deny", "failed"), ("warn", "succeeded")])
async def test_policies_judge_the_plan(tmp_path, valkey, action, state):
    policies = tmp_path / "policies.yaml"
    policies.write_text(
        f"policies: [{{name: no-x, match: {{kinds: [ConfigMap]}}, rule: '!has(object.data.x)', message: x is bad, action: {action}}}]"
    )
    settings = {"policies": policies}
    async with system_with(tmp_path, valkey, {"apps/web/a.yaml": config_map("a")}, settings=settings) as system:
        pull = await branch(system, {"apps/web/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n"})
        job = await told(system, pull)
        assert job["state"] == state, job
        assert "by policy no-x: x is bad" in (await comment_of(system)).body


@pytest.mark.long
async def test_after_redis_was_lost_open_pull_requests_are_planned_again(tmp_path, valkey, redis):
    async with system_with(tmp_path, valkey, {"apps/web/a.yaml": config_map("a")}) as system:
        pull = await branch(system, {"apps/web/a.yaml": config_map("a", "two")})
        other = await branch(system, {"apps/web/a.yaml": config_map("a", "three")}, number=8)
        await told(system, pull)
        comment = await comment_of(system)
        await system.stop()
        await redis.flushdb()
        await system.start()

        async def planned():
            return statuses(system, other) and statuses(system, other)[-1].state == "success"

        await system.until(planned, "what nobody told of is planned too")
        assert len(system.forge.pulls.comments(REPOSITORY, 7)) == 1
        assert 'data.value: "1" → "two"' in comment.body
        _, found = await system.get("/api/v1/jobs?limit=100")
        plans = [job for job in found["items"] if job["kind"] == "plan"]
        assert sorted(job["commit"] for job in plans) == sorted([pull.commit, other.commit])


async def test_a_conflict_is_said(tmp_path, valkey):
    async with system_with(tmp_path, valkey, {"apps/web/a.yaml": config_map("a")}) as system:
        pull = await branch(system, {"apps/web/a.yaml": config_map("a", "two")})
        await system.commit({"apps/web/a.yaml": config_map("a", "three")})
        job = await told(system, pull)
        assert job["message"] == "cannot be merged into main: conflicts in apps/web/a.yaml"
        assert "conflicts in apps/web/a.yaml" in (await comment_of(system)).body


@pytest.mark.long
async def test_an_emptied_directory_would_be_held(tmp_path, valkey):
    files = {f"apps/web/{n}.yaml": config_map(f"n{n}") for n in range(5)}
    async with system_with(tmp_path, valkey, files) as system:
        job = await told(system, await branch(system, dict.fromkeys(files)))
        assert "5 whose deletion waits for an approval" in job["message"]
        assert "held: " in (await comment_of(system)).body


@pytest.mark.long
async def test_drift_is_not_of_the_pull_request(tmp_path, valkey):
    files = {f"apps/web/{name}.yaml": config_map(name) for name in ("a", "b")}
    async with system_with(tmp_path, valkey, files) as system:
        system.declare(web=", drift: report")
        path = f"/api/v1/namespaces/{system.namespace}/configmaps/b"
        await system.kube("PATCH", path, {"data": {"value": "drifted"}}, "application/merge-patch+json")
        pull = await branch(system, {"apps/web/a.yaml": config_map("a", "two")})
        job = await told(system, pull)
        assert job["message"] == "1 to change, in 1 application"
        assert "ConfigMap/b" not in (await comment_of(system)).body


async def test_a_fork_sees_no_secret_and_no_value_of_the_cluster(tmp_path, valkey):
    files = {"apps/web/a.yaml": config_map("a", "of the cluster")}
    async with system_with(tmp_path, valkey, files) as system:
        pull = await branch(system, {"apps/web/a.yaml": config_map("a", "mine")}, fork="mallory/shop")
        job = await told(system, pull)
        assert job["state"] == "succeeded", job
        comment = await comment_of(system)
        assert "It comes from a fork" in comment.body
        assert 'data.value: "mine"\n' in comment.body
        for shown in (comment.body, json.dumps(job)):
            assert "of the cluster" not in shown.replace("values of the cluster", "")


@pytest.mark.long
@pytest.mark.parametrize(
    ("pulls", "fork", "reason"),
    [
        pytest.param("forks: ask", "mallory/shop", "must say /trueup plan", id="a fork that must be asked for"),
        pytest.param("forks: ignore", "mallory/shop", "ignores", id="a fork that is ignored"),
        pytest.param("plan: false", "", "spec.pullRequests.plan", id="switched off"),
    ],
)
async def test_what_is_not_planned_says_why(tmp_path, valkey, pulls, fork, reason):
    async with system_with(tmp_path, valkey, {"apps/web/a.yaml": config_map("a")}, pulls=pulls) as system:
        pull = await branch(system, {"apps/web/a.yaml": config_map("a", "two")}, fork=fork)
        job = await told(system, pull)
        assert job["state"] == "ignored"
        assert reason in job["message"]
        assert not statuses(system, pull)
