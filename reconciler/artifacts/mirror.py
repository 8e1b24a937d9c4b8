"""Charts and artifacts as commits: what a registry or Helm repository has is taken into a bare repository of our own, file by file.

The same archive is the same commit on every host: its message is the digest, its date the beginning of time. So whatever follows branches
follows versions too: jobs, renders and their cache, history, rollbacks. A *ref* is what is followed: `refs/charts/web/^1.2`,
`refs/oci/tag/latest`, `refs/oci/semver/>=1`, `refs/oci/digest/sha256:…`.
"""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import structlog

from reconciler.artifacts import charts, cosign
from reconciler.artifacts.fetch import Fetcher, Key, expect
from reconciler.artifacts.keys import key_of
from reconciler.artifacts.registry import Manifest, Registry
from reconciler.artifacts.signatures import signatures_in
from reconciler.artifacts.unpack import stream_of
from reconciler.declarations.signers import Signers
from reconciler.errors import InvalidManifest, NotVerified, SourceRefused
from reconciler.git.command import Call
from reconciler.git.contents import REMEMBERED
from reconciler.git.directory import Directory
from reconciler.git.mirror import Mirror, Mirrors
from reconciler.model.declared import Repository, RepositoryType, Secrets
from reconciler.model.versions import newest
from reconciler.settings import ReconcilerSettings
from reconciler.yaml.documents import load_one

log = structlog.get_logger()

CHARTS, TAG, SEMVER, DIGEST = "refs/charts/", "refs/oci/tag/", "refs/oci/semver/", "refs/oci/digest/"

KEPT = "refs/trueup/artifacts/"
"""Where the commit of a digest is."""

MOST_VERSION = 200
"""Letters of a version that are shown."""

EXACT = "refs/trueup/exact/"
"""Where the commit of a version is that was asked for by its number."""

SIGNED = "refs/trueup/signatures/"
"""Where the signatures of a commit are."""


class Stores(Mirrors):
    """The mirrors of one worker: those of Git, and those of charts and artifacts."""

    def __init__(self, settings: ReconcilerSettings, secrets: Secrets) -> None:
        super().__init__(settings, secrets)
        self._secrets = secrets
        self._protocols = tuple(protocol for protocol in settings.git_protocols if protocol in ("http", "https"))

    def _make(self, repository: Repository, directory: Directory) -> Mirror:
        made = super()._make(repository, directory)
        if repository.type is RepositoryType.GIT:
            return made
        means = directory, made.git, made.remotes, made.timeout_seconds
        return ArtifactMirror(repository, *means, secrets=self._secrets, protocols=self._protocols)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a ref leads to now."""

    version: str
    digest: str
    """`sha256:…` of the archive of a chart in a Helm repository, else of the manifest."""
    manifest: Manifest | None = None
    registry: Registry | None = None
    archive: bytes = b""
    """Where it had to be fetched to be known."""
    chart: charts.ChartVersion | None = None


@dataclass(eq=False)
class ArtifactMirror(Mirror):
    """One Repository of charts or artifacts."""

    secrets: Secrets | None = None
    protocols: tuple[str, ...] = ("https",)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    """What a range meant, by its ref and the commit that was taken in for it."""

    async def heads(self, revisions: Iterable[str] | None = None) -> Mapping[str, str]:
        """Where the refs are that are asked for; one that leads nowhere is left out, and said in the log.

        Raises:
            SourceUnavailable: when the server does not answer.
        """
        if not self.directory.identity:
            async with self.directory.exclusive():
                pass
        if await self.directory.tidy():
            self._present.clear()
        found: dict[str, str] = {}
        async with self._opened() as (fetcher, entries):
            for ref in sorted(set(revisions or ())):
                try:
                    found[ref] = await self._head(fetcher, entries, ref)
                except SourceRefused as error:
                    log.warning("artifact.refused", repository=self._name, ref=ref, error=str(error))
        return found

    async def fetch(self, ref: str) -> str:
        """Take in what a ref leads to now; its commit.

        Raises:
            SourceRefused: when it leads nowhere, or to what cannot be taken in.
            SourceUnavailable: when the server does not answer.
        """
        async with self._opened() as (fetcher, entries):
            return await self._head(fetcher, entries, ref)

    async def fetch_exact(self, ref: str) -> str:
        """As `fetch`, of a ref that names one version: it is asked for once, unless signatures are wanted, which may come later."""
        kept = f"{EXACT}{hashlib.sha256(ref.encode()).hexdigest()[:32]}"
        if self.directory.identity and self.repository.verify is None:
            found = await self.try_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{kept}^{{commit}}")
            if found.code == 0:
                return found.stdout.decode().strip()
        commit = await self.fetch(ref)
        await self.read_git("update-ref", kept, commit)
        return commit

    async def ensure(
        self,
        commit: str,
        refs: Iterable[str] = (),
        *,
        is_trusted: bool = True,  # noqa: ARG002 - as of Git
    ) -> Mapping[str, str]:
        """Have exactly this commit: it is here, or one of the refs leads to it now; it lacks nothing.

        Raises:
            SourceRefused: when it is neither.
            SourceUnavailable: when the server does not answer.
        """
        if await self.has(commit):
            return {}
        for ref in refs:
            if await self.fetch(ref) == commit:
                return {}
        raise SourceRefused(
            f"{self._name}: what was at {commit[:12]} is not here any more, and {', '.join(refs) or 'nothing'} leads elsewhere by now"
        )

    async def version(self, ref: str, commit: str) -> str:
        """Which version a ref meant when it led to a commit that is here: a chart's, the tag of an artifact, else a digest.

        Raises:
            SourceUnavailable: when it cannot be read.
        """
        known = self.versions.get((ref, commit))
        if known is None:
            known = (
                await self._version_of_chart(commit) if ref.startswith(CHARTS) else await self._version_of_artifact(ref, commit)
            )
            self._note_version(ref, commit, known)
        return known

    async def _version_of_chart(self, commit: str) -> str:
        limit_bytes = charts.CHART_BYTES
        text = (await self.files(commit, ["Chart.yaml"], limit_bytes=limit_bytes)).get("Chart.yaml")
        if not isinstance(text, bytes):
            return ""
        try:
            chart = await asyncio.to_thread(load_one, text, name="Chart.yaml", limit_bytes=limit_bytes)
        except InvalidManifest:
            return ""
        version = str(chart.get("version") or "") if isinstance(chart, dict) else ""
        return version[:MOST_VERSION] if version.isprintable() else ""

    async def _version_of_artifact(self, ref: str, commit: str) -> str:
        kept = await self.try_git("cat-file", "blob", _kept_version(ref, commit))
        if kept.code == 0:
            return kept.stdout.decode(errors="replace")
        return (await self.read_git("log", "-1", "--format=%s", "--end-of-options", commit)).decode().strip()

    def _note_version(self, ref: str, commit: str, version: str) -> None:
        if len(self.versions) >= REMEMBERED:
            self.versions.clear()
        self.versions[ref, commit] = version

    async def _keep_version(self, ref: str, commit: str, version: str) -> None:
        """Keep what a range of versions means for whoever renders it, which may be another worker, or this one at another time."""
        if not ref.startswith(SEMVER) or self.versions.get((ref, commit)) == version:
            return
        blob = (await self.read_git("hash-object", "-w", "--stdin", stdin=version.encode())).decode().strip()
        await self.read_git("update-ref", _kept_version(ref, commit), blob)
        self._note_version(ref, commit, version)

    async def signatures(self, commit: str) -> tuple[str, list[cosign.Signature]]:
        """The digest that a commit was taken from, and the signatures that were seen of it."""
        message = (await self.read_git("log", "-1", "--format=%s", "--end-of-options", commit)).decode().strip()
        kept = await self.try_git("cat-file", "blob", f"{SIGNED}{commit}")
        pairs = orjson.loads(kept.stdout) if kept.code == 0 else []
        return message, [cosign.Signature(base64.b64decode(payload), base64.b64decode(signed)) for payload, signed in pairs]

    @property
    def _is_helm(self) -> bool:
        return self.repository.type is RepositoryType.HELM

    async def _head(self, fetcher: Fetcher, entries: Mapping[str, Any], ref: str) -> str:
        found = await self._find(fetcher, entries, ref)
        kept = f"{KEPT}{found.digest.replace(':', '/')}"
        known = (await self.try_git("rev-parse", "--verify", "--quiet", "--end-of-options", kept)).stdout.decode().strip()
        commit = known or await self._take_in(fetcher, found, kept)
        await self._keep_version(ref, commit, found.version)
        if found.registry is not None and self.repository.verify is not None:
            await self._keep_signatures(found.registry, found.digest, commit)
        return commit

    async def _find(self, fetcher: Fetcher, entries: Mapping[str, Any], ref: str) -> _Found:
        if ref.startswith(CHARTS):
            name, _, wanted = ref.removeprefix(CHARTS).partition("/")
            if self._is_helm:
                chart = charts.choose(entries, name, wanted, self.repository.url, self._name)
                archive = b"" if chart.digest else await self._archive(fetcher, chart)
                digest = chart.digest or hashlib.sha256(archive).hexdigest()
                return _Found(chart.version, f"sha256:{digest}", archive=archive, chart=chart)
            registry = self._registry(fetcher, name)
            return await self._tagged(registry, await self._version(registry, wanted.replace("+", "_"), name))
        registry = self._registry(fetcher, "")
        for prefix in (TAG, DIGEST):
            if ref.startswith(prefix):
                return await self._tagged(registry, ref.removeprefix(prefix))
        return await self._tagged(registry, await self._version(registry, ref.removeprefix(SEMVER), ""))

    async def _version(self, registry: Registry, wanted: str, name: str) -> str:
        tags = await registry.tags()
        plain = {tag.replace("_", "+"): tag for tag in tags}
        version = wanted if wanted in plain else newest(wanted, plain)
        if version is None:
            what = f"chart {name}" if name else self.repository.url
            raise SourceRefused(f"{self._name}: {what} has no version {wanted!r}; the newest is {newest('*', plain) or 'none'}")
        return plain[version]

    async def _tagged(self, registry: Registry, reference: str) -> _Found:
        manifest = await registry.manifest(reference)
        return _Found(reference, manifest.digest, manifest, registry)

    async def _take_in(self, fetcher: Fetcher, found: _Found, kept: str) -> str:
        what = f"{self._name}: {found.version}"
        if found.chart is not None:
            archive = found.archive or await self._archive(fetcher, found.chart)
        else:
            assert found.manifest is not None
            assert found.registry is not None
            layer = found.manifest.layer(what)
            archive = await found.registry.blob(layer)
        is_chart = found.chart is not None or "helm.chart" in str(layer.get("mediaType"))
        stream = stream_of(archive, found.digest, ref=kept, what=what, strip=is_chart)
        async with self.directory.exclusive() as lock:
            call = Call(f"{what}: cannot be taken in", self.timeout_seconds, stdin=stream, descriptors=(lock,))
            await self.git.run(self.directory.path, "fast-import", "--quiet", "--force", "--date-format=raw", call=call)
            await self.directory.bound(lock, {kept})
        commit = (await self.read_git("rev-parse", "--verify", "--end-of-options", kept)).decode().strip()
        log.info("artifact.fetched", repository=self._name, version=found.version, digest=found.digest, commit=commit)
        return commit

    async def _archive(self, fetcher: Fetcher, chart: charts.ChartVersion) -> bytes:
        answer = await fetcher.get(chart.url, limit_bytes=charts.ARCHIVE_BYTES, authorization=fetcher.basic_for(chart.url))
        body = expect(answer, self._name).body
        if chart.digest and hashlib.sha256(body).hexdigest() != chart.digest:
            raise SourceRefused(f"{self._name}: {chart.url} is not what the index says: its digest is another one")
        return body

    async def _keep_signatures(self, registry: Registry, digest: str, commit: str) -> None:
        """Keep what the registry has of signatures, to be checked with whichever keys count when it is rendered."""
        found = await signatures_in(registry, digest)
        pairs = [[base64.b64encode(one.payload).decode(), base64.b64encode(one.signature).decode()] for one in found]
        text = orjson.dumps(pairs)
        kept = await self.try_git("cat-file", "blob", f"{SIGNED}{commit}")
        if kept.code == 0 and kept.stdout == text:
            return  # as nearly always: an earlier poll wrote them
        blob = (await self.read_git("hash-object", "-w", "--stdin", stdin=text)).decode().strip()
        await self.read_git("update-ref", f"{SIGNED}{commit}", blob)

    def _registry(self, fetcher: Fetcher, name: str) -> Registry:
        parts = urlsplit(self.repository.url)
        path = "/".join(part for part in (parts.path.strip("/"), name) if part)
        return Registry(fetcher, f"{self._protocol}://{parts.netloc}", path)

    @property
    def _protocol(self) -> str:
        return "https" if "https" in self.protocols or not self.protocols else "http"

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[Fetcher, Mapping[str, Any]]]:
        """What reads from the server, with its login as it is now; and the index, where it has one."""
        key: Key = Key()
        tls: ssl.SSLContext | bool = True
        credentials = self.repository.credentials
        if credentials is not None and self.secrets is not None:
            what = f"{self._name}: Secret {credentials.name}"
            key, tls = key_of(await self.secrets.read(credentials), urlsplit(self.repository.url).netloc, what)
        async with aiohttp.ClientSession(trust_env=True) as session:
            fetcher = Fetcher(session, self._name, self.protocols, key, tls, min(self.timeout_seconds, 120.0))
            yield fetcher, await charts.read_index(fetcher, self.repository.url) if self._is_helm else {}


def _kept_version(ref: str, commit: str) -> str:
    return f"refs/trueup/versions/{hashlib.sha256(ref.encode()).hexdigest()[:32]}/{commit}"


async def verify_artifact(mirror: ArtifactMirror, commit: str, signers: Signers) -> NotVerified | None:
    """Why an artifact must not be rendered; None when one of the keys has signed it."""
    digest, signatures = await mirror.signatures(commit)
    if cosign.is_signed(digest, signatures, signers.cosign):
        return None
    why = "has no signature by one of these keys" if signatures else "is not signed"
    return NotVerified(f"{mirror.repository.name}: {digest} {why}; spec.verify wants one by: {', '.join(signers.names)}")
