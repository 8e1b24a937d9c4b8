"""The commands against a running Trueup and a cluster, as a person runs them: processes, their output and their exit codes."""

import asyncio
import json
import os
import sys

import pytest

from tests.servers.declarations import Kubectl, application, repository
from tests.servers.system import KEY, REPOSITORY, TOKEN, System, config_map

pytestmark = pytest.mark.timeout(180)  # each command is a process of its own

FILES = {"apps/web/a.yaml": config_map("a"), "apps/web/b.yaml": config_map("b")}


WEB = """
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {name: web}
spec:
  sources: [{git: {repository: shop, path: apps/web}}]
  destination: {namespace: web, createNamespace: true}
  sync: {mode: manual, timeout: 20s}
"""
"""Synced by hand, so that nothing happens but by the commands."""


@pytest.fixture
async def system(tmp_path):
    async with System(tmp_path, applications={"api": "apps/api"}, more=WEB) as system:
        await system.ended(await system.push({**FILES, "apps/api/c.yaml": config_map("c")}))
        _, accepted = await system.post("/api/v1/applications/trueup/web/sync")
        assert (await system.ended(accepted["id"]))["state"] == "succeeded"
        yield system


async def trueup(system, *arguments, **more):
    """The exit code, standard output and standard error of a command; with further variables, None for one that is left out."""
    settings = system.settings
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(system.directory), "TRUEUP_SERVER": system.url, "TRUEUP_TOKEN": TOKEN,
        "TRUEUP_INSTANCE": settings.instance, "TRUEUP_DECLARATIONS": str(settings.declarations),
        "TRUEUP_STATE": str(system.directory / "mine"), "TRUEUP_SECRETS": str(settings.secrets), "TRUEUP_GIT_PROTOCOLS": "http",
        "TRUEUP_WEBHOOK_KEYS": KEY, "KUBECONFIG": str(settings.kubeconfig), **more,
    }  # fmt: skip
    environment = {name: value for name, value in environment.items() if value is not None}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trueup", *arguments, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.long
async def test_reading(system):
    commit = await system.git.git(system.git.path(REPOSITORY), "rev-parse", "main")
    (listed, one, resources, history, waited, rendered, same) = await asyncio.gather(
        trueup(system, "app", "list"), trueup(system, "app", "get", "web", "--json"), trueup(system, "app", "resources", "web"),
        trueup(system, "app", "history", "web", "--json"), trueup(system, "wait", "--commit", commit, "--timeout", "10s"),
        trueup(system, "render", "web"), trueup(system, "diff", "web"),
    )  # fmt: skip
    assert listed[0] == 0
    assert [line.split()[:3] for line in listed[1].splitlines()[1:]] == [
        ["trueup/api", "succeeded", "Healthy"], ["trueup/web", "succeeded", "Healthy"],
    ]  # fmt: skip
    assert (one[0], json.loads(one[1])["objects"]) == (0, 2)
    assert (resources[0], len(resources[1].splitlines())) == (0, 3)
    jobs = json.loads(history[1])["items"]
    assert (history[0], jobs[0]["commits"]) == (0, [commit])
    assert (waited[0], "succeeded" in waited[1]) == (0, True)
    assert (rendered[0], rendered[1].count("kind: ConfigMap")) == (0, 2)
    assert (same[0], same[1].splitlines()[-1]) == (0, "0 differ, 2 as desired"), same
    code, out, _ = await trueup(system, "job", "get", jobs[0]["job"])
    assert (code, "finished" in out) == (0, True)
    assert all(not ended[2] for ended in (listed, one, resources, history, waited, rendered, same))


async def test_a_change_is_shown_synced_and_waited_for(system):
    commit = await system.commit({"apps/web/a.yaml": config_map("a", "2"), "apps/web/d.yaml": config_map("d")})
    code, out, err = await trueup(system, "diff", "web")
    assert code == 3, out + err
    assert "~ update" in out
    assert "+ create" in out
    assert out.splitlines()[-1] == "2 differ, 1 as desired"
    code, out, _ = await trueup(system, "diff", "web", "--json")
    assert (code, sorted(step["action"] for step in json.loads(out)["steps"])) == (3, ["create", "update"])
    code, out, err = await trueup(system, "sync", "web")
    assert code == 0, err
    assert "update" in out
    code, out, _ = await trueup(system, "wait", "--commit", commit, "--repository", "shop", "--json")
    assert (code, [verdict["state"] for verdict in json.loads(out)["verdicts"]]) == (0, ["succeeded"])


@pytest.mark.long
async def test_what_is_declared_in_the_cluster_is_rendered_and_compared_without_a_directory(system):
    kubectl = Kubectl(system.kubeconfig, system.directory, "trueup")
    await kubectl.install()
    destination = {"namespace": "web", "createNamespace": True}
    await kubectl.apply(
        repository("mine", system.git.url(REPOSITORY), "trueup", forge="github", api=system.forge.url),
        application("other", "trueup", path="apps/api", repository="mine", destination=destination, sync={"mode": "manual"}),
    )
    code, out, err = await trueup(system, "render", "other", TRUEUP_DECLARATIONS=None)
    assert (code, out.count("kind: ConfigMap"), "trueup/other" in out) == (0, 1, True), err
    code, out, err = await trueup(system, "diff", "other", TRUEUP_DECLARATIONS=None)
    assert (code, "+ create" in out) == (3, True), out + err
    code, out, err = await trueup(system, "webhook", "show", "mine", TRUEUP_DECLARATIONS=None)
    assert (code, "/webhooks/github/" in out) == (0, True), err
    code, _, err = await trueup(system, "diff", "web", TRUEUP_DECLARATIONS=None)
    assert (code, "there is no Application trueup/web; there are: trueup/other" in err) == (1, True), err
    await system.commit({"apps/named/a.yaml": config_map("a", "${NAME}")})
    render = {"substitute": {"from": [{"kind": "ConfigMap", "name": "names"}]}}
    await kubectl.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "names", "namespace": "trueup"}, "data": {"NAME": "ada"}},
        application("named", "trueup", repository="mine", destination=destination, sync={"mode": "manual"}, render=render),
    )
    for command, expected in (("render", 0), ("diff", 3)):
        code, out, err = await trueup(system, command, "named", TRUEUP_DECLARATIONS=None, TRUEUP_SECRETS=None)
        assert (code, command == "diff" or "ada" in out) == (expected, True), out + err
    code, _, err = await trueup(system, "render", "named", TRUEUP_DECLARATIONS=None)
    assert (code, f"expected files such as {system.settings.secrets}" in err) == (1, True), err


async def test_deletions_are_held_and_approved(system):
    await system.commit(dict.fromkeys(FILES))
    code, out, err = await trueup(system, "sync", "web")
    assert code == 4, out + err
    assert "trueup app approve trueup/web" in err
    code, out, _ = await trueup(system, "app", "get", "web")
    assert (code, out.count("    delete ")) == (0, 2)
    code, _, err = await trueup(system, "app", "approve", "web", "--digest", "another")
    assert (code, "has changed" in err) == (1, True)
    code, out, err = await trueup(system, "app", "approve", "web")
    assert code == 0, out + err
    code, _, err = await trueup(system, "app", "approve", "web")
    assert (code, "nothing of trueup/web is held" in err) == (1, True)


@pytest.mark.long
async def test_what_a_cluster_refuses_fails_with_its_reason(system):
    await system.commit({"apps/web/a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1}\n"})
    code, out, err = await trueup(system, "diff", "web")
    assert (code, "refused" in out) == (1, True), out + err
    code, out, err = await trueup(system, "sync", "web")
    assert (code, "Deployment/a" in err) == (1, True), out + err


@pytest.mark.long
async def test_a_cluster_that_is_not_there_is_unreachable(system):
    await system.cluster.__aexit__(None, None, None)
    code, _, err = await trueup(system, "diff", "web")
    assert (code, err.startswith("trueup: ")) == (6, True), err
    assert "Traceback" not in err
