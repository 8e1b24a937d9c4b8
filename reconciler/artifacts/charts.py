"""Helm repositories: an index of charts with their versions, and where their archives are.

https://helm.sh/docs/topics/chart_repository/#the-index-file
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from reconciler.artifacts.fetch import Fetcher, expect
from reconciler.errors import InvalidManifest, SourceRefused
from reconciler.model.versions import newest
from reconciler.yaml.documents import load_one

INDEX_BYTES = 32 * 1024 * 1024
"""The largest public indexes have 20 MB."""

CHART_BYTES = 1024 * 1024
"""Of a Chart.yaml or Chart.lock; it is read here, and not in a child, so it has to be short."""

ARCHIVE_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChartVersion:
    """One version of one chart."""

    version: str
    url: str
    digest: str
    """SHA-256 of its archive in hex; empty where the index does not say."""


async def read_index(fetcher: Fetcher, url: str) -> Mapping[str, Any]:
    """The entries of a repository's index, by chart.

    Raises:
        SourceRefused: when there is none, or it cannot be understood.
        SourceUnavailable: when the server does not answer.
    """
    address = f"{url.rstrip('/')}/index.yaml"
    answer = expect(await fetcher.get(address, limit_bytes=INDEX_BYTES, authorization=fetcher.basic_for(address)), fetcher.what)
    try:
        document = await asyncio.to_thread(load_one, answer.body, name="index.yaml", limit_bytes=INDEX_BYTES)
    except InvalidManifest as error:
        raise SourceRefused(f"{fetcher.what}: {error}") from error
    entries = document.get("entries") if isinstance(document, dict) else None
    if not isinstance(entries, dict):
        raise SourceRefused(f"{fetcher.what}: index.yaml has no entries; is this the address of a Helm repository?")
    return entries


def choose(entries: Mapping[str, Any], name: str, wanted: str, url: str, what: str) -> ChartVersion:
    """The highest version of a chart within a range.

    Args:
        entries: of the index.
        name: of the chart.
        wanted: a version, or a range of versions.
        url: of the repository, which addresses in it may be relative to.
        what: how messages begin.

    Raises:
        SourceRefused: when there is no such chart or version.
    """
    listed = entries.get(name)
    known = {
        str(entry["version"]): entry
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("version"), str)
    }
    if not known:
        raise SourceRefused(f"{what}: there is no chart {name!r} in {url}")
    version = wanted if wanted in known else newest(wanted, known)
    if version is None:
        raise SourceRefused(
            f"{what}: chart {name} has no version {wanted!r}; the newest is {newest('*', known) or next(iter(known))}"
        )
    entry = known[version]
    urls = entry.get("urls")
    if not (isinstance(urls, list) and urls and isinstance(urls[0], str)):
        raise SourceRefused(f"{what}: the index says no address of chart {name} {version}")
    digest = str(entry.get("digest") or "").removeprefix("sha256:").lower()
    return ChartVersion(version, urljoin(f"{url.rstrip('/')}/", urls[0]), digest)
