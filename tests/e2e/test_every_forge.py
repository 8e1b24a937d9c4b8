"""From a push at every forge to objects that are live: the real address, the secret that `trueup webhook show` prints, a real commit."""

import json
from urllib.parse import quote

import pytest

from tests.receiver.providers.made import azure, bitbucket, generic, gitea, github, gitlab
from tests.receiver.providers.made.authentic import address, authentic
from tests.receiver.providers.made.case import Case, ignored
from tests.servers.system import KEY, System, config_map

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


async def test_a_push_at_every_forge_is_live(system):
    for forge in FORGES:
        commit = await system.git.commit(place(forge), {"apps/a.yaml": config_map("a", f"of {forge}")}, message="second")
        case = delivery(forge, url_of(system, forge), commit)
        scope = f"127.0.0.1:{system.git.port}/{place(forge)}"
        headers = authentic(case, scope, key=KEY)

        async def taken(case=case, scope=scope, headers=headers):
            async with system.session.post(system.url + address(case, scope), data=case.body, headers=headers) as response:
                answer = await response.json()
                assert response.status in (202, 401, 503), answer
                return answer["id"] if response.status == 202 else ""

        job = await system.ended(await system.until(taken, f"{forge} is taken"))
        assert (job["state"], job["commit"], job["delivery"]["provider"]) == ("succeeded", commit, forge), job["message"]
        _, found = await system.kube("GET", f"/api/v1/namespaces/at-{forge}/configmaps/a")
        assert found["data"]["value"] == f"of {forge}"
    _, jobs = await system.get("/api/v1/jobs?repository=trueup/of-bitbucket-dc&state=ignored")
    assert [job["message"] for job in jobs["items"]] == ["no application follows nobody-follows-it of trueup/of-bitbucket-dc"]
    assert json.dumps(jobs).count(KEY) == 0
