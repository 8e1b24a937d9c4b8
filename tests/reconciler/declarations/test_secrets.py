import errno
import os
from unittest.mock import Mock

import pytest

from reconciler.declarations.secrets import FileSecrets
from reconciler.errors import Stalled
from reconciler.model.declared import SecretRef


@pytest.fixture
def mounted(tmp_path):
    """Writes `{path: content}`, and answers the Secrets of the directory."""
    top = tmp_path / "secrets"
    top.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/token").write_bytes(b"not yours")

    def write(**files: bytes) -> FileSecrets:
        for name, content in files.items():
            path = top / name.replace("__", "/").replace("_", "-")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return FileSecrets(top)

    return write


async def test_every_file_is_a_key(mounted):
    secrets = mounted(shop_git__username=b"me", shop_git__password=b"\0\xff\n")
    assert await secrets.read(SecretRef("trueup", "shop-git")) == {"username": b"me", "password": b"\0\xff\n"}


@pytest.mark.parametrize(
    ("namespace", "token"),
    [
        pytest.param("trueup", b"own", id="Trueup's own"),
        pytest.param("team", b"teams", id="one that has its own"),
        pytest.param("other", None, id="one that has none is given nobody else's"),
    ],
)
async def test_a_namespace_reads_its_own_secrets_and_no_others(mounted, namespace, token):
    secrets = mounted(git__token=b"own", team__git__token=b"teams")
    if token is not None:
        assert await secrets.read(SecretRef(namespace, "git")) == {"token": token}
        return
    with pytest.raises(Stalled, match=rf"there is no Secret {namespace}/git: expected files such as \S+/{namespace}/git/token$"):
        await secrets.read(SecretRef(namespace, "git"))


async def test_in_trueup_s_own_namespace_what_is_beneath_it_comes_first(mounted):
    secrets = mounted(git__token=b"flat", trueup__git__token=b"beneath")
    assert await secrets.read(SecretRef("trueup", "git")) == {"token": b"beneath"}


@pytest.mark.parametrize("namespace", ["other", "trueup"])
async def test_a_namespace_that_is_called_like_a_secret_is_none(mounted, namespace):
    secrets = mounted(team__team__token=b"x")
    with pytest.raises(Stalled):
        await secrets.read(SecretRef(namespace, "team"))


async def test_a_mounted_secret_is_read_through_its_links_and_anew_each_time(mounted, tmp_path):
    secrets = mounted()
    mount = tmp_path / "secrets/git"
    for number, token in enumerate((b"old", b"new")):
        data = mount / f"..{number}"
        data.mkdir(parents=True)
        (data / "token").write_bytes(token)
        (mount / "..tmp").symlink_to(data.name)
        (mount / "..tmp").rename(mount / "..data")
        if not (mount / "token").is_symlink():
            (mount / "token").symlink_to("..data/token")
        assert await secrets.read(SecretRef("trueup", "git")) == {"token": token}


async def test_one_that_is_missing_says_which_file_was_expected(mounted):
    with pytest.raises(
        Stalled,
        match=r"there is no Secret trueup/git: expected files such as .*/secrets/git/token or .*/secrets/trueup/git/token",
    ):
        await mounted().read(SecretRef("trueup", "git"))


@pytest.mark.parametrize("name", ["..", ".", "", "..data", "../outside", "a/b", "\0"])
async def test_a_name_is_no_path(mounted, name):
    secrets = mounted(git__token=b"x")
    with pytest.raises(Stalled, match="is no name of a Secret"):
        await secrets.read(SecretRef("trueup", name))
    with pytest.raises(Stalled, match="is no name of a Secret"):
        await secrets.read(SecretRef(name, "git"))


async def test_a_link_out_of_the_directory_is_not_followed(mounted, tmp_path):
    secrets = mounted()
    (tmp_path / "secrets/git").symlink_to(tmp_path / "outside")
    with pytest.raises(Stalled, match="there is no Secret trueup/git"):
        await secrets.read(SecretRef("trueup", "git"))


async def test_what_is_too_large_is_refused_and_not_cut(mounted):
    with pytest.raises(Stalled, match="larger than 1 MiB"):
        await mounted(git__token=b"x" * (1024 * 1024 + 1)).read(SecretRef("trueup", "git"))


async def test_one_that_cannot_be_read_says_so(mounted, tmp_path, monkeypatch):
    secrets = mounted(git__token=b"x")
    token = tmp_path / "secrets/git/token"
    token.chmod(0)
    if os.geteuid() == 0:  # who may read everything is refused by hand
        refused = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(token))
        monkeypatch.setattr(type(token), "open", Mock(side_effect=refused))
    with pytest.raises(Stalled, match=r"cannot read .*mend its permissions"):
        await secrets.read(SecretRef("trueup", "git"))
