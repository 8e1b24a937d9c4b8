"""Git's failures in words: each provoked by a server that fails so; and nothing of the machine's configuration counts."""

import socket

import pytest
from aiohttp import web

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.command import Call, Git, machine
from reconciler.git.failures import explain, last_line
from tests.servers.git_http import Hold, MirrorMaker, repository_at

MAIN = "refs/heads/main"


def answering(status, **headers):
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>\nno\n</html>\n", headers=headers)

    return answer


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, SourceRefused, "asks for credentials|refuses the credentials"),
        (403, SourceRefused, "denies access"),
        (404, SourceRefused, "has no such repository, or hides it"),
        (429, SourceUnavailable, "asks for patience"),
        (500, SourceUnavailable, "in trouble"),
        (503, SourceUnavailable, "in trouble"),
        (200, SourceRefused, "not as a Git server"),
    ],
)
async def test_answers_of_the_server(mirror, remote, git_server, status, kind, said):  # noqa: PLR0917 - fixtures and a table
    await remote.commit({"a": "1"})
    git_server.instead = answering(status)
    with pytest.raises(kind, match=f"^trueup/shop: cannot fetch {MAIN} of http://127.*{said}"):
        await mirror.fetch(MAIN)


async def test_a_server_that_is_not_there_is_waited_for(worker):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/a/b.git"
        with pytest.raises(SourceUnavailable, match="nobody answers there"):
            await worker(repository_at(url)).heads()


async def test_a_host_without_an_address_is_waited_for(worker):
    with pytest.raises(SourceUnavailable, match=r"not known to DNS; check spec.url"):
        await worker(repository_at("http://absent.invalid/a/b.git")).heads()


async def test_a_missing_repository_is_refused(worker, git_server):
    with pytest.raises(SourceRefused, match="has no such repository"):
        await worker(repository_at(git_server.url("no/body"))).heads()


async def test_a_server_that_never_answers_meets_the_deadline(tmp_path, remote, git_server):
    await remote.commit({"a": "1"})
    mirror = MirrorMaker(tmp_path / "state", git_timeout=0.3)(repository_at(remote.url))
    git_server.instead = Hold()
    with pytest.raises(SourceUnavailable, match=r"git did not end within 0.3 s"):
        await mirror.fetch(MAIN)
    git_server.instead.let_go.set()
    mirror.timeout_seconds = 20
    assert await mirror.fetch(MAIN)


async def test_an_answer_cut_short_is_waited_for(mirror, remote, git_server):
    await remote.commit({"a": "1"})

    async def cut(request: web.Request) -> web.StreamResponse | None:
        if request.method != "POST":
            return None
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        response.content_length = 5000
        await response.prepare(request)
        await response.write(b"0011packfile\n")
        assert request.transport
        request.transport.close()
        return response

    git_server.instead = cut
    with pytest.raises(SourceUnavailable):
        await mirror.fetch(MAIN)
    git_server.instead = None
    assert await mirror.fetch(MAIN)


async def test_the_configuration_of_the_machine_does_not_count(tmp_path, monkeypatch, mirror, remote):
    commit = await remote.commit({"a": "1"})
    (tmp_path / ".gitconfig").write_text(f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {remote.url.rpartition("acme")[0]}\n')
    for name in ("HOME", "XDG_CONFIG_HOME", "GIT_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    assert await mirror.fetch(MAIN) == commit


async def test_hooks_of_the_mirror_are_not_run(mirror, remote, tmp_path):
    await remote.commit({"a": "1"})
    await mirror.heads()
    hooks = mirror.directory.path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-fetch", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (hooks / name).chmod(0o755)
    await mirror.fetch(MAIN)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("url", ["ext::sh -c touch% /tmp/x", "--upload-pack=touch /tmp/x", "-oProxyCommand=x"])
async def test_an_address_is_never_a_command(tmp_path, url):
    git = Git(("https",))
    call = Call("shop: cannot fetch")
    await git.run(tmp_path / "m", "init", "--quiet", "--bare", tmp_path / "m", call=call)
    completed = await git.attempt(tmp_path / "m", "ls-remote", "--end-of-options", url, call=call)
    assert completed.code != 0


def test_proxies_are_handed_on_and_loopback_is_exempt(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", ".corp")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    found = machine()
    assert found["https_proxy"] == "http://proxy:3128"
    assert found["no_proxy"] == ".corp,localhost,127.0.0.1,::1"
    assert "SECRET_TOKEN" not in found


def test_last_words_carry_no_credentials():
    assert (
        last_line("warning: x\nfatal: unable to access 'https://ada:pw@h/a': what\n\n")
        == "unable to access 'https://***@h/a': what"
    )
    assert explain("something new") is None
    assert last_line("") == ""
