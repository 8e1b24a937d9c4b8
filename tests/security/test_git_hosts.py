"""Hostile addresses, names, Secrets and servers: nothing of them is run, and no credential leaves for another host.

Every row tries to make a file; that it is not there is the claim. The rows are the classes of published advisories: options in place of
addresses and refs (CVE-2017-1000117, CVE-2025-21613), remote helpers (CVE-2015-7545), shells behind settings (CVE-2026-55797,
CVE-2021-41254), quoting of paths over ssh (CVE-2026-45570), control characters in addresses (CVE-2020-5260, CVE-2024-52006).
"""

import asyncio

import pytest
from aiohttp import web
from pydantic import ValidationError

from reconciler.declarations.repository import RepositoryDocument
from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.model.declared import SecretRef
from tests.servers.git_http import MirrorMaker, repository_at
from tests.servers.git_ssh import KEY, line_for, secret
from tests.servers.loopback import answering

MAIN = "refs/heads/main"
REF = SecretRef("trueup", "git")
CANARY = "c4nary-t0ken"


def declared(url):
    metadata = {"name": "shop"}
    return RepositoryDocument.model_validate(
        {"apiVersion": "trueup.dev/v1alpha1", "kind": "Repository", "metadata": metadata, "spec": {"url": url}}
    ).value()


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch {marker}",
        "-oProxyCommand=touch {marker}",
        "ext::sh -c touch% {marker}",
        "ext::touch {marker}",
        "fd::17/x",
        "ssh://-oProxyCommand=touch%20{marker}/a",
        "ssh://-oProxyCommand=x/acme/shop",
        "ssh://git@-oProxyCommand=x/acme/shop",
        "-git@host:acme/shop",
        "git@-host:acme/shop",
        "git@host:-acme/shop",
        "ssh://host/-acme",
        "https://-host/acme/shop",
        "https://host/--upload-pack=x",
        "https://host/%2d-upload-pack=x",
        "https://host/acme/shop\nhost=evil",
        "https://host/acme/shop%0ahost=evil",
        "https://host/acme/shop%0dhost=evil",
        "https://host/acme/%00",
        "https://host\r/acme/shop",
        "https://ada:canary@host/acme/shop",
        "https://host/acme/../evil/shop",
        "https://host/acme/%2e%2e/evil/shop",
        "https://host/acme/shop?ref=--upload-pack=x",
        "https://host/acme/shop#x",
        "https://host\\@evil/acme/shop",
        "git://host/acme/shop",
        "ftp://host/acme/shop",
        "",
    ],
)
async def test_an_address_that_could_be_taken_for_something_else_is_not_declared(tmp_path, url):
    marker = tmp_path / "marker"
    with pytest.raises(ValidationError):
        declared(url.replace("{marker}", str(marker)))
    assert not marker.exists()


@pytest.mark.parametrize("protocol", ["http", "file"])
async def test_protocols_that_nobody_allowed_are_not_spoken(tmp_path, protocol):
    url = f"{protocol}://127.0.0.1:1/acme/shop" if protocol == "http" else "/etc"
    maker = MirrorMaker(tmp_path / "state", git_protocols=("https", "ssh"))
    with pytest.raises(SourceRefused, match="TRUEUP_GIT_PROTOCOLS does not list"):
        await maker(repository_at(url)).heads()


@pytest.mark.parametrize(
    "ref",
    [
        "--upload-pack=touch {marker}",
        "refs/heads/--upload-pack=touch {marker}",
        "refs/heads/x:refs/heads/y",
        "+refs/heads/main",
        "refs/heads/*",
        "refs/heads/a b",
        "refs/heads/a\0b",
        "refs/heads/../../config",
        "refs/heads/.lock/a.lock",
        "refs/heads/@{u}",
        "$(touch {marker})",
    ],
)
async def test_what_is_no_ref_is_not_asked_for(tmp_path, worker, remote, git_server, ref):
    marker = tmp_path / "marker"
    await remote.commit({"a": "1"})
    with pytest.raises(SourceRefused, match="is no ref"):
        await worker(repository_at(remote.url)).fetch(ref.replace("{marker}", str(marker)))
    assert git_server.requests == []
    assert not marker.exists()


HOSTILE = [
    "$(touch {marker})",
    "`touch {marker}`",
    "; touch {marker} #",
    "' ; touch {marker} ; '",
    '" ; touch {marker} ; "',
    "| touch {marker}",
]


@pytest.mark.parametrize("key", ["username", "password", "bearerToken", "proxy", "noProxy"])
@pytest.mark.parametrize("value", HOSTILE)
async def test_no_shell_reads_a_secret(tmp_path, worker, remote, key, value):
    marker = tmp_path / "marker"
    await remote.commit({"a": "1"})
    given = {"password": b"x"} if key != "bearerToken" else {}
    given[key] = value.replace("{marker}", str(marker)).encode()
    try:
        await worker(repository_at(remote.url, credentials=REF), {"git": given}).fetch(MAIN)
    except TrueupError:
        assert key == "proxy"
    assert not marker.exists()


@pytest.mark.parametrize(
    "name", ["a'b", "$(touch {marker})", "`touch {marker}`", "a;touch {marker}", "a'$(touch {marker})'b", "a!b", 'a"b']
)
async def test_a_path_is_one_word_to_the_shell_of_the_host(tmp_path, worker, ssh_git, remote, name):
    marker = tmp_path / "marker"
    hostile = name.replace("{marker}", "marker").replace("touch marker", "touch${IFS}marker")
    remote.name = f"acme/{hostile}"
    commit = await remote.commit({"a": "1"})
    url = ssh_git.url(remote.name.replace("%", "%25").replace(" ", "%20"))
    given = {"git": {"identity": KEY.export_private_key(), "known_hosts": line_for("127.0.0.1", ssh_git.port)}}
    assert await worker(repository_at(url, credentials=REF), given).fetch(MAIN) == commit
    assert not marker.exists()
    assert not [file for file in tmp_path.rglob("marker*") if file.is_file()]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("key", ["password", "bearerToken"])
async def test_no_credential_follows_a_redirect(worker, remote, git_server, aiohttp_thief, status, key):  # noqa: PLR0917
    await remote.commit({"a": "1"})

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": f"{aiohttp_thief.url}{request.path_qs}"})

    git_server.instead = redirect
    with pytest.raises(SourceRefused, match="redirects elsewhere"):
        await worker(repository_at(remote.url, credentials=REF), {"git": {key: CANARY.encode()}}).fetch(MAIN)
    assert aiohttp_thief.seen == []


@pytest.mark.parametrize("target", ["file:///etc", "ext::touch%20/tmp/x", "http://169.254.169.254/latest", "ssh://evil/a"])
async def test_a_redirect_leads_nowhere(worker, remote, git_server, target):
    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": target})

    git_server.instead = redirect
    with pytest.raises(SourceRefused, match="redirects elsewhere"):
        await worker(repository_at(remote.url)).heads()


@pytest.mark.parametrize("kind", ["endless", "silent", "garbage"])
@pytest.mark.long
async def test_a_server_without_an_end_meets_the_deadline(tmp_path, remote, git_server, kind):
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-advertisement"})
        await response.prepare(request)
        for _ in range(3000):
            if kind != "silent":
                await response.write(b"0032" + b"1" * 40 + b" x\n\n" if kind == "endless" else b"\xff" * 65536)
            await asyncio.sleep(0.001)
        return response

    git_server.instead = answer
    with pytest.raises((SourceUnavailable, SourceRefused)):
        await MirrorMaker(tmp_path / "state", git_timeout=1.0)(repository_at(remote.url)).heads()


async def test_one_ssh_key_opens_one_command(worker, remote, ssh_git):
    await remote.commit({"a": "1"})
    await worker(repository_at(ssh_git.url(), credentials=REF), secret(ssh_git.port)).fetch(MAIN)
    assert all(command.startswith("git-upload-pack '") for command in ssh_git.commands)


class Thief:
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(request.headers.get("Authorization", ""))
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})


@pytest.fixture
async def aiohttp_thief():
    thief = Thief()
    async with answering(thief.answer) as thief.url:
        yield thief
