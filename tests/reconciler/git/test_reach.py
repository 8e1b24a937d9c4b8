"""Credentials reach the one host that was declared, through a pipe, and stand in no argument, environment, file or message."""

import asyncio
import os
from pathlib import Path

import pytest
from aiohttp import web

from reconciler.errors import SourceRefused
from reconciler.git.credentials import Credentials, Login
from reconciler.git.reach import install_script, reach
from reconciler.model.declared import SecretRef
from reconciler.process import Limits, run
from tests.servers.git_http import Hold, Remote, repository_at, running
from trueup.sandbox.githttp import GitServer

MAIN = "refs/heads/main"
CANARY = "c4nary-t0ken"
REF = SecretRef("trueup", "git")


@pytest.fixture
async def guarded(tmp_path):
    async with GitServer(tmp_path / "guarded", login=f"ada:{CANARY}") as server:
        yield Remote(server)


def secrets(password=CANARY, username="ada"):
    return {"git": {"username": username.encode(), "password": password.encode()}}


async def test_the_right_credentials_open_and_are_not_asked_for_twice(worker, guarded):
    commit = await guarded.commit({"a": "1"})
    mirror = worker(repository_at(guarded.url, credentials=REF), secrets())
    assert await mirror.fetch(MAIN) == commit
    assert (await mirror.heads())[MAIN] == commit


async def test_pipes_with_high_numbers_are_read_too(worker, guarded):
    commit = await guarded.commit({"a": "1"})
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(40)]
    try:
        assert await worker(repository_at(guarded.url, credentials=REF), secrets()).fetch(MAIN) == commit
    finally:
        for descriptor in held:
            os.close(descriptor)


async def test_no_descriptor_is_left_open(worker, guarded):
    await guarded.commit({"a": "1"})
    mirror = worker(repository_at(guarded.url, credentials=REF), secrets())
    await mirror.fetch(MAIN)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        await mirror.fetch(MAIN)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "asks for credentials; name a Secret in spec.credentials.secretRef"),
        (secrets("wr0ng-canary"), "refuses the credentials; check the Secret"),
        ({"git": {"ssh-privatekey": b"x"}}, "Secret git has the keys ssh-privatekey; it needs password or token"),
        ({"git": {}}, "has the keys none"),
        ({"git": {"password": b"\xff canary"}}, "Secret git, key password: is not text"),
        ({"git": {"token": b"a\ncanary"}}, "Secret git, key token: is not one line"),
        ({"git": {"password": b" \n"}}, "Secret git: its key `password` is empty"),
    ],
    ids=["none", "wrong", "no-key", "no-keys", "no-text", "lines", "empty"],
)
async def test_what_is_wrong_with_credentials_is_said_without_them(worker, guarded, given, said):
    await guarded.commit({"a": "1"})
    mirror = worker(repository_at(guarded.url, credentials=REF if given is not None else None), given or {})
    with pytest.raises(SourceRefused, match=said) as caught:
        await mirror.fetch(MAIN)
    assert "canary" not in str(caught.value)
    assert CANARY not in repr(caught.value.__cause__)


async def test_no_running_process_and_no_file_shows_the_credentials(worker, guarded, tmp_path):
    await guarded.commit({"a": "1"})
    hold = Hold()

    async def after_login(request: web.Request) -> None:
        if "Authorization" in request.headers:
            await hold(request)

    guarded.server.instead = after_login
    mirror = worker(repository_at(guarded.url, credentials=REF), secrets())
    async with running(mirror.fetch(MAIN)):
        await asyncio.wait_for(hold.reached.wait(), 10)
        seen = _git_processes()
        hold.let_go.set()
    assert any("git-remote-http" in line for line, _ in seen)
    assert not [line for line, environment in seen if CANARY in line or CANARY in environment]
    files = [file for file in (tmp_path / "state").rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def _git_processes() -> list[tuple[str, str]]:
    """Command line and environment of every git process of this user."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                line = (process / "cmdline").read_bytes().decode(errors="replace")
                if "git" in line:
                    found.append((line, (process / "environ").read_bytes().decode(errors="replace")))
            except OSError:
                continue
    return found


async def test_credentials_are_not_sent_after_a_redirect(worker, guarded, git_server):
    stolen: list[str] = []

    async def thief(request: web.Request) -> web.Response:
        stolen.append(request.headers.get("Authorization", ""))
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})

    async def redirect(request: web.Request) -> None:
        raise web.HTTPFound(f"http://127.0.0.1:{git_server.port}{request.path_qs}")

    git_server.instead, guarded.server.instead = thief, redirect
    mirror = worker(repository_at(guarded.url, credentials=REF), secrets())
    with pytest.raises(SourceRefused, match="redirects elsewhere"):
        await mirror.fetch(MAIN)
    assert stolen == []


@pytest.mark.parametrize("key", ["bearerToken"])
async def test_a_bearer_token_is_sent_as_a_header_and_shown_by_no_process(worker, tmp_path, key):
    seen: list[str] = []
    shown: list[tuple[str, str]] = []
    async with GitServer(tmp_path / "bearer") as server:

        async def look(request: web.Request) -> web.Response | None:
            seen.append(request.headers.get("Authorization", ""))
            shown.extend(_git_processes())
            return None if seen[-1] == f"Bearer {CANARY}" else web.Response(status=401)

        remote = Remote(server)
        commit = await remote.commit({"a": "1"})
        server.instead = look
        mirror = worker(repository_at(remote.url, credentials=REF), {"git": {key: CANARY.encode()}})
        assert await mirror.fetch(MAIN) == commit
    assert set(seen) == {f"Bearer {CANARY}"}
    assert shown
    assert not [line for line, environment in shown if CANARY in line or CANARY in environment]
    assert not [file for file in (tmp_path / "state").rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a;b #c", "$(id)"])
async def test_a_token_is_not_read_as_configuration(worker, git_server, remote, value):
    await remote.commit({"a": "1"})
    seen: list[str] = []

    async def look(request: web.Request) -> None:
        seen.append(request.headers.get("Authorization", ""))

    git_server.instead = look
    await worker(repository_at(remote.url, credentials=REF), {"git": {"bearerToken": value.encode()}}).fetch(MAIN)
    assert set(seen) == {f"Bearer {value}"}


@pytest.mark.parametrize(
    ("prompt", "printed"),
    [
        ("Username for 'https://git.example': ", "ada\n"),
        ("Password for 'https://ada@git.example': ", "s3cret\n"),
        ("Password for 'https://ada@git.example.evil': ", ""),
        ("Password for 'http://ada@proxy:3128': ", ""),
        ("Enter passphrase for key 'https://git.example': ", ""),
    ],
)
async def test_the_helper_answers_for_the_declared_host_alone(tmp_path, prompt, printed):
    script = install_script(tmp_path)
    with reach(Credentials(Login("ada", "s3cret", "git.example")), "https://git.example/a", script) as pipes:
        env = {**pipes.environment, "PATH": os.environ["PATH"]}
        done = await run([script, prompt], limits=Limits(5), env=env, pass_fds=pipes.descriptors)
    assert done.stdout.decode() == printed
