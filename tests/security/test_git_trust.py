"""Whom git is sent to, against living servers: authorities of one's own, client certificates, proxies; host keys hashed and vouched for."""

import asyncio
import subprocess

import asyncssh
import pytest

from reconciler.errors import SourceRefused, TrueupError
from reconciler.model.declared import SecretRef
from tests.servers.git_http import MirrorMaker, repository_at
from tests.servers.git_ssh import HOST_KEY, KEY, SshGit, line_for, secret
from tests.servers.tls import Authority, Proxy, behind_tls

pytestmark = pytest.mark.long

MAIN = "refs/heads/main"
REF = SecretRef("trueup", "git")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
async def maker(tmp_path):
    maker = MirrorMaker(tmp_path / "state", git_protocols=("https", "ssh"))
    yield maker
    await maker.close()


async def seen(maker, url, **given):
    """Where main is, listed and fetched, with a Secret of these keys."""
    keys = {name if name == "known_hosts" else name.replace("_", "."): value for name, value in given.items()}
    mirror = maker(repository_at(url, credentials=REF if keys else None), {"git": keys})
    found = await mirror.heads(["main"])
    assert await mirror.fetch(MAIN) == found[MAIN]
    return found[MAIN]


async def test_an_authority_of_ones_own_is_trusted_where_the_secret_says_so(maker, remote, git_server, authority):
    commit = await remote.commit({"a": "1"})
    async with behind_tls(git_server.url("").removesuffix("/.git"), authority.context("127.0.0.1")) as port:
        url = f"https://127.0.0.1:{port}/{remote.name}.git"
        assert await seen(maker, url, ca_crt=authority.pem) == commit
        assert await seen(maker, url, caFile=authority.pem) == commit
        for other in ({}, {"password": b"x"}, {"ca_crt": Authority(authority.directory / "other").pem}):
            with pytest.raises(SourceRefused, match="certificate is not trusted here"):
                await seen(maker, url, **other)


async def test_a_certificate_for_another_host_is_refused(maker, remote, git_server, authority):
    await remote.commit({"a": "1"})
    async with behind_tls(git_server.url("").removesuffix("/.git"), authority.context("git.test")) as port:
        with pytest.raises(SourceRefused, match="for another host name"):
            await seen(maker, f"https://127.0.0.1:{port}/{remote.name}.git", ca_crt=authority.pem)


async def test_a_client_certificate_opens_what_asks_for_one(maker, remote, git_server, authority):
    commit = await remote.commit({"a": "1"})
    context = authority.context("127.0.0.1", asks_for_certificate=True)
    certificate, key = authority.issue("worker")
    stranger, its_key = Authority(authority.directory / "other").issue("worker")
    async with behind_tls(git_server.url("").removesuffix("/.git"), context) as port:
        url = f"https://127.0.0.1:{port}/{remote.name}.git"
        assert await seen(maker, url, ca_crt=authority.pem, tls_crt=certificate, tls_key=key) == commit
        for wrong in ({}, {"tls_crt": stranger, "tls_key": its_key}):
            with pytest.raises(TrueupError, match="client certificate"):
                await seen(maker, url, ca_crt=authority.pem, **wrong)


async def test_a_proxy_of_the_secret_is_gone_through_and_hears_no_password(maker, remote, git_server, authority):
    commit = await remote.commit({"a": "1"})
    async with behind_tls(git_server.url("").removesuffix("/.git"), authority.context("git.test")) as port, Proxy() as proxy:
        url, through = f"https://git.test:{port}/{remote.name}.git", f"http://127.0.0.1:{proxy.port}".encode()
        assert await seen(maker, url, ca_crt=authority.pem, password=b"canary", proxy=through) == commit
        assert proxy.heard
        assert all(heard.startswith(f"CONNECT git.test:{port} ") and "Authorization: B" not in heard for heard in proxy.heard)
        count = len(proxy.heard)
        with pytest.raises(TrueupError, match="not known to DNS"):
            await seen(maker, url, ca_crt=authority.pem, proxy=through, noProxy=b"git.test")
        assert len(proxy.heard) == count


async def test_ssh_through_a_proxy_is_refused_plainly(maker, ssh_git):
    with pytest.raises(SourceRefused, match="ssh is not spoken through proxies; use https"):
        await seen(maker, ssh_git.url(), identity=KEY.export_private_key(), proxy=b"http://127.0.0.1:3128")


def hashed(directory, line):
    """As `ssh-keygen -H` writes it."""
    file = directory / "known_hosts"
    file.write_bytes(line)
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    text = file.read_bytes()
    assert b"|1|" in text
    assert b"127.0.0.1" not in text
    return text


async def test_hashed_host_keys_are_known_and_revoked(tmp_path, maker, remote, ssh_git):
    commit = await remote.commit({"a": "1"})
    line = hashed(tmp_path, line_for("127.0.0.1", ssh_git.port))
    given = {"identity": KEY.export_private_key()}
    assert await seen(maker, ssh_git.url(), **given, known_hosts=line) == commit
    with pytest.raises(SourceRefused, match="unknown or has changed"):
        await seen(maker, ssh_git.url(), **given, known_hosts=hashed(tmp_path, line_for("127.0.0.1", ssh_git.port + 1)))
    with pytest.raises(SourceRefused, match="is revoked"):
        await seen(maker, ssh_git.url(), **given, known_hosts=line + b"@revoked " + line)


@pytest.mark.parametrize(
    ("principal", "is_trusted", "signs"),
    [("127.0.0.1", True, True), ("elsewhere", False, True), ("127.0.0.1", False, False)],
    ids=["vouched for", "for another host", "by a stranger"],
)
async def test_a_host_that_an_authority_vouches_for(tmp_path, maker, remote, principal, is_trusted, signs):  # noqa: PLR0917 - a table
    commit = await remote.commit({"a": "1"})
    known, stranger = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    certificate = (known if signs else stranger).generate_host_certificate(HOST_KEY, "host", principals=[principal])
    async with SshGit(tmp_path / "served", host_key=(HOST_KEY, certificate)) as ssh:
        given = {"identity": KEY.export_private_key(), "known_hosts": line_for("127.0.0.1", ssh.port, known, "@cert-authority ")}
        if is_trusted:
            assert await seen(maker, ssh.url(), **given) == commit
        else:
            with pytest.raises(SourceRefused):
                await seen(maker, ssh.url(), **given)


async def test_idle_connections_are_closed(maker, remote, ssh_git, monkeypatch):
    monkeypatch.setattr("reconciler.git.ssh_pool.IDLE_SECONDS", 0.2)
    await remote.commit({"a": "1"})
    mirror = maker(repository_at(ssh_git.url(), credentials=REF), secret(ssh_git.port))
    await mirror.fetch(MAIN)
    await mirror.fetch(MAIN)
    assert ssh_git.connections == 1
    async with asyncio.timeout(5):
        await ssh_git.live[0].wait_closed()
    await mirror.fetch(MAIN)
    assert ssh_git.connections == 2


async def test_no_more_connections_are_kept_than_allowed(tmp_path, maker, remote, monkeypatch):
    monkeypatch.setattr("reconciler.git.ssh_pool.CONNECTIONS", 2)
    await remote.commit({"a": "1"})
    async with SshGit(tmp_path / "served") as one, SshGit(tmp_path / "served") as two, SshGit(tmp_path / "served") as three:
        mirror = None
        for server in (one, two, three):
            mirrors = maker.made[0] if maker.made else None
            repository = repository_at(server.url(), credentials=REF)
            given = line_for("127.0.0.1", one.port) + line_for("127.0.0.1", two.port) + line_for("127.0.0.1", three.port)
            keys = {"git": {"identity": KEY.export_private_key(), "known_hosts": given}}
            mirror = mirrors.of(repository) if mirrors else maker(repository, keys)
            await mirror.heads(["main"])
        async with asyncio.timeout(5):
            await one.live[0].wait_closed()
        assert [server.connections for server in (one, two, three)] == [1, 1, 1]
        assert sum(len(known) for known in mirror.remotes.pool._known.values()) == 2


async def test_a_connection_has_so_many_channels_and_then_there_is_another(maker, remote, ssh_git, monkeypatch):
    monkeypatch.setattr("reconciler.git.ssh_pool.CHANNELS", 2)
    commit = await remote.commit({"a": "1"})
    mirror = maker(repository_at(ssh_git.url(), credentials=REF), secret(ssh_git.port))
    found = await asyncio.gather(*(mirror.heads(["main"]) for _ in range(6)))
    assert all(heads == {MAIN: commit} for heads in found)
    assert 1 < ssh_git.connections <= 3
