"""Files of Git LFS from a living server: who is asked, with which login, what is taken, and what is kept."""

import base64
from pathlib import Path

import pytest
from aiohttp import web

from reconciler.artifacts import large
from reconciler.artifacts.large import get_large
from reconciler.artifacts.lfs import parse_pointer
from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.model.declared import SecretRef
from tests.servers import git_ssh
from tests.servers.git_http import MirrorMaker, repository_at
from tests.servers.lfs import LfsServer, pointer

LOGIN = f"Basic {base64.b64encode(b'ada:hunter2').decode()}"
SECRETS = {"git": {"username": b"ada", "password": b"hunter2"}}


@pytest.fixture
async def store():
    async with LfsServer() as store:
        yield store


@pytest.fixture
async def server(store):
    async with LfsServer(LOGIN, store=store) as server:
        yield server


@pytest.fixture
def mirror(tmp_path, server):
    maker = MirrorMaker(tmp_path / "state")
    return maker(repository_at(f"{server.url}/acme/shop.git", lfs=True, credentials=SecretRef("trueup", "git")), SECRETS)


async def got(mirror, *texts, **more):
    """Contents or errors, by the order of pointers."""
    pointers = [parse_pointer(text.encode()) for text in texts]
    found = await get_large(mirror, pointers, **more)
    return [one.read_bytes() if isinstance(one := found[pointer], Path) else one for pointer in pointers]


async def test_files_are_fetched_once_and_the_login_stays_at_its_host(mirror, server, store):
    texts = [server.add(b"one"), server.add(b"two")]
    assert await got(mirror, *texts, texts[0]) == [b"one", b"two", b"one"]
    assert await got(mirror, *texts) == [b"one", b"two"]
    assert (server.count("POST"), store.count("GET")) == (1, 2)
    assert [headers["Authorization"] for _, _, headers in server.requests] == [LOGIN]
    assert not [headers for _, _, headers in store.requests if "Authorization" in headers]


async def test_strangers_get_what_is_here_and_nothing_that_the_secret_opens(mirror, server, store):
    known, other = server.add(b"one"), server.add(b"two")
    await got(mirror, known)
    seen = len(server.requests)
    one, refused = await got(mirror, known, other, is_trusted=False)
    assert one == b"one"
    assert str(refused).startswith(
        "trueup/shop: LFS: is not fetched with the repository's Secret for a commit of people who may not"
    )
    assert (len(server.requests), store.count("GET")) == (seen, 1)


async def test_strangers_get_what_nobody_needs_a_secret_for(tmp_path, store):
    mirror = MirrorMaker(tmp_path)(repository_at(f"{store.url}/acme/shop.git", lfs=True))
    assert await got(mirror, store.add(b"one"), is_trusted=False) == [b"one"]


async def test_what_the_server_gives_for_the_store_is_sent_there(mirror, server, store):
    server.header = {"Authorization": "signed", "Host": "evil.example"}
    assert await got(mirror, server.add(b"one")) == [b"one"]
    (headers,) = [headers for _, _, headers in store.requests]
    assert headers["Authorization"] == "signed"
    assert headers["Host"].startswith("127.0.0.1:")


async def test_a_store_at_the_same_host_gets_the_login(tmp_path):
    async with LfsServer(LOGIN) as server:
        repository = repository_at(f"{server.url}/acme/shop", credentials=SecretRef("trueup", "git"))
        assert await got(MirrorMaker(tmp_path)(repository, SECRETS), server.add(b"one")) == [b"one"]
    assert [headers["Authorization"] for _, _, headers in server.requests] == [LOGIN, LOGIN]
    assert server.requests[0][1] == "/acme/shop.git/info/lfs/objects/batch"


async def test_one_that_is_missing_spoils_no_other(mirror, server):
    missing, found = await got(mirror, pointer(b"missing"), server.add(b"one"))
    assert found == b"one"
    assert isinstance(missing, SourceRefused)
    assert "trueup/shop: LFS: ffa63583dfa6: the server says: 'Object does not exist'" in str(missing)


@pytest.mark.parametrize(
    ("kept", "guarded"),
    [(b"two", True), (b"onetwo", True), (b"o", True), (b"two", False)],
    ids=["other", "longer", "shorter", "not guarded"],
)
async def test_what_is_not_the_file_is_refused(mirror, server, monkeypatch, kept, guarded):
    text = server.add(b"one", kept=kept)
    if not guarded:
        monkeypatch.setattr(large, "_digest", lambda _: parse_pointer(text.encode()).oid)
    (found,) = await got(mirror, text)
    assert isinstance(found, SourceRefused) if guarded else found == kept


async def test_a_store_without_an_end_is_left(mirror, server):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b"x" * 65536)
        return response

    server._store.instead = endless
    (found,) = await got(mirror, server.add(b"one"))
    assert "is longer than 3 bytes" in str(found)


async def test_a_file_that_is_too_large_is_not_asked_for(mirror, server):
    (found,) = await got(mirror, pointer(b"x", size=large.FILE_BYTES + 1))
    assert "more than 100 MiB" in str(found)
    assert not server.requests


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (web.Response(status=401), SourceRefused, "asks for a login, or refuses"),
        (web.Response(status=404), SourceRefused, "has no such thing"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), SourceRefused, "answers 302"),
        (web.Response(status=503), SourceUnavailable, "answers 503"),
        (web.Response(text="<html>"), SourceRefused, "no JSON"),
        (web.Response(body=b" " * (large.ANSWER_BYTES + 1)), SourceRefused, "is longer than"),
    ],
    ids=["login", "no such repository", "redirect", "trouble", "a page", "without end"],
)
async def test_a_server_that_does_not_answer_as_one_is_named(mirror, server, answer, kind, why):
    async def instead(_):
        return answer

    server.instead = instead
    (found,) = await got(mirror, server.add(b"one"))
    assert isinstance(found, kind)
    assert why in str(found)


@pytest.mark.parametrize("href", ["file:///etc/passwd", "ftp://127.0.0.1/x", "//127.0.0.1/x", "https:"])
async def test_addresses_of_other_protocols_are_refused(mirror, server, href):
    async def instead(request):
        asked = await request.json()
        return web.json_response(
            {"objects": [{"oid": entry["oid"], "actions": {"download": {"href": href}}} for entry in asked["objects"]]}
        )

    server.instead = instead
    (found,) = await got(mirror, server.add(b"one"))
    assert isinstance(found, SourceRefused | SourceUnavailable)


async def test_a_store_without_tls_is_refused_where_http_is_not_allowed(tmp_path, server, store):
    mirror = MirrorMaker(tmp_path, git_protocols=("https",))(repository_at("https://git.example/acme/shop.git", lfs=True))
    (found,) = await got(mirror, server.add(b"one"))
    assert isinstance(found, SourceUnavailable)  # nobody is called so
    assert not store.requests


async def test_what_is_kept_has_a_bound_and_is_the_mirrors_own(tmp_path, mirror, server):
    mirror.directory.limit_bytes = 1 << 20
    texts = [server.add(bytes([number]) * 400_000) for number in range(4)]
    for text in texts:
        await got(mirror, text)
    kept = list(mirror.directory.large_files.iterdir())
    assert sum(file.stat().st_size for file in kept) <= 1 << 20
    assert parse_pointer(texts[-1].encode()).oid in {file.name for file in kept}
    other = MirrorMaker(tmp_path / "state")(repository_at(f"{server.url}/acme/other.git", lfs=True))
    (found,) = await got(other, texts[-1])
    assert isinstance(found, SourceRefused)  # it has no login
    async with mirror.directory.exclusive():
        pass
    assert await mirror.directory.remove_unused(0.0)
    assert not mirror.directory.large_files.exists()


async def test_an_ssh_host_says_where_its_server_is(tmp_path, server):
    said = f'{{"href": "{server.url}/acme/shop.git/info/lfs", "header": {{"Authorization": "{LOGIN}"}}}}'
    (tmp_path / "served").mkdir()
    async with git_ssh.SshGit(tmp_path / "served") as ssh:
        ssh.programs["git-lfs-authenticate"] = said
        url = ssh.url()
        maker = MirrorMaker(tmp_path / "state")
        mirror = maker(repository_at(url, lfs=True, credentials=SecretRef("trueup", "git")), git_ssh.secret(ssh.port))
        assert await got(mirror, server.add(b"one")) == [b"one"]
        assert ssh.commands == [f"git-lfs-authenticate '{ssh.root}/acme/shop.git' download".replace("'/", "'")]
        ssh.programs.clear()
        (found,) = await got(mirror, server.add(b"two"))
        assert "does not run git-lfs-authenticate" in str(found)
        await maker.close()


async def test_no_host_is_asked_for_files_of_this_machine(tmp_path):
    mirror = MirrorMaker(tmp_path)(repository_at("file:///srv/git/shop.git", lfs=True))
    (found,) = await got(mirror, pointer(b"one"))
    assert "run git lfs pull" in str(found)
