"""A server of an aggregated API, behind a real API server: a sandbox that keeps no record of who owns which field.

`async with Aggregated(plane, directory) as things:` serves the kind Thing; a control plane that has had it should serve nobody else,
since its discovery is partial while the server is away.
"""

import base64
import contextlib
import json
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.servers.control_plane import ControlPlane
from tests.servers.patience import until
from tests.servers.tls import Authority
from trueup.sandbox.cluster import SandboxCluster
from trueup.sandbox.store import Collection

GROUP = "aggregated.example.com"
SERVICE = {"name": "things", "namespace": "default"}
HOST = f"{SERVICE['name']}.{SERVICE['namespace']}.svc"
SECONDS = 120.0
"""Until the API server has seen that it is there, or away: it looks every half a minute, and at once at what changed."""

Document = dict[str, Any]


class Aggregated:
    """Things, which are in no namespace."""

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self._plane = plane
        self._authority = Authority(directory)
        self._sandbox = SandboxCluster(rollout_seconds=None)
        self._stack = contextlib.AsyncExitStack()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._sandbox)
        connector = aiohttp.TCPConnector(ssl=False)
        headers = {"Authorization": "Bearer TOKEN"}
        self._session = await self._stack.enter_async_context(aiohttp.ClientSession(headers=headers, connector=connector))
        self._forgets_fields()
        await self._request("POST", f"{self._sandbox.url}/apis/apiextensions.k8s.io/v1/customresourcedefinitions", _DEFINITION)
        await self.come()
        await self._register()
        await self.until_told(is_served=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()
        await self._stack.aclose()

    async def come(self) -> None:
        """Serve, where it served before."""
        self._runner = web.AppRunner(self._sandbox.application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._authority.context(HOST))
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def leave(self) -> None:
        """Be away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def until_told(self, *, is_served: bool) -> None:
        """Wait until discovery tells what is served here, or that it does not know."""

        async def look() -> bool:
            accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
            async with self._session.get(f"{self._plane.url}/apis", headers=accept) as response:
                groups = (await response.json(content_type=None))["items"]
            versions = [v for group in groups if group["metadata"]["name"] == GROUP for v in group["versions"]]
            is_told = any(v.get("freshness") != "Stale" and v.get("resources") for v in versions)
            return is_told if is_served else any(v.get("freshness") == "Stale" for v in versions)

        await until(look, seconds=SECONDS)

    async def live(self, name: str) -> Document | None:
        """A Thing, as the real API server tells it; None when it is not there."""
        async with self._session.get(f"{self._plane.url}/apis/{GROUP}/v1/things/{name}") as response:
            return await response.json() if response.status == 200 else None

    async def edit(self, name: str, change: Document) -> None:
        """As a person's tool would, through the real API server."""
        await self._request("PATCH", f"{self._plane.url}/apis/{GROUP}/v1/things/{name}", change, "application/merge-patch+json")

    async def _register(self) -> None:
        url, authority = self._plane.url, base64.b64encode(self._authority.pem).decode()
        service = {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE["name"]},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": self._port}]},
        }  # fmt: skip
        await self._request("POST", f"{url}/api/v1/namespaces/{SERVICE['namespace']}/services", service)
        spec = {
            "group": GROUP, "version": "v1", "service": {**SERVICE, "port": self._port}, "caBundle": authority,
            "groupPriorityMinimum": 100, "versionPriority": 100,
        }  # fmt: skip
        api = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": f"v1.{GROUP}"}, "spec": spec}
        await self._request("POST", f"{url}/apis/apiregistration.k8s.io/v1/apiservices", api)

    def _forgets_fields(self) -> None:
        put = self._sandbox.store.put

        def without(collection: Collection, document: Document) -> Document:
            kept = {name: value for name, value in document["metadata"].items() if name != "managedFields"}
            return put(collection, {**document, "metadata": kept} if collection[0] == GROUP else document)

        self._sandbox.store.put = without  # type: ignore[method-assign]  # what such a server is

    async def _request(self, method: str, url: str, body: Document, content: str = "application/json") -> None:
        headers = {"Content-Type": content}
        if url.startswith(self._sandbox.url):
            headers["Authorization"] = f"Bearer {self._sandbox.token}"
        async with self._session.request(method, url, data=json.dumps(body), headers=headers) as response:
            assert response.status < 300, await response.text()


def thing(name: str, size: int = 1) -> str:
    """One in Git."""
    return f"apiVersion: {GROUP}/v1\nkind: Thing\nmetadata: {{name: {name}}}\nspec: {{size: {size}}}\n"


_DEFINITION: Document = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"things.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Cluster",
        "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
