"""Declarations in a cluster, as people apply them: `Kubectl` for any cluster, and the texts of Repositories and Applications."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from reconciler.declarations.definitions import definitions

KUBECTL = Path(sys.executable).with_name("kubectl")


class Kubectl:
    """kubectl against one kubeconfig; `-n namespace` where one is given."""

    def __init__(self, kubeconfig: Path, home: Path, namespace: str = "") -> None:
        self._argv = [str(KUBECTL), "--kubeconfig", str(kubeconfig), *(["-n", namespace] if namespace else [])]
        self._home = home
        self.namespace = namespace

    async def __call__(self, *arguments: str, text: str = "", check: bool = True) -> str:
        """What it prints; both streams where it fails and may."""
        process = await asyncio.create_subprocess_exec(
            *self._argv, *arguments, env={"HOME": str(self._home)}, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate(text.encode())
        if check:
            assert process.returncode == 0, err.decode()
        return out.decode() if check else (out + err).decode()

    async def apply(self, *documents: Mapping[str, Any]) -> str:
        """Server-side, so that the sandbox needs no OpenAPI of custom resources."""
        return await self("apply", "--server-side", "--force-conflicts", "-f", "-", text=yaml.safe_dump_all(documents))

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object; empty when there is none."""
        text = await self("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else {}

    async def install(self) -> None:
        """Have the kinds served, and the namespace of the declarations there."""
        await self.apply(*definitions())
        names = [f"crd/{definition['metadata']['name']}" for definition in definitions()]
        await self("wait", "--for=condition=Established", *names, "--timeout=30s")
        if self.namespace:
            await self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})


def repository(name: str, url: str, namespace: str, **spec: Any) -> dict[str, Any]:
    return _resource("Repository", name, namespace, {"url": url, "poll": "1h", **spec})


def application(name: str, namespace: str, *, path: str = "", repository: str = "shop", **spec: Any) -> dict[str, Any]:
    sync = {"timeout": "10s", **spec.pop("sync", {})}
    sources = [{"git": {"repository": repository, "path": path or f"apps/{name}"}}]
    return _resource("Application", name, namespace, {"sources": sources, "sync": sync, **spec})


def _resource(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "trueup.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def condition(resource: Mapping[str, Any], kind: str) -> tuple[str, str, str]:
    """Status, reason and message of a condition; empty when it is not there."""
    for found in resource.get("status", {}).get("conditions", ()):
        if found["type"] == kind:
            return found["status"], found.get("reason", ""), found.get("message", "")
    return "", "", ""


SHOP_AND_WEB = """
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: shop}
spec: {url: 'URL', forge: generic}
---
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {name: web}
spec:
  sources: [{git: {repository: shop, path: apps/web}}]
  destination: {namespace: web}
"""
"""As a person writes them; URL is the repository's address."""
