"""Children that do well, and children that are killed: by their limits, by the deadline, by the machine."""

import asyncio
import os
import signal
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from reconciler.errors import InvalidManifest, PathMissing, RenderFailed
from reconciler.model.declared import Name, RenderOptions
from reconciler.render import renderer as module
from reconciler.render.plain import TOOL
from reconciler.render.renderer import Renderer
from reconciler.render.result import Rendered, RenderRequest
from reconciler.settings import ReconcilerSettings


def request(path: str, **options) -> RenderRequest:
    return RenderRequest(Name("t", path), path, RenderOptions(**options))


def names(answer) -> list[str]:
    assert isinstance(answer, Rendered), answer
    return [raw.document["metadata"]["name"] for raw in answer.documents]


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def has_ended(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - the process is not ours to wait for
        await asyncio.sleep(0.02)
    return not is_alive(pid)


STUCK = 'echo $$ > "$HOME/pid"; /bin/sleep 100'
"""A build that does not end; it may write to its home only."""


async def pid_in(directory: Path) -> int:
    """The pid that a build wrote, somewhere beneath."""
    while not (found := [file for file in directory.rglob("pid") if file.read_text().strip()]):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)
    return int(found[0].read_text())


@pytest.fixture
async def renderer():
    async with Renderer(ReconcilerSettings(render_timeout=20)) as renderer:
        yield renderer


@pytest.fixture
def use(fake_kubectl, monkeypatch):
    """Makes the fork servers that start from now on use another kubectl."""

    def install(script: str) -> None:
        path = fake_kubectl(script)
        monkeypatch.setattr(module, "binary", lambda: path)

    return install


async def test_each_request_gets_its_answer_in_their_order(plant, renderer, kubectl):
    tree = plant({
        "plain/a.yaml": "map:a",
        "plain/b.yaml": "map:b",
        "base/kustomization.yaml": "resources: [c.yaml]",
        "base/c.yaml": "map:c",
        "over/kustomization.yaml": "resources: [../base]\nnamePrefix: over-",
        "bad/x.yaml": "a: b: c",
    })  # fmt: skip
    paths = ["over", "plain", "missing", "base", "bad", "plain"]
    over, plain, missing, base, bad, again = await renderer.render(tree.root, [request(path) for path in paths])
    assert (names(over), names(plain), names(base)) == (["over-c"], ["a", "b"], ["c"])
    assert (over.tool, plain.tool) == (f"kustomize/{kubectl.version}", TOOL)
    assert type(missing) is PathMissing
    assert type(bad) is InvalidManifest
    assert str(bad).startswith("bad/x.yaml, line 1: ")
    assert again == plain


async def test_options_are_heeded(plant, renderer):
    tree = plant({"d/a.yaml": "map:a", "d/b.yaml": "map:b"})
    answers = await renderer.render(tree.root, [request("d", include=("a*",)), request("d", exclude=("a*",))])
    assert [names(answer) for answer in answers] == [["a"], ["b"]]


async def test_nothing_asked_nothing_answered(plant, renderer):
    assert await renderer.render(plant({}).root, []) == []


@pytest.mark.parametrize(("cores", "wanted"), [(1, 1), (2, 2), (3, 3), (64, 5)])
async def test_a_thousand_applications_are_the_work_of_a_child_for_each_core(plant, renderer, monkeypatch, cores, wanted):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    tree = plant({f"app{number}/a.yaml": f"map:a{number}" for number in range(1000)})
    children = []
    connect = renderer._connect

    async def counted():
        children.append(1)
        return await connect()

    monkeypatch.setattr(renderer, "_connect", counted)
    answers = await renderer.render(tree.root, [request(f"app{number}") for number in range(1000)])
    assert [names(answer) for answer in answers] == [[f"a{number}"] for number in range(1000)]
    assert len(children) == wanted


LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(9))


async def test_hostile_applications_spoil_no_other(plant, renderer):
    bad = {
        "b0/x.yaml": "[" * 60_000,
        "b1/x.yaml": LAUGHS,
        "b2/x.yaml": "a: " + "x" * 6_000_000,
        "b3/kustomization.yaml": "resources: [.]",
        "b4/kustomization.yaml": "resources: [https://x.example/y]",
        "b5/x.yaml": "-> /etc/nowhere",
        "b6/x.yaml": '{"a": ' * 50_000,
        "b7/x.yaml": "a: \0",
    }
    good = {f"g{number}/a.yaml": f"map:g{number}" for number in range(8)}
    tree = plant(bad | good)
    requests = [request(f"{kind}{number}") for number in range(8) for kind in "bg"]
    answers = await renderer.render(tree.root, requests)
    assert [names(answer) for answer in answers[1::2]] == [[f"g{number}"] for number in range(8)]
    assert {type(answer) for answer in answers[::2]} == {InvalidManifest}


async def test_an_application_that_needs_too_much_memory_is_named_and_the_others_go_on(plant):
    tree = plant({"a/x.yaml": "map:a", "c/x.yaml": "map:c"} | {f"b/{n}.yaml": f"a: [{'[],' * 300_000}]" for n in range(2)})
    async with Renderer(ReconcilerSettings(render_memory=64)) as renderer:
        first, second, third = await renderer.render(tree.root, [request("a"), request("b"), request("c")])
    assert (names(first), names(third)) == (["a"], ["c"])
    assert type(second) is RenderFailed
    assert str(second).startswith("t/b: ")
    assert "64 MiB of memory" in str(second)


async def test_a_build_that_does_not_end_is_killed_with_all_it_started(plant, use):
    use(STUCK)
    tree = plant({"d/kustomization.yaml": "resources: []", "e/a.yaml": "map:e"})
    async with Renderer(ReconcilerSettings(render_timeout=0.7)) as renderer:
        task = asyncio.create_task(renderer.render(tree.root, [request("d"), request("e")]))
        pid = await pid_in(Path(renderer._socket).parent)
        stuck, fine = await task
    assert type(stuck) is RenderFailed
    assert str(stuck) == "t/d: rendering did not end within 0.7 s (TRUEUP_RENDER_TIMEOUT) and was killed"
    assert names(fine) == ["e"]
    assert await has_ended(pid)


async def test_a_build_that_prints_without_end_is_stopped(plant, use):
    use("exec /usr/bin/yes 'kind: A'")
    tree = plant({"d/kustomization.yaml": "resources: []"})
    async with Renderer(ReconcilerSettings()) as renderer:
        (answer,) = await renderer.render(tree.root, [request("d")])
    assert type(answer) is RenderFailed
    assert "limit" in str(answer) or "too large" in str(answer)


async def test_when_a_child_dies_its_application_is_blamed_and_another_child_goes_on(plant, use):
    use('case "$2" in */bad) kill -9 $PPID;; *) echo "kind: A"; echo "metadata: {name: ok}";; esac')
    tree = plant({f"{name}/kustomization.yaml": "resources: []" for name in ("a", "bad", "c")})
    async with Renderer(ReconcilerSettings()) as renderer:
        first, second, third = await renderer.render(tree.root, [request("a"), request("bad"), request("c")])
    assert (names(first), names(third)) == (["ok"], ["ok"])
    assert type(second) is RenderFailed
    assert str(second).startswith("t/bad: the renderer died; did it run past its limits, 1024 MiB of memory")


async def test_a_fork_server_that_dies_is_started_again(plant, renderer):
    tree = plant({"d/a.yaml": "map:a"})
    for _ in range(3):
        os.kill(renderer._server.pid, signal.SIGKILL)
        (answer,) = await renderer.render(tree.root, [request("d")])
        assert names(answer) == ["a"]


async def test_a_fork_server_that_hangs_is_started_again(plant, renderer, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    os.kill(renderer._server.pid, signal.SIGSTOP)
    (answer,) = await renderer.render(plant({"d/a.yaml": "map:a"}).root, [request("d")])
    assert names(answer) == ["a"]


async def test_many_batches_at_once_survive_a_fork_server_that_dies(plant, renderer):
    tree = plant({"d/a.yaml": "map:a"})
    os.kill(renderer._server.pid, signal.SIGKILL)
    answers = await asyncio.gather(*(renderer.render(tree.root, [request("d")]) for _ in range(20)))
    assert [names(answer) for (answer,) in answers] == [["a"]] * 20


async def test_a_render_that_is_cancelled_leaves_nothing_running(plant, use):
    use(STUCK)
    tree = plant({"d/kustomization.yaml": "resources: []"})
    async with Renderer(ReconcilerSettings()) as renderer:
        task = asyncio.create_task(renderer.render(tree.root, [request("d")]))
        pid = await pid_in(Path(renderer._socket).parent)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await has_ended(pid)


async def test_the_fork_server_ends_with_the_renderer():
    async with Renderer(ReconcilerSettings()) as renderer:
        pid = renderer._server.pid
        assert is_alive(pid)
    assert not is_alive(pid)
    assert not Path(renderer._socket).parent.exists()


WORKER = """
    import asyncio, sys
    from pathlib import Path
    from reconciler.model.declared import Name
    from reconciler.render import renderer as module
    from reconciler.render.result import RenderRequest
    from reconciler.settings import ReconcilerSettings
    module.binary = lambda: sys.argv[2]

    async def main():
        async with module.Renderer(ReconcilerSettings()) as renderer:
            print(renderer._server.pid, flush=True)
            await renderer.render(Path(sys.argv[1]), [RenderRequest(Name("t", "d"), "d")])

    asyncio.run(main())
"""


async def test_a_fork_server_that_is_cancelled_while_it_starts_ends_too(monkeypatch, tmp_path):
    spawned = asyncio.get_running_loop().create_future()

    async def spawn(*args, **kwargs):
        server = await real(*args, **kwargs)
        spawned.set_result(server)
        return server

    real = module.spawn
    monkeypatch.setattr(module, "spawn", spawn)
    starting = asyncio.create_task(Renderer(ReconcilerSettings(state=tmp_path)).__aenter__())
    server = await spawned
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await has_ended(server.pid)


@pytest.fixture
def short_path():
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


async def test_nothing_outlives_a_worker_that_is_killed(plant, fake_kubectl, short_path):
    fake = fake_kubectl(STUCK)
    tree = plant({"d/kustomization.yaml": "resources: []"})
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(WORKER), str(tree.root), fake,
        stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(short_path)},
    )  # fmt: skip
    assert worker.stdout is not None
    server = int(await worker.stdout.readline())
    build = await pid_in(short_path)
    worker.kill()
    await worker.wait()
    assert await has_ended(server)
    assert await has_ended(build)


async def test_a_path_that_is_too_long_for_a_socket_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("d" * 100)))
    Path(tempfile.tempdir).mkdir()
    with pytest.raises(RenderFailed, match=r"ddd/trueup-render-.*: too long for the name of a socket; set TMPDIR"):
        async with Renderer(ReconcilerSettings()):
            pass
    assert list(Path(tempfile.tempdir).iterdir()) == []


async def test_without_kubectl_plain_yaml_is_rendered(plant, monkeypatch):
    tree = plant({"d/a.yaml": "map:a", "k/kustomization.yaml": "resources: []"})
    monkeypatch.setattr(module, "binary", lambda: None)
    async with Renderer(ReconcilerSettings()) as renderer:
        plain, built = await renderer.render(tree.root, [request("d"), request("k")])
    assert names(plain) == ["a"]
    assert "kubectl is missing" in str(built)
