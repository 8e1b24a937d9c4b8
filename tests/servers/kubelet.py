"""Ends the pods of a real control plane that has no node: those of Jobs, as their image's tag says. `async with Kubelet(plane):`."""

import asyncio
import contextlib
import json
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.servers.control_plane import ControlPlane

PAUSE_SECONDS = 0.05


class Kubelet:
    """Pods with a tag that has `failing` in it fail, with `slow` they run until told otherwise, all others succeed."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self.is_slow = True
        """Set to False, slow pods succeed."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": "Bearer TOKEN"}, connector=aiohttp.TCPConnector(ssl=False)
        )
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._session.close()

    async def request(self, method: str, path: str, body: object = None, content: str = "application/json") -> tuple[int, Any]:
        """Any request, as an administrator."""
        data = json.dumps(body) if body is not None else None
        async with self._session.request(method, self._plane.url + path, data=data, headers={"Content-Type": content}) as answer:
            return answer.status, await answer.json()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                _, found = await self.request("GET", self._path)
                for pod in found.get("items", ()):
                    if pod["status"].get("phase") in ("Pending", "Running"):
                        await self._look_after(pod)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _look_after(self, pod: Any) -> None:
        tag = pod["spec"]["containers"][0]["image"].rpartition(":")[2]
        phase = "Failed" if "failing" in tag else "Running" if "slow" in tag and self.is_slow else "Succeeded"
        if phase != pod["status"]["phase"]:
            path = f"{self._path}/{pod['metadata']['name']}/status"
            await self.request("PATCH", path, {"status": {"phase": phase}}, "application/merge-patch+json")
