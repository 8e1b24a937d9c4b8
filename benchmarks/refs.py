"""A poll, and a fetch, of a repository of 100,000 refs; the floor is the same of a repository of 10 refs, on the same server."""

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.figure import Figure, p50
from reconciler.git.mirror import Mirror, Mirrors
from reconciler.settings import ReconcilerSettings
from tests.servers.git_http import GivenSecrets, repository_at
from trueup.sandbox.githttp import GitServer

COUNT = 20
FEW, MANY = 10, 100_000
MAIN = "refs/heads/main"


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        async with GitServer(Path(directory) / "served") as server:
            mirrors = Mirrors(ReconcilerSettings(state=Path(directory) / "state", git_protocols=("http",)), GivenSecrets())
            try:
                few, many = [await _with_refs(server, mirrors, count) for count in (FEW, MANY)]
                return [
                    await _figure("poll of one branch among 100,000 refs, p50", many.heads, few.heads, ["main"]),
                    await _figure("fetch of one branch among 100,000 refs, p50", many.fetch, few.fetch, MAIN),
                    await _figure("listing all of 100,000 refs, p50", many.heads, few.heads, None, count=5),
                ]
            finally:
                await mirrors.close()


async def _with_refs(server: GitServer, mirrors: Mirrors, count: int) -> Mirror:
    name = f"acme/refs{count}"
    commit = await server.commit(name, {"a.yaml": "a: 1\n"}, message="one")
    lines = "".join(f"create refs/{'tags/v1.0.' if n % 2 else 'heads/b'}{n} {commit}\n" for n in range(count))
    await server.git(server.path(name), "update-ref", "--stdin", stdin=lines.encode())
    await server.git(server.path(name), "pack-refs", "--all")
    mirror = mirrors.of(repository_at(server.url(name)))
    await mirror.fetch(MAIN)
    return mirror


async def _figure(
    name: str, many: Callable[..., Awaitable[object]], few: Callable[..., Awaitable[object]], asked: object, count: int = COUNT
) -> Figure:
    times: dict[Callable[..., Awaitable[object]], list[float]] = {many: [], few: []}
    for _ in range(count):
        for one, found in times.items():
            began = time.perf_counter()
            await one(asked)
            found.append(time.perf_counter() - began)
    return Figure(name, p50(times[many]) * 1000, "ms", p50(times[few]) * 1000, n=count, note="floor: the same among 10 refs")
