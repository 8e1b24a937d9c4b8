"""Check runs by a GitHub App, on a whole Trueup: a broken manifest is annotated, and mended."""

import pytest

from tests.servers.forge_checks import app_secret
from tests.servers.system import REPOSITORY, System

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
    assert run.fields["details_url"].startswith(f"{system.url}/api/v1/jobs/")
    assert len(run.writes) <= 2
    assert system.forge.statuses(REPOSITORY, commit) == []
