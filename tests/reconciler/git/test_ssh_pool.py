"""SSH to Git hosts: one connection for many fetches, keys of every kind, and nobody is trusted who is not known."""

import asyncio
import getpass
import hashlib
import re

import asyncssh
import pytest

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.model.declared import SecretRef
from tests.servers.git_http import MirrorMaker, repository_at
from tests.servers.git_ssh import HOST_KEY, SSHD, SshGit, generated, line_for, openssh, secret

MAIN = "refs/heads/main"
REF = SecretRef("trueup", "git")
OTHER = asyncssh.generate_private_key("ssh-ed25519")


def over(worker, ssh, given=None):
    return worker(repository_at(ssh.url(), credentials=REF), given or secret(ssh.port))


async def test_many_fetches_share_one_connection(worker, remote, ssh_git):
    commit = await remote.commit({"a": "1"})
    mirror = over(worker, ssh_git)
    assert await mirror.fetch(MAIN) == commit
    assert (await mirror.heads())[MAIN] == commit
    assert await asyncio.gather(*(mirror.fetch(MAIN) for _ in range(5))) == [commit] * 5
    assert ssh_git.connections == 1
    assert set(ssh_git.commands) == {f"git-upload-pack '{ssh_git.root}/acme/shop.git'"}


async def test_a_connection_that_died_is_made_anew(worker, remote, ssh_git):
    commit = await remote.commit({"a": "1"})
    mirror = over(worker, ssh_git)
    await mirror.fetch(MAIN)
    ssh_git.live[0].abort()
    assert await mirror.fetch(MAIN) == commit
    assert ssh_git.connections == 2


async def test_a_large_commit_comes_whole(worker, remote, ssh_git):
    commit = await remote.commit({f"f{n}": hashlib.sha512(bytes([n])).hexdigest() * 2000 for n in range(30)})
    mirror = over(worker, ssh_git)
    assert await mirror.fetch(MAIN) == commit
    assert await mirror.tree(commit, "f29")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (lambda _: b"", r"is unknown or has changed; it offers SHA256:\S+ \(ssh-ed25519\).*add its line to known_hosts"),
        (lambda port: line_for("127.0.0.1", port, OTHER), "is unknown or has changed; it offers SHA256:"),
        (lambda port: line_for("127.0.0.1", port) + line_for("127.0.0.1", port, marker="@revoked "), "is revoked"),
        (lambda port: line_for("127.0.0.1", port) + line_for("*", 22, marker="@revoked "), "is revoked"),
        (lambda port: line_for("127.0.0.1", port, OTHER, "@cert-authority "), "known of it|is unknown or has changed"),
        (lambda port: line_for("127.0.0.1", port)[:-40], "known_hosts of the Secret, line 1: cannot be read"),
        (lambda port: b"@revoked * ssh-ed25519 AAAA\n" + line_for("127.0.0.1", port), "line 1: cannot be read"),
        (lambda port: b"@trusted " + line_for("127.0.0.1", port), "line 1: there is no marker @trusted"),
    ],
    ids=["unknown", "changed", "revoked", "revoked-everywhere", "authority", "cut", "unreadable-revocation", "marker"],
)
async def test_who_is_not_known_is_not_trusted(worker, remote, ssh_git, known, said):
    await remote.commit({"a": "1"})
    with pytest.raises(SourceRefused, match=said) as caught:
        await over(worker, ssh_git, secret(ssh_git.port, known_hosts=known(ssh_git.port))).fetch(MAIN)
    assert ssh_git.commands == []
    if match := re.search(r"SHA256:\S+", str(caught.value)):
        assert match.group() == HOST_KEY.get_fingerprint()


async def test_the_settings_may_name_the_host_key(tmp_path, remote, ssh_git):
    commit = await remote.commit({"a": "1"})
    (tmp_path / "hosts").write_bytes(line_for("127.0.0.1", ssh_git.port))
    maker = MirrorMaker(tmp_path / "state", known_hosts=tmp_path / "hosts")
    assert await over(maker, ssh_git, secret(ssh_git.port, known_hosts=b"")).fetch(MAIN) == commit
    await maker.close()


async def test_home_is_not_read(tmp_path, monkeypatch, worker, remote, ssh_git):
    await remote.commit({"a": "1"})
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_bytes(line_for("127.0.0.1", ssh_git.port))
    (tmp_path / ".ssh" / "config").write_text("Host *\n  StrictHostKeyChecking no\n  ProxyCommand touch /tmp/never\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SourceRefused, match="unknown or has changed"):
        await over(worker, ssh_git, secret(ssh_git.port, known_hosts=b"")).fetch(MAIN)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
async def test_keys_of_every_kind_with_and_without_a_passphrase(tmp_path, worker, remote, ssh_git, kind):
    commit = await remote.commit({"a": "1"})
    for passphrase in ("", "s3cret"):
        (directory := tmp_path / f"keys{passphrase}").mkdir()
        key = await generated(directory, kind, passphrase)
        ssh_git.authorized = asyncssh.import_private_key(key, passphrase or None)
        given = {"identity": key, "known_hosts": line_for("127.0.0.1", ssh_git.port), "password": passphrase.encode()}
        mirror = over(worker, ssh_git, {"git": given})
        assert await mirror.fetch(MAIN) == commit
        if passphrase:
            with pytest.raises(SourceRefused, match="needs its passphrase") as caught:
                await over(worker, ssh_git, {"git": given | {"password": b"wr0ng"}}).fetch(MAIN)
            assert "wr0ng" not in str(caught.value)


async def test_a_key_that_the_host_does_not_know_is_named_by_its_fingerprint(worker, remote, ssh_git):
    await remote.commit({"a": "1"})
    with pytest.raises(SourceRefused, match=re.escape(OTHER.get_fingerprint())):
        await over(worker, ssh_git, secret(ssh_git.port, key=OTHER)).fetch(MAIN)


async def test_a_host_that_speaks_only_what_is_broken_is_refused(tmp_path, worker, remote):
    await remote.commit({"a": "1"})
    old = {"kex_algs": ["diffie-hellman-group1-sha1"], "encryption_algs": ["3des-cbc"]}
    async with SshGit(tmp_path / "served", options=old) as ssh:
        with pytest.raises(SourceRefused, match="speaks none of the algorithms that are still safe"):
            await over(worker, ssh).fetch(MAIN)


async def test_nobody_there_is_waited_for(tmp_path, worker):
    async with SshGit(tmp_path / "served") as ssh:
        pass
    with pytest.raises(SourceUnavailable, match="does not answer by ssh"):
        await over(worker, ssh).heads()


async def test_a_missing_repository_is_refused(worker, ssh_git):
    with pytest.raises(SourceRefused, match="no such repository"):
        await worker(repository_at(ssh_git.url("no/body"), credentials=REF), secret(ssh_git.port)).heads()


if SSHD is not None:  # else tests/missing.py says so

    async def test_a_real_openssh_server(tmp_path, worker, remote):
        commit = await remote.commit({"a": "1"})
        async with openssh(tmp_path / "sshd") as port:
            url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/served/acme/shop.git"
            mirror = worker(repository_at(url, credentials=REF), secret(port))
            assert await mirror.fetch(MAIN) == commit
            assert (await mirror.heads())[MAIN] == commit
            assert mirror.remotes.pool.opened == 1
            with pytest.raises(SourceRefused, match="unknown or has changed; it offers SHA256:"):
                await worker(repository_at(url, credentials=REF), secret(port, known_hosts=b"")).heads()
