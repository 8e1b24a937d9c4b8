"""A Helm repository and an OCI registry on loopback, as their specifications have them; what they answer instead is up to a test."""

import base64
import gzip
import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

import orjson
from aiohttp import web

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
FLUX_LAYER = "application/vnd.cncf.flux.content.v1.tar+gzip"
PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"

Instead = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


def archive(
    files: Mapping[str, str | bytes], *, top: str = "", compress: bool = True, more: tuple[tarfile.TarInfo, ...] = ()
) -> bytes:
    """A tar archive of files, beneath a directory where one is given; and whatever else."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(f"{top}/{name}" if top else name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in more:
            tar.addfile(info, io.BytesIO(b"\0" * info.size))
    return gzip.compress(raw.getvalue(), mtime=0) if compress else raw.getvalue()


def chart(name: str, version: str, template: str, values: str = "value: one\n") -> bytes:
    """A packed chart."""
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n",
        "values.yaml": values,
        "templates/a.yaml": template,
    }
    return archive(files, top=name)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry:
    """Serves `/v2/…` and a Helm repository under `/charts/`."""

    def __init__(self, login: str = "", *, realm: str = "") -> None:
        """Login: `user:password`, asked for by a token server; realm: another one's address."""
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.index: dict[str, list[dict[str, Any]]] = {}
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        """Path, and the header Authorization."""
        self.referring: dict[tuple[str, str], list[dict[str, Any]]] = {}
        """What refers to a manifest, by its digest."""
        self.has_referrers = True
        """Whether they are listed; else the tag that stands in for the list has them."""
        self.page = 100
        """How many of them at once."""
        self.instead: Instead | None = None
        self._login = login
        self._realm = realm

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.host = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"http://{self.host}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def counts(self) -> Counter[str]:
        return Counter(path.split("?")[0] for path, _ in self.requests)

    def add_chart(self, name: str, version: str, content: bytes, **entry: Any) -> None:
        """To the Helm repository."""
        file = f"{name}-{version}.tgz"
        self.files[f"charts/{file}"] = content
        usual = {"name": name, "version": version, "urls": [file], "digest": hashlib.sha256(content).hexdigest()}
        self.index.setdefault(name, []).append({key: value for key, value in (usual | entry).items() if value is not None})

    def push(self, name: str, tag: str, content: bytes, media_type: str = FLUX_LAYER, **layer: Any) -> str:
        """An artifact of one layer; its digest."""
        return self.push_layers(name, tag, [(content, {"mediaType": media_type, **layer})])

    def push_layers(self, name: str, tag: str, layers: list[tuple[bytes, Mapping[str, Any]]]) -> str:
        descriptors = []
        for content, more in layers:
            self.blobs[digest_of(content)] = content
            descriptors.append({"digest": digest_of(content), "size": len(content), **more})
        kind = "application/vnd.oci.image.manifest.v1+json"
        document = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"digest": digest_of(b"{}"), "size": 2},
            "layers": descriptors,
        }
        manifest = orjson.dumps(document)
        for reference in (tag, digest_of(manifest)):
            self.manifests[name, reference] = manifest
        return digest_of(manifest)

    def sign(self, name: str, digest: str, sign: Callable[[bytes], bytes], *, of: str = "", is_referring: bool = False) -> None:
        """As cosign does with a key up to its second version: beneath a tag, or in a manifest that refers to the signed one."""
        image = {"docker-manifest-digest": of or digest}
        critical = {"identity": {"docker-reference": name}, "image": image, "type": "cosign container image signature"}
        payload = orjson.dumps({"critical": critical, "optional": None})
        annotations = {"dev.cosignproject.cosign/signature": base64.b64encode(sign(payload)).decode()}
        layer = {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "annotations": annotations}
        if is_referring:
            self.refer(name, digest, (payload, layer), "application/vnd.dev.cosign.artifact.sig.v1+json")
        else:
            self.push_layers(name, f"{digest.replace(':', '-')}.sig", [(payload, layer)])

    def refer(self, name: str, digest: str, layer: tuple[bytes, Mapping[str, Any]], kind: str, **annotations: str) -> None:
        """A manifest of one layer that refers to another one; in the list of these, and beneath the tag where there is no list."""
        made = self.push_layers(name, f"referrer-{len(self.manifests)}", [layer])
        entry = {"digest": made, "artifactType": kind, "annotations": annotations}
        listed = self.referring.setdefault((name, digest), [])
        listed.append(entry)
        if not self.has_referrers:
            self.manifests[name, digest.replace(":", "-")] = orjson.dumps({"schemaVersion": 2, "manifests": listed})

    def bundle(self, name: str, digest: str, sign: Callable[[bytes], bytes], *, of: str = "", predicate: str = "") -> None:
        """As cosign does with a key since its third version."""
        about = predicate or "https://sigstore.dev/cosign/sign/v1"
        subject = [{"digest": {"sha256": (of or digest).removeprefix("sha256:")}}]
        statement = orjson.dumps(
            {"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": about, "predicate": {}}
        )
        kind = "application/vnd.in-toto+json"
        signed = f"DSSEv1 {len(kind)} {kind} {len(statement)} ".encode() + statement
        envelope = {
            "payload": base64.b64encode(statement).decode(),
            "payloadType": kind,
            "signatures": [{"sig": base64.b64encode(sign(signed)).decode()}],
        }
        media_type = "application/vnd.dev.sigstore.bundle.v0.3+json"
        content = orjson.dumps({"mediaType": media_type, "verificationMaterial": {}, "dsseEnvelope": envelope})
        annotations = {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": about}
        self.refer(name, digest, (content, {"mediaType": media_type}), media_type, **annotations)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.requests.append((request.path_qs, request.headers.get("Authorization", "")))
        if self.instead is not None and (answer := await self.instead(request)) is not None:
            return answer
        if path == "token":
            return self._token(request)
        if path.startswith("v2/"):
            return self._registry(request, path.removeprefix("v2/"))
        return self._repository(request, path)

    def _token(self, request: web.Request) -> web.Response:
        wanted = f"Basic {base64.b64encode(self._login.encode()).decode()}"
        if request.headers.get("Authorization") != wanted:
            return web.json_response({"errors": [{"code": "UNAUTHORIZED"}]}, status=401)
        return web.json_response({"token": f"token-for-{request.query['scope']}"})

    def _registry(self, request: web.Request, path: str) -> web.Response:
        name, _, rest = path.rpartition("/manifests/")
        kind = "manifests"
        if not name:
            name, _, rest = path.rpartition("/blobs/")
            kind = "blobs"
        if not name:
            name, _, rest = path.rpartition("/referrers/")
            kind = "referrers"
        if not name:
            name, kind = path.removesuffix("/tags/list"), "tags"
        scope = f"repository:{name}:pull"
        if self._login and request.headers.get("Authorization") != f"Bearer token-for-{scope}":
            challenge = f'Bearer realm="{self._realm or self.url}/token",service="here",scope="{scope}"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        if kind == "tags":
            return self._tags(request, name)
        if kind == "referrers" and self.has_referrers:
            return self._referrers(request, name, rest)
        content = self.blobs.get(rest) if kind == "blobs" else self.manifests.get((name, rest))
        if content is None:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)
        return web.Response(
            body=content, content_type="application/vnd.oci.image.manifest.v1+json" if kind == "manifests" else None
        )

    def _referrers(self, request: web.Request, name: str, digest: str) -> web.Response:
        listed, at = self.referring.get((name, digest), []), int(request.query.get("at", 0))
        following = at + self.page
        path = f"/v2/{name}/referrers/{digest}"
        headers = {"Link": f'<{path}?at={following}>; rel="next"'} if following < len(listed) else {}
        return web.json_response({"schemaVersion": 2, "manifests": listed[at:following]}, headers=headers)

    def _tags(self, request: web.Request, name: str) -> web.Response:
        tags = sorted(tag for where, tag in self.manifests if where == name and not tag.startswith("sha256:"))
        if not tags:
            return web.json_response({"errors": [{"code": "NAME_UNKNOWN"}]}, status=404)
        size, last = int(request.query.get("n", 100)), request.query.get("last", "")
        page = [tag for tag in tags if tag > last][:size]
        headers = (
            {"Link": f'</v2/{name}/tags/list?n={size}&last={page[-1]}>; rel="next"'} if page and page[-1] != tags[-1] else {}
        )
        return web.json_response({"name": name, "tags": page}, headers=headers)

    def _repository(self, request: web.Request, path: str) -> web.Response:
        if self._login and request.headers.get("Authorization") != f"Basic {base64.b64encode(self._login.encode()).decode()}":
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        if path == "charts/index.yaml":
            return web.Response(body=orjson.dumps({"apiVersion": "v1", "entries": self.index}))
        content = self.files.get(path)
        return web.Response(status=404) if content is None else web.Response(body=content)
