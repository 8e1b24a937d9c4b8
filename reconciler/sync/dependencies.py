"""Charts that charts in a tree need: fetched from the Repositories that are declared, and put where Helm looks for them, before it runs.

A dependency comes from a Repository whose address is the one that Chart.yaml names, and that the Application may use, as if it were a source:
whoever may push to Git can name an address, and nobody else is asked. Helm itself sees to conditions, tags and aliases.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.artifacts.charts import CHART_BYTES
from reconciler.artifacts.mirror import CHARTS, ArtifactMirror
from reconciler.artifacts.requirements import CHART, LOCAL, LOCK, MEND, Dependency, locked, missing
from reconciler.errors import InvalidManifest, SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.export import LIMIT_BYTES, export
from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Name, Repository, RepositoryType, Secrets
from reconciler.model.versions import parse_version
from reconciler.render.result import RenderRequest
from reconciler.sync.verified import verified
from reconciler.urls import DEFAULT_PORTS, parse_url, redact
from reconciler.yaml.documents import load_one


@dataclass(frozen=True, slots=True)
class Supplied:
    """A request with everything in its tree that its chart needs."""

    request: RenderRequest
    read: frozenset[str] = frozenset()
    """Directories of the tree that were taken from, each with a slash at its end."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Where dependencies are taken from."""

    mirrors: Mirrors
    repositories: Mapping[Name, Repository]
    secrets: Secrets | None = None
    is_trusted: bool = True
    """Off for commits of people who may not write to the repository: they get no chart that a Secret opens."""

    async def put(self, root: Path, requests: Sequence[RenderRequest]) -> list[Supplied | TrueupError]:
        """Put what the requests' charts need into an exported tree; what is in `charts` already is left alone."""
        paths = dict.fromkeys(request.path for request in requests)
        needed = {path: await asyncio.to_thread(_needed, root, path) for path in paths}
        answers: list[Supplied | TrueupError] = []
        tree = _Tree(root)
        for request in requests:
            wanted = needed[request.path]
            try:
                answers.append(wanted if isinstance(wanted, TrueupError) else await self._supply(tree, request, wanted))
            except TrueupError as error:
                answers.append(error)
        return answers

    async def _supply(self, tree: "_Tree", request: RenderRequest, wanted: Sequence[Dependency]) -> Supplied:
        charts: dict[str, str] = {}
        read: set[str] = set()
        for one in wanted:
            if one.repository.startswith(LOCAL):
                read.add(await asyncio.to_thread(tree.copy, request.path, one))
            elif one.repository:
                commit = await self._fetch(tree, request, one)
                charts[f"{one.name} {one.version}"] = commit
        given = replace(request.given, charts=tuple(sorted(charts.items())))
        return Supplied(replace(request, given=given) if charts else request, frozenset(read))

    async def _fetch(self, tree: "_Tree", request: RenderRequest, one: Dependency) -> str:
        """Put one chart from a Repository in its place; its commit there."""
        what = f"{_where(request.path)}/{CHART}: dependency {one.name}"
        repository = self._repository(one, request.application.namespace, what)
        if repository.credentials is not None and not self.is_trusted:
            raise SourceRefused(
                f"{what}: {repository.name} is opened by a Secret, and not for a commit of people who may not write to the repository"
            )
        mirror = self.mirrors.of(repository)
        assert isinstance(mirror, ArtifactMirror)
        ref = f"{CHARTS}{one.name}/{one.version}"
        try:
            commit = await (mirror.fetch_exact(ref) if parse_version(one.version) else mirror.fetch(ref))
            refused, _ = await verified(mirror, commit, (ref,), self.secrets)
            if ref in refused:
                raise refused[ref]
            place = tree.root / request.path / "charts" / f"{one.name}-{commit[:16]}"
            if not os.path.lexists(place):
                await asyncio.to_thread(place.mkdir, parents=True)
                await export(mirror, commit, "", place)
                await asyncio.to_thread(tree.count, place, what)
        except SourceRefused as error:
            raise type(error)(
                f"{what}: {error}" + (f"; {MEND}" if one.is_locked and "no version" in str(error) else "")
            ) from error
        except SourceUnavailable as error:
            raise SourceUnavailable(f"{what}: {error}", retry_seconds=error.retry_seconds) from error
        except OSError as error:
            raise SourceUnavailable(f"{what}: cannot be written: {error.strerror}") from error
        return commit

    def _repository(self, one: Dependency, namespace: str, what: str) -> Repository:
        """The Repository that a dependency comes from: of the Application's namespace before one of another.

        Raises:
            SourceRefused: when none is declared that may be used.
        """
        text = one.repository
        for mark in ("@", "alias:"):
            if text.startswith(mark):
                found = self.repositories.get(Name(namespace, text.removeprefix(mark)))
                if found is not None and found.type is not RepositoryType.GIT:
                    return found
                raise SourceRefused(f"{what}: there is no Repository {namespace}/{text.removeprefix(mark)} of charts")
        wanted = RepositoryType.OCI if text.startswith("oci://") else RepositoryType.HELM
        fitting = [
            repository
            for repository in self.repositories.values()
            if repository.type is wanted and repository.allows(namespace) and _place(repository.url) == _place(text)
        ]
        if not fitting:
            kind = "" if wanted is RepositoryType.OCI else " with type: helm"
            raise SourceRefused(
                f"{what}: no Repository that {namespace} may use has the address {redact(text)[:200]}; declare one{kind}, "
                "or run `helm dependency update` and commit the directory charts"
            )
        return min(fitting, key=lambda repository: (repository.name.namespace != namespace, repository.name))


def _needed(root: Path, path: str) -> Sequence[Dependency] | TrueupError:
    """The dependencies of a chart that are not in its directory `charts`; none of what is no chart, or cannot be read as one."""
    directory, where = root / path, _where(path)
    try:
        chart = _loaded(directory / CHART, f"{where}/{CHART}")
    except InvalidManifest:
        return ()  # Helm says what is wrong with it, or does not mind
    try:
        found = missing(chart, _entries(directory / "charts"), where)
        if any(one.is_elsewhere for one in found) and (lock := _loaded(directory / LOCK, f"{where}/{LOCK}")) is not None:
            return locked(found, lock, where)
    except InvalidManifest as error:
        return error
    else:
        return found


def _loaded(file: Path, name: str) -> object:
    if not file.is_file():
        return None
    try:
        with file.open("rb") as stream:
            return load_one(stream.read(CHART_BYTES + 1), name=name, limit_bytes=CHART_BYTES)
    except OSError as error:
        raise InvalidManifest(f"{name}: cannot be read: {error.strerror}") from error


def _entries(charts: Path) -> list[str]:
    """The archives in a directory `charts`, and the charts that are directories, by the names that they have themselves."""
    if not charts.is_dir():
        return []
    found: list[str] = []
    for entry in charts.iterdir():
        if (entry / CHART).is_file():
            with contextlib.suppress(InvalidManifest):
                document = _loaded(entry / CHART, f"charts/{entry.name}/{CHART}")
                found.append(str(document.get("name")) if isinstance(document, dict) else entry.name)
        elif entry.is_file():
            found.append(entry.name)
    return found


@dataclass(slots=True)
class _Tree:
    """An exported tree, and how much more may be put into it: as much as was exported at most."""

    root: Path
    left_bytes: int = LIMIT_BYTES

    def count(self, place: Path, what: str) -> None:
        """Take in account what is put, or will be, from a directory.

        Raises:
            SourceRefused: when it is too much with all before it.
        """
        self.left_bytes -= sum(file.lstat().st_size for file in place.rglob("*"))
        if self.left_bytes < 0:
            raise SourceRefused(f"{what}: with it the dependencies are more than {LIMIT_BYTES >> 20} MiB")

    def copy(self, path: str, one: Dependency) -> str:
        """Copy a chart of the same tree to its place; its directory.

        Raises:
            InvalidManifest: when it is no chart of the tree.
        """
        what = f"{_where(path)}/{CHART}: dependency {one.name}: {one.repository[:200]!r}"
        top = Path(os.path.realpath(self.root))
        source = Path(os.path.normpath(top / path / one.repository.removeprefix(LOCAL)))
        chart = Path(os.path.normpath(top / path))
        if "\0" in one.repository or not source.is_relative_to(top) or not Path(os.path.realpath(source)).is_relative_to(top):
            raise InvalidManifest(f"{what} leaves the repository")
        if not (source / CHART).is_file():
            raise InvalidManifest(f"{what} is no chart of the repository")
        if chart.is_relative_to(source):
            raise InvalidManifest(f"{what} holds the chart itself")
        place = chart / "charts" / one.name
        try:
            if not os.path.lexists(place):
                self.count(source, what)
                shutil.copytree(source, place, symlinks=True)
        except OSError as error:
            raise SourceUnavailable(f"{what}: cannot be copied: {error}") from error
        return f"{source.relative_to(top)}/"


def _place(url: str) -> tuple[str, str, int | None, str] | None:
    """What of an address counts when two are compared; None for what is none."""
    try:
        found = parse_url(url, needs_path=False)
    except ValueError:
        return None
    return found.protocol, found.host, found.port or DEFAULT_PORTS.get(found.protocol), found.path.strip("/")


def _where(path: str) -> str:
    return path or "."
