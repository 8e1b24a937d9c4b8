"""What a chart in Git needs of others: `dependencies` of its Chart.yaml, and the versions that its Chart.lock has of them. Pure.

https://helm.sh/docs/topics/charts/#chart-dependencies
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.errors import InvalidManifest
from reconciler.model.versions import newest

CHART, LOCK = "Chart.yaml", "Chart.lock"

MOST = 50
"""Dependencies of one chart."""

MEND = "run `helm dependency update`, and commit Chart.lock"

LOCAL = "file://"
"""Before the path of a chart of the same tree."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,249}")
_PACKED = re.compile(r"(.+)-v?[0-9][^/]*\.(tgz|tar\.gz)")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A chart that another one needs."""

    name: str
    version: str
    """A range, or the one that is locked."""
    repository: str
    """`https://…`, `oci://…`, `file://…`, `@name`; empty: it is in `charts` already."""
    is_locked: bool = False

    @property
    def is_elsewhere(self) -> bool:
        """Whether it comes from a Repository."""
        return bool(self.repository) and not self.repository.startswith(LOCAL)


def missing(chart: Any, there: Sequence[str], where: str) -> Sequence[Dependency]:
    """The dependencies of a chart that are not in its directory `charts`; about the others Helm has its own opinion.

    Args:
        chart: what Chart.yaml holds.
        there: entries of `charts`: names of archives, and of charts that are there as directories.
        where: the chart's directory, as messages name it.

    Raises:
        InvalidManifest: naming the file, and what is wrong with one that is missing.
    """
    file = f"{where}/{CHART}"
    entries = [
        entry for entry in _listed(chart, file) if not (isinstance(entry, dict) and _is_vendored(str(entry.get("name")), there))
    ]
    if len(entries) > MOST:
        raise InvalidManifest(f"{file}: more than {MOST} dependencies that are not in charts")
    return [_dependency(entry, file) for entry in entries]


def locked(wanted: Sequence[Dependency], lock: Any, where: str) -> Sequence[Dependency]:
    """Dependencies at the versions that Chart.lock has of them; those of the same tree, and of no address, have none.

    Args:
        wanted: what is missing.
        lock: what Chart.lock holds.
        where: the chart's directory, as messages name it.

    Raises:
        InvalidManifest: naming the file, and the mend.
    """
    known = [_dependency(entry, f"{where}/{LOCK}") for entry in _listed(lock, f"{where}/{LOCK}")]
    return [_at_lock(one, known, where) if one.is_elsewhere else one for one in wanted]


def _is_vendored(name: str, there: Sequence[str]) -> bool:
    return any(entry == name or ((match := _PACKED.fullmatch(entry)) and match[1] == name) for entry in there)


def _listed(document: Any, file: str) -> Sequence[Any]:
    found = document.get("dependencies") if isinstance(document, dict) else None
    if found is None:
        return ()
    if not isinstance(found, list):
        raise InvalidManifest(f"{file}: dependencies: must be a list")
    return found


def _dependency(entry: Any, file: str) -> Dependency:
    fields = entry if isinstance(entry, dict) else {}
    name, version, repository = (fields.get(key) or "" for key in ("name", "version", "repository"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidManifest(f"{file}: dependencies: {str(name)[:100]!r} is no name of a chart")
    if not isinstance(repository, str) or not isinstance(version, str | int | float) or len(str(version)) > 200:
        raise InvalidManifest(f"{file}: dependency {name}: version and repository must be texts")
    return Dependency(name, str(version).strip() or "*", repository.strip().rstrip("/"))


def _at_lock(declared: Dependency, known: Sequence[Dependency], where: str) -> Dependency:
    """Of two of one name the one counts that is within the range, as Helm writes them in the order of Chart.yaml."""
    of_name = [one for one in known if (one.name, one.repository) == (declared.name, declared.repository)]
    if not of_name:
        raise InvalidManifest(f"{where}/{LOCK}: has no version of the dependency {declared.name}; {MEND}")
    try:
        fitting = [
            one for one in of_name if one.version == declared.version or newest(declared.version, [one.version]) is not None
        ]
    except ValueError as error:
        raise InvalidManifest(f"{where}/{CHART}: dependency {declared.name}: {error}") from error
    if not fitting:
        has = " and ".join(one.version for one in of_name)
        raise InvalidManifest(f"{where}/{LOCK}: has {declared.name} {has}, and {CHART} wants {declared.version!r}; {MEND}")
    return replace(declared, version=fitting[0].version, is_locked=True)
