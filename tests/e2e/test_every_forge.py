"""From a push at every forge to objects that are live: the real address, the secret that `trueup webhook show` prints, a real commit."""

import json
from secrets import token_hex
from urllib.parse import quote

import pytest

from tests.receiver.providers.made import azure, bitbucket, generic, gitea, github, gitlab, pulls
from tests.receiver.providers.made.authentic import address, authentic
from tests.receiver.providers.made.case import Case, ignored
from tests.servers import gitea_pulls, other_forges
from tests.servers.system import KEY, System, config_map
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.forge_pulls import StoredPull

pytestmark = pytest.mark.long

FORGES = ("github", "gitlab", "gitea", "forgejo", "bitbucket", "bitbucket-dc", "azure", "generic")
EVENTS = {"github": "push", "gitlab": "Push Hook", "bitbucket": "repo:push", "bitbucket-dc": "repo:refs_changed"}
SPACED = "acme/my project/_git/shop"
"""A repository of Azure DevOps, where names have spaces."""


def payload(forge, url, commit):
    match forge:
        case "github":
            return github.push(after=commit, repository=github.repository(clone_url=url, ssh_url=None))
        case "gitlab":
            return gitlab.push(after=commit, project=gitlab.project(git_http_url=url, git_ssh_url=None))
        case "gitea" | "forgejo":
            return gitea.push("x", after=commit, repository=gitea.repository("x", clone_url=url, ssh_url=None))
        case "bitbucket":
            new, old = bitbucket.state("main", commit), bitbucket.state("main", "0" * 40)
            repository = bitbucket.repository() | {"links": {"html": {"href": url}}}
            return bitbucket.push(bitbucket.change(new, old), repository=repository)
        case "bitbucket-dc":
            beside = bitbucket.ref_change("refs/heads/nobody-follows-it")
            return bitbucket.server(bitbucket.ref_change(after=commit), beside, clone=[{"href": url, "name": "http"}])
        case "azure":
            return azure.push(azure.update(after=commit), url=url)
        case _:
            return generic.push(after=commit, repository=url)


def delivery(forge, url, commit):
    return Case(forge, forge, EVENTS.get(forge, "push"), payload(forge, url, commit), ignored("x"))


def place(forge):
    return SPACED if forge == "azure" else f"acme/of-{forge}"


def url_of(system, forge):
    return system.git.url("x").removesuffix("x.git") + quote(place(forge)) + ".git"


def declaration(system, forge):
    return (
        f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: of-{forge}}}\n"
        f"spec: {{url: '{url_of(system, forge)}', forge: {forge}, poll: 100000h, commitStatus: {{enabled: false}}}}\n"
        f"---\napiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: at-{forge}}}\n"
        f"spec: {{sources: [{{git: {{repository: of-{forge}, path: apps}}}}], "
        f"destination: {{namespace: at-{forge}, createNamespace: true}}}}\n"
    )


async def declared(system):
    system._more = "---\n".join(declaration(system, forge) for forge in FORGES)
    system.declare()
    for forge in FORGES:
        await system.git.commit(place(forge), {"apps/a.yaml": config_map("a", "1")}, message="first")


@pytest.fixture
async def system(tmp_path, valkey):
    async with System(tmp_path, applications={}, redis_url=valkey.url, prepare=declared) as system:
        yield system


async def sent(system, case, scope):
    """Deliver a case as its forge does, until it is taken; the job at its end."""
    headers = authentic(case, scope, key=KEY, delivery=token_hex(8))

    async def taken():
        async with system.session.post(system.url + address(case, scope), data=case.body, headers=headers) as response:
            answer = await response.json()
            assert response.status in (202, 401, 503), answer
            return answer["id"] if response.status == 202 else ""

    return await system.ended(await system.until(taken, f"{case.id} is taken"))


async def test_a_push_at_every_forge_is_live(system):
    for forge in FORGES:
        commit = await system.git.commit(place(forge), {"apps/a.yaml": config_map("a", f"of {forge}")}, message="second")
        case = delivery(forge, url_of(system, forge), commit)
        scope = f"127.0.0.1:{system.git.port}/{place(forge)}"
        job = await sent(system, case, scope)
        assert (job["state"], job["commit"], job["delivery"]["provider"]) == ("succeeded", commit, forge), job["message"]
        _, found = await system.kube("GET", f"/api/v1/namespaces/at-{forge}/configmaps/a")
        assert found["data"]["value"] == f"of {forge}"
    _, jobs = await system.get("/api/v1/jobs?repository=trueup/of-bitbucket-dc&state=ignored")
    assert [job["message"] for job in jobs["items"]] == ["no application follows nobody-follows-it of trueup/of-bitbucket-dc"]
    assert json.dumps(jobs).count(KEY) == 0


SHOP = "acme/pulled"


async def with_pull_requests(system, api, forge):
    """A repository of Gitea or Forgejo whose pull requests are planned, with an application that is live."""
    system._more = (
        f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: pulled}}\n"
        f"spec: {{url: '{system.git.url(SHOP)}', forge: {forge}, api: '{api}/api/v1', poll: 100000h, "
        f"commitStatus: {{secretRef: {{name: forge}}}}}}\n"
        f"---\napiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: pulled}}\n"
        f"spec: {{sources: [{{git: {{repository: pulled, path: apps}}}}], "
        f"destination: {{namespace: pulled, createNamespace: true}}}}\n"
    )
    system.declare()
    await system.git.commit(SHOP, {"apps/a.yaml": config_map("a", "1")}, message="first")


@pytest.mark.parametrize("forge", ["gitea", "forgejo"])
async def test_a_pull_request_at_gitea_and_forgejo_gets_its_plan_and_takes_commands(tmp_path, valkey, forge):
    async with ForgeServer(other_forges.add_routes, gitea_pulls.add_routes) as server:

        async def prepare(system):
            await with_pull_requests(system, server.url, forge)

        async with System(tmp_path, applications={}, redis_url=valkey.url, prepare=prepare) as system:
            bare, scope = system.git.path(SHOP), f"127.0.0.1:{system.git.port}/{SHOP}"
            repository = gitea.repository("x", SHOP, clone_url=system.git.url(SHOP), ssh_url=None)
            main = await system.git.commit(SHOP, {"apps/b.yaml": config_map("b", "1")}, message="second")
            pushed = gitea.push("x", after=main, repository=repository)
            assert (await sent(system, Case(forge, forge, "push", pushed, ignored("x")), scope))["state"] == "succeeded"

            await system.git.git(bare, "update-ref", "refs/heads/topic", "refs/heads/main")
            topic = await system.git.commit(SHOP, {"apps/a.yaml": config_map("a", "2")}, message="topic", branch="topic")
            await system.git.git(bare, "update-ref", "refs/pull/7/head", topic)
            server.pulls.open(SHOP, StoredPull(7, topic, "topic"))
            opened = pulls.gitea_pull("x", pull={"head": {"ref": "topic", "sha": topic, "repo": repository}})
            opened = Case(forge, forge, "pull_request", opened | {"repository": repository}, ignored("x"))
            job = await sent(system, opened, scope)
            assert (job["state"], job["message"]) == ("succeeded", "1 to change, in 1 application")

            async def written():
                return server.pulls.comments(SHOP, 7)

            (comment,) = await system.until(written, "there is a comment")
            assert 'data.value: "1" → "2"' in comment.body

            async def is_told():
                return [status.state for status in server.statuses(SHOP, topic)] == ["pending", "success"]

            await system.until(is_told, "its status is posted")

            server.pulls.permissions["ada"] = "write"
            said = server.pulls.say(SHOP, 7, "ada", "/trueup sync")
            payload = pulls.gitea_comment("x", said.body)
            payload["comment"]["id"], payload["repository"] = said.id, repository
            job = await sent(system, Case(forge, forge, "issue_comment", payload, ignored("x")), scope)
            assert (job["state"], said.reactions) == ("succeeded", ["rocket"])
