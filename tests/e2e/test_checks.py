"""Check runs by a GitHub App, on a whole Trueup: a broken manifest is annotated, and mended."""

import hashlib
import hmac
import json
import secrets

import pytest

from jobs.derive import Purpose, derive_secret
from tests.servers.forge_checks import app_secret
from tests.servers.system import KEY, REPOSITORY, System

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {v: 'VALUE'}\n"


@pytest.fixture
async def system(tmp_path):
    async def with_app(system):
        (system.directory / "secrets" / "forge" / "token").unlink()
        for name, value in app_secret().items():
            (system.directory / "secrets" / "forge" / name).write_bytes(value)

    async with System(tmp_path, applications={"web": "app"}, prepare=with_app) as system:
        yield system


async def concluded(system, commit, conclusion):
    async def found():
        runs = system.checks.of(commit)
        return runs[-1] if runs and runs[-1].fields.get("conclusion") == conclusion else None

    return await system.until(found, f"the check run of {commit} ends in {conclusion}")


@pytest.mark.long
async def test_a_broken_manifest_is_annotated_and_the_next_commit_is_good(system):
    commit = await system.commit({"app/web.yaml": CONFIG.replace("'VALUE'", "[")})
    await system.redeliver(commit)
    run = await concluded(system, commit, "failure")
    (line,) = run.annotations
    assert (line["path"], line["start_line"], line["annotation_level"]) == ("app/web.yaml", 4, "failure")
    assert "| `trueup/web` | failed |" in run.fields["output"]["summary"]
    commit = await system.commit({"app/web.yaml": CONFIG.replace("VALUE", "1")})
    await system.redeliver(commit)
    run = await concluded(system, commit, "success")
    assert "- create `" in run.fields["output"]["summary"]
    assert run.fields["details_url"].startswith(f"{system.url}/jobs/")
    assert len(run.writes) <= 2
    assert system.forge.statuses(REPOSITORY, commit) == []


@pytest.mark.long
async def test_a_broken_file_of_a_base_of_kustomize_is_annotated_where_it_is_broken(system):
    commit = await system.commit({
        "app/kustomization.yaml": "resources: [base]\n",
        "app/base/kustomization.yaml": "resources: [web.yaml]\n",
        "app/base/web.yaml": CONFIG + "---\n" + CONFIG.replace("'VALUE'", "["),
    })  # fmt: skip
    await system.redeliver(commit)
    run = await concluded(system, commit, "failure")
    (line,) = run.annotations
    assert (line["path"], line["start_line"]) == ("app/base/web.yaml", 9)


async def rerequested(system, commit, branch="main"):
    """What GitHub sends when somebody presses the button; the job's id."""
    url = system.git.url(REPOSITORY)
    scope = url.partition("://")[2].removesuffix(".git")
    suite = {"head_sha": commit, "head_branch": branch}
    payload = {
        "action": "rerequested", "repository": {"clone_url": url}, "sender": {"login": "ada"},
        "check_run": {"external_id": system.checks.runs[-1].fields["external_id"], "check_suite": suite},
    }  # fmt: skip
    body = json.dumps(payload).encode()
    key = derive_secret(bytes.fromhex(KEY), "github", Purpose.HMAC, scope, 0).hex().encode()
    headers = {
        "X-GitHub-Event": "check_run", "X-GitHub-Delivery": secrets.token_hex(12), "Content-Type": "application/json",
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }  # fmt: skip
    async with system.session.post(f"{system.url}/webhooks/github/{scope}", data=body, headers=headers) as response:
        assert response.status == 202
        return (await response.json())["id"]


async def finished(system, job):
    async def found():
        async with system.session.get(f"{system.url}/api/v1/jobs/{job}") as response:
            record = await response.json()
            return record if record["finished"] else None

    return await system.until(found, "the job ends")


@pytest.mark.long
async def test_the_button_runs_the_commit_again(system):
    older = await system.commit({"app/web.yaml": CONFIG.replace("VALUE", "0")})
    await system.redeliver(older)
    await concluded(system, older, "success")
    commit = await system.commit({"app/web.yaml": CONFIG.replace("VALUE", "1")})
    await system.redeliver(commit)
    await concluded(system, commit, "success")
    job = await finished(system, await rerequested(system, commit))
    assert (job["kind"], job["state"], job["actor"], job["applications"]) == ("manual", "succeeded", "ada", ["trueup/web"])
    await concluded(system, commit, "success")
    assert [run.fields["conclusion"] for run in system.checks.of(commit)] == ["success", "success"]
    job = await finished(system, await rerequested(system, older))
    assert (job["state"], job["superseded_by"]) == ("superseded", commit)
    job = await finished(system, await rerequested(system, commit, branch="other"))
    assert (job["state"], job["message"]) == ("ignored", "no application follows other of trueup/shop")
