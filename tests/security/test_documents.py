"""Whatever a document is, rendering it ends: with an error that says why, or with harmless objects, in time and in bounds.

Each is rendered while another application is, again and again, and that one must not notice. Where a guard is the point, it is taken out
in the last tests. Limits themselves: tests/reconciler/render/test_renderer.py.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from reconciler.model.declared import Name
from reconciler.render.renderer import Renderer
from reconciler.render.result import Rendered, RenderRequest
from reconciler.render.wire import Answer
from reconciler.settings import ReconcilerSettings
from tests.security.documents import HEAD, Hostile, hostile
from tests.tools.build import find

HELM = find("helm")
ALL = tuple(case for case in hostile() if HELM or not case.name.startswith(("helm", "remote-values")))

MOST_SECONDS, MOST_MIB = 10.0, 512
DEADLINE_SECONDS = 8.0

HARMLESS = frozenset({
    "tag-of-nobody", "tag-of-python", "many-anchors", "many-comments", "many-empty-documents", "huge-number", "huge-exponent", "huge-text",
    "merge-of-itself", "utf-16",
})  # fmt: skip
"""Bombs that a reader may well render: nothing of them is executed, and nothing grows."""

UNUSED = frozenset(
    {"helm-values-deep-blocks", "helm-values-twice-the-same-key", "helm-values-many-documents", "helm-values-nested-list-objects"}
)
"""Values that Helm takes and the template does not use."""

FINE = UNUSED | {
    "helm-host-name", "helm-lookup", "helm-padding", "helm-regular-expression", "helm-derive-password", "helm-post-renderer",
    "kustomize-regular-expression", "substitute-doubled", "substitute-itself", "substitute-default-in-default",
}  # fmt: skip
"""What renders: the functions find nothing here, and the expressions are of a kind that takes no time."""


@dataclass(slots=True)
class Kitchen:
    """A renderer on a loop of its own, and a server that counts who calls."""

    loop: asyncio.AbstractEventLoop
    renderer: Renderer
    root: Path
    port: int
    calls: list[object]

    def render(self, case: Hostile) -> tuple[Answer, list[Answer]]:
        """The answer to a case, and those to a harmless application meanwhile."""
        plant(self.root / case.name, case, self.port)
        return asyncio.run_coroutine_threadsafe(self._both(case), self.loop).result(60)

    async def _both(self, case: Hostile) -> tuple[Answer, list[Answer]]:
        task = asyncio.create_task(self._one(RenderRequest(Name("t", case.name), case.name, case.options)))
        others = [await self._one(RenderRequest(Name("t", "fine"), "fine"))]
        while not task.done():
            others.append(await self._one(RenderRequest(Name("t", "fine"), "fine")))
            await asyncio.sleep(0.05)
        return await task, others

    async def _one(self, request: RenderRequest) -> Answer:
        (answer,) = await self.renderer.render(self.root, [request])
        return answer


def plant(directory: Path, case: Hostile, port: int) -> None:
    for name, content in case.files().items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content.replace(b"PORT", str(port).encode()))


@contextlib.contextmanager
def kitchen_in(root: Path) -> Iterator[Kitchen]:
    (root / "fine").mkdir()
    (root / "fine/a.yaml").write_bytes(HEAD)
    loop, calls = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    renderer = Renderer(ReconcilerSettings(render_timeout=DEADLINE_SECONDS, helm=Path(HELM) if HELM else None))

    def wait(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    async def listen():
        async def count(_, writer):
            calls.append(1)
            writer.close()

        return await asyncio.start_server(count, "127.0.0.1", 0)

    async def stop():
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.1)  # transports of what was killed close now

    server = wait(listen())
    wait(renderer.__aenter__())
    try:
        yield Kitchen(loop, renderer, root, server.sockets[0].getsockname()[1], calls)
    finally:
        wait(renderer.__aexit__(None, None, None))
        wait(stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    with kitchen_in(tmp_path_factory.mktemp("documents")) as found:
        yield found


class Peak(threading.Thread):
    """The most memory that any one process of the renderer's children had, in MiB; looked at every few milliseconds."""

    def __init__(self, server: int) -> None:
        super().__init__(daemon=True)
        self._server, self._done, self.mib = str(server), threading.Event(), 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        while not self._done.wait(0.03):
            parents = {}
            for process in (entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()):
                with contextlib.suppress(OSError):
                    parents[process] = Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[1]
            children = {process for process, parent in parents.items() if parent == self._server}
            for process in children | {process for process, parent in parents.items() if parent in children}:
                with contextlib.suppress(OSError):
                    lines = Path("/proc", process, "status").read_text().splitlines()
                    self.mib = max(self.mib, *(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM")), 0)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name, marks=[pytest.mark.long] if case.is_long else []) for case in ALL]
)
@pytest.mark.long
def test_it_ends_in_time_and_in_bounds_and_no_other_application_notices(kitchen, case):
    begin = time.monotonic()
    with Peak(kitchen.renderer._server.pid) as peak:
        answer, others = kitchen.render(case)
    assert time.monotonic() - begin < MOST_SECONDS
    assert peak.mib <= MOST_MIB
    assert [type(other) for other in others] == [Rendered] * len(others)
    assert kitchen.calls == []
    if isinstance(answer, Rendered):
        assert case.name in FINE or case.name.endswith(tuple(HARMLESS)), "was rendered"
        assert "evil" not in str(answer.documents)
    else:
        assert case.name in str(answer) or "127.0.0.1" in str(answer)
        assert str(kitchen.root) not in str(answer)
        assert "Traceback" not in str(answer)
        assert "the renderer failed:" not in str(answer), "a bug of ours"


def test_there_are_enough_of_them():
    assert len({case.name for case in ALL}) == len(ALL) >= 120


@pytest.mark.long
def test_without_any_guard_the_network_is_asked(tmp_path, monkeypatch):
    """So that the addresses are known to lead somewhere."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/sitecustomize.py").write_text(
        "from reconciler.render import confine, kustomize, mounts, reach\n"
        "confine.attempt = lambda *a, **k: confine.Confinement()\n"
        "kustomize.reach_of = lambda *a, **k: reach.Reach()\n"
        "mounts.leave = lambda _: False\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    (tmp_path / "tree").mkdir()
    with kitchen_in(tmp_path / "tree") as kitchen:
        kitchen.render(next(case for case in ALL if case.name == "remote-resource-0"))
        assert kitchen.calls


@pytest.mark.long
@pytest.mark.parametrize("guard", ["reach", "kernel"])
def test_either_guard_alone_keeps_the_network_out(tmp_path, monkeypatch, guard):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/sitecustomize.py").write_text(
        "from reconciler.render import kustomize, reach\nkustomize.reach_of = lambda *a, **k: reach.Reach()\n"
        if guard == "kernel"
        else "from reconciler.render import confine, mounts\n"
        "confine.attempt = lambda *a, **k: confine.Confinement()\nmounts.leave = lambda _: False\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    (tmp_path / "tree").mkdir()
    with kitchen_in(tmp_path / "tree") as kitchen:
        for case in ALL:
            if case.name.startswith(("remote-resource", "remote-file")):
                kitchen.render(case)
        assert kitchen.calls == []
