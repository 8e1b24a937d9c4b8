"""A whole system with two repositories, `shop` and `config`, and an application `web` of both."""

from collections.abc import Mapping

from tests.servers.system import System

OTHER = "acme/config"


class Two(System):
    """The second repository is looked at three times a second, and has statuses like the first."""

    sources = "{git: {repository: shop, path: apps/web}}, {git: {repository: config, path: common}}"
    policy = "timeout: 5s"
    other_poll = "300ms"

    def declare(self, **policies: str) -> None:
        super().declare(**policies)
        more = (
            "apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {name: config}\n"
            f"spec: {{url: '{self.git.url(OTHER)}', forge: github, api: '{self.forge.url}', poll: {self.other_poll},"
            " commitStatus: {secretRef: {name: forge}}}\n---\n"
            "apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {name: web}\n"
            f"spec: {{sources: [{self.sources}], sync: {{{self.policy}}}, "
            f"destination: {{namespace: {self.namespace}, createNamespace: true}}}}\n"
        )
        path = self.directory / "declarations" / "all.yaml"
        path.write_text(path.read_text() + "---\n" + more)

    async def other(self, files: Mapping[str, str | None]) -> str:
        """A commit of the other repository, which is found by its poll."""
        return await self.git.commit(OTHER, files, message="config")

    async def maps(self) -> Mapping[str, str]:
        """The values of the ConfigMaps that are there."""
        _, answer = await self.kube("GET", f"/api/v1/namespaces/{self.namespace}/configmaps")
        return {item["metadata"]["name"]: item["data"]["value"] for item in answer.get("items", ()) if "value" in item["data"]}

    async def become(self, **maps: str) -> None:
        """Wait until exactly these are there."""

        async def look() -> bool:
            return await self.maps() == maps

        await self.until(look, f"there is {maps}")

    async def told(self, repository: str, commit: str, state: str) -> str:
        """Wait until the last status of a commit is this one; its description."""

        async def look() -> str:
            found = self.forge.statuses(repository, commit)
            return found[-1].description if found and found[-1].state == state else ""

        return str(await self.until(look, f"{commit[:7]} of {repository} is {state}"))
