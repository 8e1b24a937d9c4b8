"""What a fetch of a hostile repository leaves, for the tests of repositories and of servers."""

import os
import time

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.export import export
from reconciler.sync.gaps import refused_at
from tests.servers.git_http import repository_at
from tests.servers.git_packs import (
    MAIN,
)  # fmt: skip

REFUSED = "git's own check refuses"
PLAIN = "a.yaml"


async def taken_out(maker, remote, root, ref=MAIN, **more):
    """What a fetch and an export leave: the files, or the error of whoever reads all of them."""
    began = time.monotonic()
    mirror = maker(repository_at(remote.url, **more))
    root.mkdir()
    try:
        commit = await mirror.fetch(ref)
        if refused := refused_at(await mirror.ensure(commit), "/"):
            raise refused
        await export(mirror, commit, "", root)
        found = sorted(os.fsdecode(file.relative_to(root)) for file in root.rglob("*") if not file.is_dir() or file.is_symlink())
    except (SourceRefused, SourceUnavailable) as error:
        found = error
    said = "" if isinstance(found, list) else str(found)
    assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in said), repr(said)
    assert len(said) < 1000
    assert time.monotonic() - began < 30.0
    return found
