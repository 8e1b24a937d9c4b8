"""A repository at one of the other forges, whose pull requests are planned: the real door, worker and cluster around it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.servers.system import System, config_map
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.forge_pulls import StoredComment, StoredPull

FILES = {"apps/a.yaml": config_map("a", "1")}


class Shop:
    """What its people and its forge do; each forge says how it tells of it."""

    forge_name: str
    """As `spec.forge` has it."""
    place = "acme/shop"
    """Where git has it."""
    known_as = "acme/shop"
    """By which name the forge knows it."""
    api = ""
    """The path of the forge's API."""

    def __init__(self, system: System, forge: ForgeServer) -> None:
        self.system, self.forge = system, forge
        self.scope = f"127.0.0.1:{system.git.port}/{self.place}"

    @property
    def url(self) -> str:
        """Of its Git."""
        return self.system.git.url(self.place)

    async def branch(self, files: Mapping[str, str], **pull: Any) -> StoredPull:
        """A pull request with one more commit."""
        await self.system.git.git(self.system.git.path(self.place), "update-ref", "refs/heads/topic", "refs/heads/main")
        commit = await self.system.git.commit(self.place, files, message="topic", branch="topic")
        return self.forge.pulls.open(self.known_as, StoredPull(7, commit, "topic", **pull))

    async def comments(self, number: int) -> list[StoredComment]:
        """All of them, as soon as there are so many."""

        async def look() -> list[StoredComment] | None:
            found = self.forge.pulls.comments(self.known_as, 7)
            return found if len(found) >= number else None

        found: list[StoredComment] = await self.system.until(look, f"there are {number} comments")
        return found

    async def paused(self) -> Mapping[str, Any]:
        """The job that has paused its application."""
        _, found = await self.system.get("/api/v1/jobs?application=trueup/web")
        (pause,) = [job for job in found["items"] if job["kind"] == "pause"]
        ended: Mapping[str, Any] = await self.system.ended(pause["id"])
        assert ended["state"] == "succeeded"
        return ended


@asynccontextmanager
async def shop_at(
    kind: Callable[[System, ForgeServer], Shop], server: ForgeServer, tmp_path: Path, redis_url: str, *, webhook: str = "{}"
) -> AsyncIterator[Shop]:
    """A shop with one commit, which an application follows; nothing of it is polled."""

    async def prepare(system: System) -> None:
        shop = kind(system, server)
        system._more = (
            f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: shop-there}}\n"
            f"spec: {{url: '{shop.url}', forge: {shop.forge_name}, api: '{server.url}{shop.api}', poll: 100000h, "
            f"commitStatus: {{secretRef: {{name: forge}}}}, webhook: {webhook}}}\n"
            f"---\napiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: web}}\n"
            f"spec: {{sources: [{{git: {{repository: shop-there, path: apps}}}}], "
            f"destination: {{namespace: {system.namespace}, createNamespace: true}}}}\n"
        )
        system.declare()
        await system.git.commit(shop.place, FILES, message="first")

    async with System(tmp_path, applications={}, redis_url=redis_url, prepare=prepare) as system:
        yield kind(system, server)
