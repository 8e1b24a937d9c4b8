"""Commands beneath a pull request: allowed by what their author may do at the forge, done as jobs, answered where they stand."""

import pytest

from jobs.forges.github_conversation import GitHubConversation
from reconciler.errors import ForgeUnavailable
from tests.e2e.test_plans import branch, comment_of, system_with, told
from tests.servers.system import REPOSITORY, config_map

FILES = {"apps/web/a.yaml": config_map("a")}


async def say(system, text, *, author="ada", number=7):
    """Write a comment and send its event; the comment, and its job at the end."""
    comment = system.forge.pulls.say(REPOSITORY, number, author, text)
    payload = {
        "action": "created",
        "issue": {"number": number, "pull_request": {"url": "x"}},
        "comment": {"id": comment.id, "body": text, "user": {"login": author, "type": "User"}},
        "repository": {"full_name": REPOSITORY, "clone_url": system.git.url(REPOSITORY)},
    }
    status, answer = await system.send("issue_comment", payload)
    assert status == 202, answer
    return comment, await system.ended(answer["id"])


def answers(system, number=7):
    return [c.body for c in system.forge.pulls.comments(REPOSITORY, number) if "<!-- trueup answers -->" in c.body]


async def jobs_of(system, kind):
    _, found = await system.get("/api/v1/jobs?application=trueup/web")
    return [job for job in found["items"] if job["kind"] == kind]


async def test_a_pause_is_commanded_and_ends_by_command(tmp_path, valkey):
    async with system_with(tmp_path, valkey, FILES) as system:
        system.forge.pulls.permissions = {"ada": "write"}
        await told(system, await branch(system, {"apps/web/a.yaml": config_map("a", "two")}))
        comment, job = await say(system, "please\n/trueup pause 2h migration of the database\n")
        assert job["state"] == "succeeded", job
        assert comment.reactions == ["rocket"]
        paused = (await jobs_of(system, "pause"))[0]
        assert (await system.ended(paused["id"]))["state"] == "succeeded"
        assert paused["actor"] == "ada"
        _, application = await system.get("/api/v1/applications/trueup/web")
        assert application["pause"]["reason"] == "migration of the database"
        assert application["pause"]["until"]
        assert f"/jobs/{paused['id']}" in answers(system)[0]
        await say(system, "/trueup resume web")
        assert (await system.ended((await jobs_of(system, "resume"))[0]["id"]))["state"] == "succeeded"


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "permission", "said", "reaction"),
    [
        pytest.param("/trueup sync", "read", "", "confused", id="who only reads gets a sign"),
        pytest.param("/trueup sync", "none", "", "confused", id="a stranger"),
        pytest.param("/trueup approve", "write", "needs the right to maintain", "confused", id="approval needs more"),
        pytest.param("/trueup sync shop/other", "write", "no application of this repository is called shop/other", "confused",
                     id="an application of others"),
        pytest.param("/trueup dance", "write", "there is no command dance", "confused", id="no command"),
        pytest.param("/trueup pause web", "write", "a pause needs a reason", "confused", id="no reason"),
        pytest.param("/trueup help", "write", "| `/trueup plan` |", "rocket", id="help"),
    ],
)  # fmt: skip
async def test_who_may_command_what(tmp_path, valkey, text, permission, said, reaction):  # noqa: PLR0917
    async with system_with(tmp_path, valkey, FILES) as system:
        system.forge.pulls.permissions = {"ada": permission}
        await told(system, await branch(system, {"apps/web/a.yaml": config_map("a", "two")}))
        comment, job = await say(system, text)
        assert comment.reactions == [reaction], job
        assert [said in answer for answer in answers(system)] == ([True] if said else [])
        assert not [kind for kind in ("manual", "pause", "approval") if await jobs_of(system, kind)]


@pytest.mark.long
async def test_what_was_commanded_is_not_done_again_when_the_forge_did_not_take_the_answer(tmp_path, valkey, monkeypatch):
    react, calls = GitHubConversation.react, []

    async def lost(*args, **more):
        calls.append(more)
        if len(calls) == 1:
            raise ForgeUnavailable("no answer")
        await react(*args, **more)

    monkeypatch.setattr(GitHubConversation, "react", lost)
    async with system_with(tmp_path, valkey, FILES) as system:
        system.forge.pulls.permissions = {"ada": "write"}
        await told(system, await branch(system, {"apps/web/a.yaml": config_map("a", "two")}))
        comment, job = await say(system, "/trueup pause web migration")
        assert (job["state"], comment.reactions, len(calls)) == ("succeeded", ["rocket"], 2)
        (paused,) = await jobs_of(system, "pause")
        assert f"/jobs/{paused['id']}" in answers(system)[0]


@pytest.mark.long
async def test_a_fork_is_planned_when_a_writer_says_so(tmp_path, valkey):
    async with system_with(tmp_path, valkey, FILES, pulls="forks: ask") as system:
        system.forge.pulls.permissions = {"ada": "write"}
        pull = await branch(system, {"apps/web/a.yaml": config_map("a", "two")}, fork="mallory/shop")
        assert (await told(system, pull))["state"] == "ignored"
        await say(system, "/trueup plan", author="mallory")
        _, job = await say(system, "/trueup plan")
        assert job["state"] == "succeeded", job

        async def plan():
            return next((c for c in system.forge.pulls.comments(REPOSITORY, 7) if "It comes from a fork" in c.body), None)

        assert 'data.value: "two"' in (await system.until(plan, "the plan is there")).body


@pytest.mark.long
async def test_held_deletions_are_approved_by_a_maintainer(tmp_path, valkey):
    files = {f"apps/web/{n}.yaml": config_map(f"n{n}") for n in range(5)}
    async with system_with(tmp_path, valkey, files) as system:
        system.forge.pulls.permissions = {"ada": "admin"}
        await told(system, await branch(system, dict.fromkeys(files)))
        await comment_of(system)
        job = await system.ended(await system.push(dict.fromkeys(files)))
        assert job["state"] == "held", job
        _, done = await say(system, "/trueup approve web")
        assert done["state"] == "succeeded", done
        assert (await system.ended((await jobs_of(system, "approval"))[0]["id"]))["state"] == "succeeded"
        _, found = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
        assert not found["items"]
