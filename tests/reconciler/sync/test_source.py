"""What is exported for a render: as little as suffices, and never too little."""

import pytest

from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Application, Destination, Forge, GitSource, Name, Repository
from reconciler.model.outcome import Revision
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync.source import Source, Target, Workshop, load
from tests.servers.system import config_map
from trueup.sandbox.githttp import GitServer


class NoSecrets:
    async def read(self, ref):
        raise AssertionError(f"nobody needs {ref}")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        pytest.param("apps/plain", ["plain"], id="plain directory"),
        pytest.param("apps/overlay", ["new-base"], id="kustomization with a base elsewhere"),
        pytest.param("apps/nested", ["new-base", "plain"], id="kustomization beneath, with a base elsewhere"),
    ],
)
async def test_a_source_has_all_that_its_render_reaches_for(tmp_path, path, names):
    overlay = "namePrefix: new-\nresources: [{}base]\n"
    async with GitServer(tmp_path / "git") as git:
        files = {
            "base/kustomization.yaml": "resources: [c.yaml]\n",
            "base/c.yaml": config_map("base"),
            "apps/plain/c.yaml": config_map("plain"),
            "apps/overlay/kustomization.yaml": overlay.format("../../"),
            "apps/nested/c.yaml": config_map("plain"),
            "apps/nested/below/kustomization.yaml": overlay.format("../../../"),
        }
        commit = await git.commit("acme/shop", files, message="all")
        repository = Repository(Name("trueup", "shop"), git.url("acme/shop"), "x", Forge.GENERIC, "")
        application = Application(Name("trueup", "web"), (GitSource(repository.name, "main", path),), Destination("c", "n"))
        settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",))
        async with Renderer(settings) as renderer:
            workshop = Workshop(Mirrors(settings, NoSecrets()), renderer, {repository.name: repository})
            found = (await load([Target(application, (Revision("", commit),))], workshop))[application.name]
    assert isinstance(found, Source), found
    assert sorted(raw.document["metadata"]["name"] for raw in found.documents) == names
