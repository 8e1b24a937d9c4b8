"""A repository that means harm, a good one beside it, and the worker that fetches both."""

import pytest

from tests.servers.git_http import MirrorMaker, Remote, repository_at
from tests.servers.git_packs import (
    MAIN,
)  # fmt: skip


@pytest.fixture
def maker(tmp_path):
    return MirrorMaker(tmp_path / "state", git_timeout=5.0, mirror_limit=64)


@pytest.fixture
async def hostile(git_server):
    """A repository beside one that is good."""
    remote = Remote(git_server, "acme/hostile")
    await git_server.create(remote.name)
    return remote


@pytest.fixture
def neighbour(maker, git_server):
    """Sees that another repository is unharmed."""

    async def look():
        git_server.instead = None
        good = Remote(git_server, "acme/good")
        commit = await good.commit({"a": "1"})
        assert await maker(repository_at(good.url)).fetch(MAIN) == commit

    return look
