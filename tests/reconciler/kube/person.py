"""A person's tool that speaks to a control plane and remembers what it refuses; and the documents that are sent."""

import base64
import copy
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.servers.control_plane import ControlPlane

CANARY = "s3cr3t-canary-of-tests"
ENCODED = base64.b64encode(CANARY.encode()).decode()

Document = dict[str, Any]
Said = tuple[int, bytes]
TRUSTING = ssl._create_unverified_context()
CORE, APPS, RBAC, STORAGE = "/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1", "/apis/storage.k8s.io/v1"
CONTAINER = {"name": "web", "image": "web:1"}
POD = {"containers": [CONTAINER]}
REPEATED = 60


class Plane:
    """A control plane, spoken to as a person's tool would."""

    def __init__(self, plane: ControlPlane) -> None:
        self._url = plane.url
        self.said: dict[str, Document] = {}

    def call(self, method: str, path: str, body: object = None, *, content: str = "application/json", **headers: str) -> Said:
        everything = {"Authorization": "Bearer TOKEN", "Content-Type": content, "User-Agent": "provoker"} | headers
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + path, method=method, data=data, headers=everything)
        for _ in range(REPEATED):
            try:
                with urllib.request.urlopen(request, timeout=30, context=TRUSTING) as response:
                    return response.status, response.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
            except urllib.error.URLError:  # a body that is too large is not read to its end
                time.sleep(0.1)
        raise AssertionError(f"{method} {path}: no answer")

    def apply(self, path: str, document: Document, *, manager: str = "trueup", force: bool = False, **headers: str) -> Said:
        query = f"?fieldManager={manager}&force={str(force).lower()}&fieldValidation=Strict"
        return self.call("PATCH", path + query, document, content="application/apply-patch+yaml", **headers)

    def made(self, path: str, document: Document) -> str:
        status, body = self.apply(path, document)
        assert status in (200, 201), body
        return path

    def note(self, name: str, said: Said, document: Document, verb: str = "apply") -> None:
        """Remember what was said to whom."""
        status, body = said
        assert status >= 300, f"{name} was not refused: {body[:300]!r}"
        key = [document["apiVersion"].rpartition("/")[0], document["kind"], "shop", document["metadata"]["name"]]
        secret = document if document["kind"] == "Secret" else None
        self.said[name] = {"status": status, "body": body.decode(), "verb": verb, "key": key, "secret": secret}

    def refused(self, name: str, path: str, document: Document, **options: Any) -> None:
        """Apply, and remember the refusal."""
        self.note(name, self.apply(path, document, **options), document)

    def changed(self, name: str, path: str, document: Document, change: Callable[[Document], object]) -> None:
        """Apply, change, and remember how the change is refused."""
        self.made(path, document)
        other = copy.deepcopy(document)
        change(other)
        self.refused(name, path, other, force=True)


def named(api_version: str, kind: str, name: str = "web", **fields: Any) -> Document:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **fields.pop("metadata", {})}, **fields}


def config(name: str = "web", **fields: Any) -> Document:
    return named("v1", "ConfigMap", name, **({"data": {"a": "1"}} | fields))


def secret(name: str = "web", **fields: Any) -> Document:
    return named("v1", "Secret", name, **({"data": {"password": ENCODED}} | fields))


def deployment(name: str = "web", **container: Any) -> Document:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [CONTAINER | container]}}
    return named(
        "apps/v1", "Deployment", name, spec={"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template}
    )


def pod(name: str = "web", **container: Any) -> Document:
    return named("v1", "Pod", name, spec={"containers": [CONTAINER | container]})


def core(kind: str, name: str, namespace: str = "shop") -> str:
    return f"{CORE}/namespaces/{namespace}/{kind}/{name}"


def until(look: Callable[[], bool]) -> None:
    """Wait for what the API server does a little later."""
    for _ in range(REPEATED):
        if look():
            return
        time.sleep(0.25)
    raise AssertionError("waited in vain for the API server")
