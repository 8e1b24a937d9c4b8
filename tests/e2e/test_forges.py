"""A commit is told at every forge that there is: from the poll of its Git repository to the status at the forge's API."""

import pytest

from reconciler.model.declared import Forge
from tests.servers.system import System

pytestmark = pytest.mark.long

CONFIG = {"app/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {v: '1'}\n"}

PLACES = {
    Forge.GITLAB: ("gl/shop", "", "success"),
    Forge.GITEA: ("tea/shop", "/api/v1", "success"),
    Forge.FORGEJO: ("jo/shop", "/api/v1", "success"),
    Forge.BITBUCKET: ("cloud/shop", "/2.0", "SUCCESSFUL"),
    Forge.BITBUCKET_DC: ("scm/dc/shop", "/rest/api/latest", "SUCCESSFUL"),
    Forge.AZURE: ("org/devops/_git/shop", "", "succeeded"),
}
"""The repository's path, where the API is beneath the server, and what success is called."""


def declarations(system):
    documents = []
    for forge, (path, beneath, _) in PLACES.items():
        documents.append(
            f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: {forge}}}\n"
            f"spec: {{url: '{system.git.url(path)}', forge: {forge}, api: '{system.forge.url}{beneath}', poll: 1s,"
            f" commitStatus: {{secretRef: {{name: forge}}, deployments: {str(forge is Forge.GITLAB).lower()}}}}}\n"
            f"---\napiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: {forge}}}\n"
            f"spec: {{sources: [{{git: {{repository: {forge}, path: app}}}}], destination: {{namespace: {system.namespace},"
            " createNamespace: true}}\n"
        )
    return "---\n".join(documents)


async def test_success_is_told_at_every_forge(tmp_path):
    commits = {}

    async def prepare(system):
        for forge, (path, _, _) in PLACES.items():
            files = {name: text.replace("NAME", f"of-{forge}") for name, text in CONFIG.items()}
            commits[forge] = await system.git.commit(path, files, message="first")
        (system.directory / "declarations" / "more.yaml").write_text(declarations(system))

    async with System(tmp_path, applications={}, prepare=prepare) as system:
        for forge, (path, _, success) in PLACES.items():
            owner, name = ("devops" if forge is Forge.AZURE else path.split("/")[-2]), path.rpartition("/")[2]

            async def told(about=(f"{owner}/{name}", commits[forge]), success=success):
                posted = system.forge.statuses(*about)
                return posted if posted and posted[-1].state == success else None

            posted = await system.until(told, f"{forge} is told")
            assert len(posted) <= 2
            assert {status.token for status in posted} == {"f0rge"}
            assert posted[-1].target_url.startswith(f"{system.url}/jobs/")

        async def deployed():
            return [found for found in system.deployments.all if found.states[-1] == "success"]

        (found,) = await system.until(deployed, "GitLab is told of the deployment")
        assert (found.commit, found.states, found.body["ref"]) == (commits[Forge.GITLAB], ["running", "success"], "main")
