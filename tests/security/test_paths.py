"""No renderer reads a file outside of the tree, however its path is said: every shape of a path in every place where one can be said.

Two guards stand one behind the other: our own checks of paths and links, and the kernel's (Landlock). Each alone must hold against all
vectors, and without either many get through, so the vectors are known to bite. So must what stands in for the kernel's where it has no
Landlock: a mount namespace with nothing else in it. A guard is taken out by a `sitecustomize` of the fork
server. How the kernel's guard works: tests/reconciler/render/test_confine.py.
"""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from reconciler.model.declared import Name
from reconciler.render import landlock
from reconciler.render.renderer import Renderer
from reconciler.render.result import Rendered, RenderRequest
from reconciler.render.wire import Answer
from reconciler.settings import ReconcilerSettings
from tests.security.vectors import CANARY, INSIDE, MAP, Vector, plant_outside, vectors
from tests.tools.build import find

HELM = find("helm")
ALL = tuple(vector for vector in vectors() if HELM or not ({"helm", "valuesFiles"} & {vector.place.renderer, vector.place.name}))

INERT = {"helm-link-inside", "helm-link-of-values-inside", "helm-dependency-inside", "kustomize-crds-inside"}
"""Places that never show what is in a file: links in charts are refused, dependencies must be in `charts`, and of definitions Kustomize
tells nothing."""

OPEN_PATHS = "from reconciler.render.tree import Tree; Tree.names = lambda self, path: {self.name(path)}\n"
OPEN_REACH = "from reconciler.render import kustomize, reach; kustomize.reach_of = lambda *a, **k: reach.Reach()\n"
OPEN_LINKS = "from reconciler.render import helm; helm._refuse_links = lambda *a: None\n"
OPEN_KERNEL = "from reconciler.render import confine; confine.attempt = lambda *a, **k: confine.Confinement()\n"
NO_LANDLOCK = "from reconciler.render import landlock; landlock.version = lambda: 0\n"
OPEN_CHECKS = OPEN_PATHS + OPEN_REACH + OPEN_LINKS


def answers(top: Path, chosen: tuple[Vector, ...], without: str = "", *, level: str = "") -> Mapping[str, Answer]:
    """What every vector renders to, by its name, where some guards are taken out; `fine` is an application that is as it should be.

    Level: by what files must be confined.
    """
    plant_outside(top)
    requests = [vector.plant(top) for vector in chosen]
    (top / "tree/fine").mkdir()
    (top / "tree/fine/a.yaml").write_text(MAP)
    fine = RenderRequest(Name("t", "fine"), "fine")
    (top / "code").mkdir()
    (top / "code/sitecustomize.py").write_text(without)

    async def render() -> Mapping[str, Answer]:
        async with Renderer(ReconcilerSettings(render_timeout=8, helm=Path(HELM) if HELM else None)) as renderer:
            if level not in renderer.confinement.files:
                pytest.skip(f"not permitted here: {renderer.confinement}")
            found = await renderer.render(top / "tree", [*requests, fine])
        return {request.application.name: answer for request, answer in zip([*requests, fine], found, strict=True)}

    sys.path.insert(0, str(top / "code"))
    try:
        return asyncio.run(render())
    finally:
        sys.path.remove(str(top / "code"))


def leaks(found: Mapping[str, Answer]) -> list[str]:
    """Vectors that told what is outside."""
    return [name for name, answer in found.items() if tells(answer)]


def tells(answer: Answer) -> bool:
    said = orjson.dumps([raw.document for raw in answer.documents]).decode() if isinstance(answer, Rendered) else str(answer)
    return CANARY in said or "root:x:0" in said


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> Mapping[str, Answer]:
    return answers(tmp_path_factory.mktemp("paths"), ALL)


@pytest.mark.long
def test_nothing_outside_is_read(shipped):
    """Of all vectors in one test, which names those that leak: a test for each takes longer than the renders."""
    assert leaks(shipped) == []
    assert isinstance(shipped["fine"], Rendered)


def test_what_is_inside_is_read_in_every_place(tmp_path):
    """So that no vector fails for the form of its place; links in charts are refused wherever they lead."""
    places = {vector.place.name + vector.place.renderer: Vector(vector.place, INSIDE) for vector in ALL}
    found = answers(tmp_path, tuple(places.values()))
    refused = {name: str(answer) for name, answer in found.items() if not (tells(answer) or name == "fine")}
    assert refused.keys() == INERT, refused


def test_there_are_enough_of_them():
    assert len(ALL) >= 300
    assert {vector.place.renderer for vector in ALL} >= {"plain", "kustomize", "jsonnet", "settings"}


@pytest.mark.long
def test_the_checks_alone_hold(tmp_path):
    """As on a kernel without Landlock."""
    assert leaks(answers(tmp_path, ALL, OPEN_KERNEL)) == []


@pytest.mark.long
@pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
def test_the_kernel_alone_holds(tmp_path):
    assert leaks(answers(tmp_path, ALL, OPEN_CHECKS)) == []


@pytest.mark.long
def test_a_mount_namespace_alone_holds_where_there_is_no_landlock(tmp_path):
    found = answers(tmp_path, ALL, NO_LANDLOCK + OPEN_CHECKS, level="mounts")
    assert leaks(found) == []
    assert isinstance(found["fine"], Rendered)


@pytest.mark.long
@pytest.mark.parametrize(
    ("without", "renderers"),
    [
        pytest.param(OPEN_PATHS, {"plain", "jsonnet", "settings"}, id="paths"),
        pytest.param(OPEN_REACH, {"kustomize"}, id="reach"),
        pytest.param(OPEN_LINKS, {"helm"} if HELM else set(), id="links"),
        pytest.param(OPEN_CHECKS, {"plain", "kustomize", "jsonnet", "settings"} | ({"helm"} if HELM else set()), id="all"),
    ],
)
def test_without_a_check_and_without_the_kernel_these_leak(tmp_path, without, renderers):
    """So that the vectors are known to bite."""
    found = leaks(answers(tmp_path, ALL, OPEN_KERNEL + without))
    assert {name.partition("-")[0] for name in found} >= renderers
