"""A worker that starts asks its cache for every render, and renders nothing anew. On the sandbox."""

import pytest

from reconciler.render.renderer import Renderer
from tests.servers.system import System, config_map

pytestmark = pytest.mark.long

MANY = {f"apps/web/{number}.yaml": config_map(f"web-{number}") for number in range(5)}
OVERLAY = {"apps/over/kustomization.yaml": "namePrefix: x-\nresources: [a.yaml]\n", "apps/over/a.yaml": config_map("over")}


@pytest.fixture
def rendered(monkeypatch):
    """Every directory that was rendered."""
    asked = []
    render = Renderer.render

    async def counted(self, root, requests):
        asked.extend(request.path for request in requests)
        return await render(self, root, requests)

    monkeypatch.setattr(Renderer, "render", counted)
    return asked


@pytest.mark.parametrize(("megabytes", "anew"), [(256, []), (0, ["apps/over", "apps/web"])], ids=["with a cache", "without"])
async def test_a_start_renders_nothing_that_was_rendered_before(tmp_path, valkey, rendered, megabytes, anew):
    applications = {"web": "apps/web", "over": "apps/over"}
    settings = {"render_cache": megabytes}
    async with System(tmp_path, applications=applications, redis_url=valkey.url, settings=settings) as system:
        await system.ended(await system.push(MANY | OVERLAY))
        rendered.clear()
        await system.stop()
        await system.start()

        async def is_answered():
            status, answer = await system.get("/api/v1/applications/trueup/web/resources")
            return status == 200 and len(answer["items"]) == 5

        await system.until(is_answered, "the holder answers")
        assert sorted(set(rendered)) == anew
