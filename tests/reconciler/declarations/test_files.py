"""Real files in a real directory, also replaced as Kubernetes replaces a mounted ConfigMap."""

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

import pytest

from reconciler.declarations.files import Loaded, follow, load
from reconciler.errors import InvalidDeclaration
from reconciler.model.declared import Name
from tests.servers.limited import run_limited

from .conftest import APPLICATION, REPOSITORY

TAB = "indent with spaces, not tabs, and quote a text that begins with @, ` or %"


def told(directory: Path) -> list[str]:
    loaded = load(directory)
    assert not loaded.problems or not loaded.declarations.applications
    return [str(problem) for problem in loaded.problems]


def test_everything_in_a_directory_is_read(declare):
    directory = declare(a=f"{REPOSITORY}---\n{APPLICATION}", b=APPLICATION.replace("web", "api"), c="# nothing\n")
    (directory / "sub").mkdir()
    (directory / "sub/x.yml").write_text(APPLICATION.replace("web", "sub"))
    (directory / "notes.txt").write_text("not: read: at all")
    (directory / ".hidden.yaml").write_text("not: read: at all")
    loaded = load(directory)
    assert loaded.problems == ()
    assert set(loaded.declarations.repositories) == {Name("trueup", "shop")}
    assert set(loaded.declarations.applications) == {Name("trueup", name) for name in ("web", "api", "sub")}


def test_declarations_without_a_namespace_get_the_one_asked_for(declare):
    directory = declare(a=REPOSITORY, b=APPLICATION)
    assert set(load(directory, default_namespace="team").declarations.applications) == {Name("team", "web")}


def test_a_list_of_declarations_is_read(declare):
    directory = declare(
        a="""
        kind: List
        items:
        - apiVersion: trueup.dev/v1alpha1
          kind: Repository
          metadata: {name: shop}
          spec:
            url: https://x.example/a/b
            forje: github
    """
    )
    assert told(directory) == ["a.yaml:8: spec.forje: is no field here; did you mean forge?"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "a: @b\n",
            [f"a.yaml:1: found character that cannot start any token; {TAB}"],
            id="no YAML",
        ),
        pytest.param("# c\n- a\n", ["a.yaml:2: a list and no object; begin with `apiVersion:` and `kind:`"], id="no object"),
        pytest.param(
            "apiVersion: v1\nkind: ConfigMap\n",
            ["a.yaml:2: kind: 'ConfigMap' is no declaration; known are Repository and Application of trueup.dev/v1alpha1"],
            id="another kind",
        ),
        pytest.param(
            "a: 1\n", ["a.yaml:1: kind: a document without kind is no declaration; known are Repository and Application of trueup.dev/v1alpha1"],
            id="no kind",
        ),
        pytest.param(f"{REPOSITORY}  pol: 5m\n", ["a.yaml:6: spec.pol: is no field here; did you mean poll?"], id="unknown field"),
        pytest.param(
            f"{REPOSITORY}---{REPOSITORY}  poll: 5\n", ["a.yaml:12: spec.poll: must be a duration with its unit, such as 5s"],
            id="second document",
        ),
        pytest.param(
            REPOSITORY.replace("https://", "https://me:secret@"),
            ["a.yaml:5: spec.url: must not contain a password; put it into a Secret and name that in credentials.secretRef"],
            id="a password, which is not repeated",
        ),
        pytest.param("kind: Repository\n", [
            "a.yaml:1: apiVersion: is missing", "a.yaml:1: metadata: is missing", "a.yaml:1: spec: is missing"], id="several"),
        pytest.param(APPLICATION, ["a.yaml:6: spec.sources[0].git.repository: there is no Repository trueup/shop"], id="reference"),
        pytest.param(
            f"{REPOSITORY}  pol: 5m\n---{APPLICATION}", ["a.yaml:6: spec.pol: is no field here; did you mean poll?"],
            id="reference to what has a mistake itself"),
        pytest.param(
            f"{REPOSITORY}---{APPLICATION}  health:\n    - kind: Widget\n      healthy: 'true'\n      degraded: status.phase = 'x'\n",
            ["a.yaml:16: spec.health[0].degraded: column 14: token recognition error at: '= '; compare with =="], id="health rule"),
        pytest.param(f"{REPOSITORY}---{REPOSITORY}", ["a.yaml:9: metadata.name: trueup/shop stands in a.yaml:1 already"], id="twice"),
        pytest.param('{"kind": "Repository"}{"kind": "Nonsense"}', [
            "a.yaml:1: apiVersion: is missing", "a.yaml:1: metadata: is missing", "a.yaml:1: spec: is missing",
            "a.yaml:1: kind: 'Nonsense' is no declaration; known are Repository and Application of trueup.dev/v1alpha1"], id="JSON"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_by_file_line_and_field(declare, text, found):
    assert told(declare(a=text)) == found


def test_one_mistake_is_enough_to_declare_nothing(declare):
    loaded = load(declare(a=REPOSITORY, b="kind: Application\n"))
    assert (loaded.declarations.repositories, len(loaded.problems)) == ({}, 3)


def test_a_directory_that_is_not_there_is_named():
    with pytest.raises(InvalidDeclaration, match="/nowhere: no such directory; TRUEUP_DECLARATIONS must name one"):
        load(Path("/nowhere"))


def test_a_key_that_is_none_is_told_by_its_place(declare):
    (problem,) = told(declare(a=f"{REPOSITORY}  verify: {{keys: [nonsense]}}\n"))
    assert problem.partition(" ")[2].startswith(
        "spec.verify: keys[0]: line 1 names no signer; write: ada@example.com ssh-ed25519"
    )


def test_a_file_is_told_from_a_directory(declare):
    file = declare(a=REPOSITORY) / "a.yaml"
    with pytest.raises(InvalidDeclaration, match=r"a\.yaml: no such directory; it is a file: name its directory, since"):
        load(file)


def test_the_example_of_the_repository_is_right():
    assert told(Path(__file__).parents[3] / "deploy/examples") == []


HOSTILE = """
import sys
from pathlib import Path
from reconciler.declarations.files import load
print(*load(Path(sys.argv[1])).problems, sep="\\n")
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 60_000, id="60 kB of brackets"),
        pytest.param(f"kind: Application\nspec: {'{a: ' * 50_000}", id="of braces"),
        pytest.param("a: &a [*a]", id="alias of itself"),
        pytest.param("a0: &a0 [x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(9)), id="laughs"),
    ],
)  # fmt: skip
@pytest.mark.long
def test_hostile_declarations_end_no_process(declare, text):
    ended = run_limited(HOSTILE, str(declare(a=text)))
    assert ended.code == 0, ended.said
    assert ended.said.startswith("a.yaml:")


def test_ten_thousand_declarations_are_read_in_seconds(declare):
    directory = declare(a=REPOSITORY, b="---\n".join(APPLICATION.replace("web", f"web{n}") for n in range(2500)))
    ended = run_limited(HOSTILE, str(directory))
    assert (ended.code, ended.said.strip()) == (0, "")
    assert ended.seconds < 20


@contextlib.asynccontextmanager
async def following(directory: Path):
    """A function that waits for what comes next, and one that looks whether anything came."""
    seen: asyncio.Queue[Loaded] = asyncio.Queue()

    async def watch() -> None:
        async for loaded in follow(directory, interval_seconds=0.05):
            seen.put_nowait(loaded)

    task = asyncio.create_task(watch())

    async def comes() -> Loaded:
        async with asyncio.timeout(5):
            return await seen.get()

    async def nothing_comes() -> bool:
        await asyncio.sleep(0.4)
        return seen.empty()

    yield comes, nothing_comes
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def applications(loaded: Loaded) -> set[str]:
    assert loaded.problems == ()
    return {name.name for name in loaded.declarations.applications}


async def test_what_is_there_is_told_once_and_then_every_change(declare):
    directory = declare(a=REPOSITORY, b=APPLICATION)
    async with following(directory) as (comes, nothing_comes):
        assert applications(await comes()) == {"web"}
        assert await nothing_comes()
        declare(c=APPLICATION.replace("web", "api"))
        assert applications(await comes()) == {"web", "api"}
        (directory / "b.yaml").unlink()
        assert applications(await comes()) == {"api"}
        os.utime(directory / "a.yaml")
        assert await nothing_comes()


async def test_a_change_of_the_same_length_is_seen_also_a_moment_after_the_last(declare):
    directory = declare(a=REPOSITORY, b=APPLICATION)
    async with following(directory) as (comes, _):
        for name in ("web", "api", "job", "web"):
            (directory / "b.yaml").write_text(APPLICATION.replace("web", name))
            while applications(loaded := await comes()) != {name}:
                assert loaded
        old = (directory / "b.yaml").stat()
        (directory / "b.yaml").write_text(APPLICATION.replace("web", "xyz"))
        os.utime(directory / "b.yaml", ns=(old.st_atime_ns, old.st_mtime_ns))
        assert applications(await comes()) == {"xyz"}


async def test_a_broken_file_is_told_and_its_repair_too(declare):
    directory = declare(a=REPOSITORY, b=APPLICATION)
    async with following(directory) as (comes, nothing_comes):
        await comes()
        declare(b="kind: [\n")
        assert [problem.file for problem in (await comes()).problems] == ["b.yaml"]
        assert await nothing_comes()
        declare(b=APPLICATION)
        assert applications(await comes()) == {"web"}


async def test_a_mounted_config_map_that_is_replaced_is_seen(tmp_path):
    """Kubernetes writes a new directory and turns the link `..data` to it; https://pkg.go.dev/k8s.io/kubernetes/pkg/volume/util"""
    mount = tmp_path / "mount"
    mount.mkdir()

    def publish(number: int, text: str) -> None:
        data = mount / f"..{number}"
        data.mkdir()
        (data / "all.yaml").write_text(text)
        (mount / "..tmp").symlink_to(data.name)
        (mount / "..tmp").rename(mount / "..data")

    publish(1, f"{REPOSITORY}---\n{APPLICATION}")
    (mount / "all.yaml").symlink_to("..data/all.yaml")
    async with following(mount) as (comes, _):
        assert applications(await comes()) == {"web"}
        publish(2, f"{REPOSITORY}---\n{APPLICATION.replace('web', 'api')}")
        shutil.rmtree(mount / "..1")
        assert applications(await comes()) == {"api"}


async def test_a_directory_that_goes_away_is_told_and_so_is_its_return(declare):
    directory = declare(a=REPOSITORY, b=APPLICATION)
    async with following(directory) as (comes, nothing_comes):
        await comes()
        moved = directory.rename(directory.with_name("moved"))
        assert "no such directory" in str((await comes()).problems[0])
        assert await nothing_comes()
        moved.rename(directory)
        assert applications(await comes()) == {"web"}


async def test_while_nothing_changes_no_file_is_read(declare, monkeypatch):
    directory = declare(a=REPOSITORY, b=APPLICATION)
    for file in directory.iterdir():
        os.utime(file, (1, 1))
    monkeypatch.setattr("reconciler.declarations.changes.SETTLED_SECONDS", 0.0)
    async with following(directory) as (comes, nothing_comes):
        await comes()
        reads = []
        read = Path.read_bytes
        monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path) or read(path))
        assert await nothing_comes()
        assert reads == []
