"""OCI registries: tags, manifests and layers, with the login that a registry asks for.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md, https://distribution.github.io/distribution/spec/auth/token/
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

import orjson

from reconciler.artifacts.fetch import Answer, Fetcher, expect
from reconciler.errors import SourceRefused

MANIFEST_BYTES = 4 * 1024 * 1024
LAYER_BYTES = 100 * 1024 * 1024
MOST_TAGS = 50_000
PAGE = 1000

INDEX = "application/vnd.oci.image.index.v1+json"
MOST_PAGES = 5
"""Of what refers to one manifest."""

MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

LAYERS = (
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/vnd.cncf.flux.content.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar",
    "application/tar+gzip",
)
"""What may be unpacked, the most meant first."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a registry has under one digest."""

    digest: str
    """`sha256:…`, of the manifest itself."""
    layers: Sequence[Mapping[str, Any]]

    def layer(self, what: str) -> Mapping[str, Any]:
        """The layer that holds files.

        Raises:
            SourceRefused: when there is none.
        """
        kinds = {str(layer.get("mediaType")): layer for layer in reversed(self.layers)}
        found: Mapping[str, Any] | None = next((kinds[kind] for kind in LAYERS if kind in kinds), None)
        if found is None:
            raise SourceRefused(f"{what}: no layer of it is an archive of files; it has {', '.join(kinds) or 'none'}")
        return found


class Registry:
    """One repository of one registry."""

    def __init__(self, fetcher: Fetcher, base: str, name: str) -> None:
        """Base: `https://host`; name: `owner/app`."""
        self._fetcher = fetcher
        self._base = base
        self._name = name
        self._authorization = ""

    async def tags(self) -> list[str]:
        """Every tag.

        Raises:
            SourceRefused: when there is no such repository, or access is denied.
            SourceUnavailable: when the registry does not answer.
        """
        found: list[str] = []
        url = self._url(f"tags/list?n={PAGE}")
        while url:
            answer = self._expect(await self._get(url, limit_bytes=MANIFEST_BYTES))
            tags = _mapping(answer, self._fetcher.what).get("tags") or []
            found += [tag for tag in tags if isinstance(tag, str)]
            if len(found) > MOST_TAGS:
                raise SourceRefused(f"{self._fetcher.what}: {self._name} has more than {MOST_TAGS} tags; name one")
            following = _NEXT.search(answer.headers.get("link", ""))
            url = urljoin(url, following[1]) if following and tags else ""
            if url and not url.startswith(f"{self._base}/v2/"):
                raise SourceRefused(f"{self._fetcher.what}: the list of tags goes on elsewhere: {url[:200]}")
        return found

    async def manifest(self, reference: str) -> Manifest:
        """What is under a tag or digest.

        Raises:
            SourceRefused: when there is nothing, or it is not what its digest says.
            SourceUnavailable: when the registry does not answer.
        """
        answer = self._expect(await self._get(self._url(f"manifests/{reference}"), limit_bytes=MANIFEST_BYTES, accept=MANIFESTS))
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if _DIGEST.fullmatch(reference) and digest != reference:
            raise SourceRefused(f"{self._fetcher.what}: the registry gives {digest} for {reference}")
        document = _mapping(answer, self._fetcher.what)
        layers = document.get("layers")
        if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
            kind = document.get("mediaType") or "something else"
            raise SourceRefused(f"{self._fetcher.what}: {self._name}:{reference} is {kind}, and no artifact with layers")
        return Manifest(digest, layers)

    async def find(self, reference: str) -> Manifest | None:
        """The same; None where there is nothing."""
        answer = await self._get(self._url(f"manifests/{reference}"), limit_bytes=MANIFEST_BYTES, accept=MANIFESTS)
        return None if answer.status == 404 else await self.manifest(reference)

    async def referrers(self, digest: str) -> list[Mapping[str, Any]]:
        """What refers to a manifest, by its entries: as OCI 1.1 lists it, or by the tag that stands in where a registry does not.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers

        Raises:
            SourceUnavailable: when the registry does not answer.
        """
        found: list[Mapping[str, Any]] = []
        url = self._url(f"referrers/{digest}")
        for _ in range(MOST_PAGES):
            answer = await self._get(url, limit_bytes=MANIFEST_BYTES, accept=INDEX)
            if (listed := _listed(answer)) is None:
                break
            found += listed
            following = _NEXT.search(answer.headers.get("link", ""))
            url = urljoin(url, following[1]) if following else ""
            if not url.startswith(f"{self._base}/v2/"):
                return found
        if found:
            return found
        tag = digest.replace(":", "-")
        return _listed(await self._get(self._url(f"manifests/{tag}"), limit_bytes=MANIFEST_BYTES, accept=INDEX)) or []

    async def blob(self, layer: Mapping[str, Any], *, limit_bytes: int = LAYER_BYTES) -> bytes:
        """What a descriptor names.

        Raises:
            SourceRefused: when it is not what its digest says, or too long.
            SourceUnavailable: when the registry does not answer.
        """
        digest = str(layer.get("digest"))
        if not _DIGEST.fullmatch(digest):
            raise SourceRefused(f"{self._fetcher.what}: a layer has no digest of SHA-256: {digest[:100]}")
        answer = self._expect(await self._get(self._url(f"blobs/{digest}"), limit_bytes=limit_bytes))
        if f"sha256:{hashlib.sha256(answer.body).hexdigest()}" != digest:
            raise SourceRefused(f"{self._fetcher.what}: the registry gives something else for {digest}")
        return answer.body

    async def _get(self, url: str, *, limit_bytes: int, accept: str = "*/*") -> Answer:
        answer = await self._fetcher.get(url, limit_bytes=limit_bytes, accept=accept, authorization=self._authorization)
        is_asked = answer.status == 401 and answer.url.startswith(f"{self._base}/")  # not by whom we were sent on to
        if is_asked and (authorization := await self._log_in(answer.headers.get("www-authenticate", ""))):
            self._authorization = authorization
            return await self._fetcher.get(url, limit_bytes=limit_bytes, accept=accept, authorization=authorization)
        return answer

    async def _log_in(self, challenge: str) -> str:
        """The header that a challenge asks for; empty where we have nothing to answer."""
        kind, _, rest = challenge.partition(" ")
        basic = self._fetcher.basic_for(self._base)
        if kind.lower() != "bearer":
            return basic if kind.lower() == "basic" else ""
        asked = dict(_PARAMETER.findall(rest))
        realm = asked.get("realm", "")
        query = urlencode({"service": asked.get("service", ""), "scope": f"repository:{self._name}:pull"})
        # the token's server is the registry's own choice: it is told the login, as every client does, by https only
        login = basic if realm.partition("://")[0] in self._fetcher.protocols else ""
        answer = await self._fetcher.get(
            f"{realm}{'&' if '?' in realm else '?'}{query}", limit_bytes=MANIFEST_BYTES, authorization=login
        )
        if answer.status != 200:
            return ""
        said = _mapping(answer, self._fetcher.what)
        token = said.get("token") or said.get("access_token")
        return f"Bearer {token}" if isinstance(token, str) and token.isprintable() and len(token) < 16384 else ""

    def _url(self, path: str) -> str:
        return f"{self._base}/v2/{self._name}/{path}"

    def _expect(self, answer: Answer) -> Answer:
        return expect(answer, self._fetcher.what)


def _listed(answer: Answer) -> list[Mapping[str, Any]] | None:
    """The entries of an index; None where the answer is none."""
    try:
        document = orjson.loads(answer.body) if answer.status == 200 else None
    except orjson.JSONDecodeError:
        return None
    manifests = document.get("manifests") if isinstance(document, dict) else None
    return [entry for entry in manifests if isinstance(entry, dict)] if isinstance(manifests, list) else None


def _mapping(answer: Answer, what: str) -> dict[str, Any]:
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise SourceRefused(f"{what}: {answer.url}: the registry does not answer with JSON")
    return document
