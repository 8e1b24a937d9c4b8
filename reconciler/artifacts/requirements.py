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


def parse_dependencies(chart: Any, lock: Any, where: str) -> Sequence[Dependency]:
    """The dependencies of a chart, at the versions that are locked.

    Args:
        chart: what Chart.yaml holds.
        lock: what Chart.lock holds; None where there is none.
        where: the chart's directory, as messages name it.

    Raises:
        InvalidManifest: naming the file, and the mend.
    """
    declared = [_dependency(entry, f"{where}/{CHART}") for entry in _listed(chart, f"{where}/{CHART}")]
    if lock is None or not declared:
        return declared
    locked = {
        (one.name, one.repository): one for one in (_dependency(e, f"{where}/{LOCK}") for e in _listed(lock, f"{where}/{LOCK}"))
    }
    several = {(one.name, one.version): one for one in locked.values()}
    return [
        _at_lock(one, locked.get((one.name, one.repository)) or several.get((one.name, one.version)), where) for one in declared
    ]


def is_vendored(dependency: Dependency, names: Sequence[str]) -> bool:
    """Whether one of the entries of the directory `charts` is the dependency.

    Args:
        dependency: what is needed.
        names: of archives, and of charts that are there as directories.
    """
    return any(name == dependency.name or ((match := _PACKED.fullmatch(name)) and match[1] == dependency.name) for name in names)


def _listed(document: Any, file: str) -> Sequence[Any]:
    found = document.get("dependencies") if isinstance(document, dict) else None
    if found is None:
        return ()
    if not isinstance(found, list) or len(found) > MOST:
        raise InvalidManifest(f"{file}: dependencies: must be a list of at most {MOST}")
    return found


def _dependency(entry: Any, file: str) -> Dependency:
    fields = entry if isinstance(entry, dict) else {}
    name, version, repository = (fields.get(key) or "" for key in ("name", "version", "repository"))
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidManifest(f"{file}: dependencies: {str(name)[:100]!r} is no name of a chart")
    if not isinstance(repository, str) or not isinstance(version, str | int | float) or len(str(version)) > 200:
        raise InvalidManifest(f"{file}: dependency {name}: version and repository must be texts")
    return Dependency(name, str(version).strip() or "*", repository.strip().rstrip("/"))


def _at_lock(declared: Dependency, locked: Dependency | None, where: str) -> Dependency:
    if locked is None:
        raise InvalidManifest(f"{where}/{LOCK}: has no version of the dependency {declared.name}; {MEND}")
    try:
        fits = declared.version == locked.version or newest(declared.version, [locked.version]) is not None
    except ValueError as error:
        raise InvalidManifest(f"{where}/{CHART}: dependency {declared.name}: {error}") from error
    if not fits:
        raise InvalidManifest(
            f"{where}/{LOCK}: has {declared.name} {locked.version}, and {CHART} wants {declared.version!r}; {MEND}"
        )
    return replace(declared, version=locked.version, is_locked=True)
