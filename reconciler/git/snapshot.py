"""A working directory as a commit that nobody made: what is rendered of changes before they are committed.

It is written into a repository of its own, which is removed afterwards; the directory's own repository, index and configuration are neither
read nor changed. As with `git add`, what `.gitignore` names is left out.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from reconciler.errors import SourceRefused
from reconciler.git.command import BEGINNING, NOBODY, Call
from reconciler.git.mirror import Mirrors
from reconciler.git.reach import Reach
from reconciler.model.declared import Repository, RepositoryType

ADD_SECONDS = 120.0
"""Until a directory is given up that takes too long to read."""


@contextlib.asynccontextmanager
async def snapshot(repository: Repository, directory: Path, mirrors: Mirrors) -> AsyncIterator[tuple[Repository, str]]:
    """A directory in the place of a repository, and its commit; forgotten with the block.

    Raises:
        SourceRefused: when it is no directory, or cannot be read.
    """
    where = directory.resolve()
    if not await asyncio.to_thread(where.is_dir):
        raise SourceRefused(f"{repository.name}: {directory} is no directory")
    url = f"file://{where}?{secrets.token_hex(8)}"
    stand_in = replace(repository, url=url, type=RepositoryType.GIT, credentials=None, verify=None)
    mirror = mirrors.of(stand_in)
    index = mirror.directory.path.with_suffix(".index")
    call = Call(
        f"{repository.name}: cannot read {where}", ADD_SECONDS, reach=Reach({"GIT_INDEX_FILE": str(index), **NOBODY, **BEGINNING})
    )
    try:
        async with mirror.directory.exclusive():
            await mirror.git.run(mirror.directory.path, "--work-tree", where, "add", "--all", call=call)
            tree = (await mirror.git.run(mirror.directory.path, "write-tree", call=call)).decode().strip()
            made = await mirror.git.run(mirror.directory.path, "commit-tree", "-m", "as it is", tree, call=call)
        commit = made.decode().strip()
        if repository.submodules:  # at the commits that are checked out, from where the declared repository has them
            for why in (await replace(mirror, repository=repository).ensure(commit)).values():
                raise SourceRefused(why)
        yield stand_in, commit
    finally:
        await mirror.directory.remove_unused(0.0)
        for left in (index, mirror.directory.path.with_suffix(".lock")):
            await asyncio.to_thread(left.unlink, missing_ok=True)
