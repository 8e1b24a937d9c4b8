"""Declarations from a directory of YAML files: all mistakes at once, by file, line and field; and every change of the files."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reconciler.declarations.check import Written, cross_check
from reconciler.declarations.problems import Problem, dotted, mistakes
from reconciler.declarations.schema import API_VERSION, DOCUMENTS
from reconciler.errors import InvalidDeclaration, InvalidManifest
from reconciler.model.declared import HOME, Application, Declarations, Repository
from reconciler.yaml.documents import parse_documents
from reconciler.yaml.locate import locate

LOOK_SECONDS = 0.5
"""How often the files are looked at: a change is seen within a second."""

SETTLED_SECONDS = 2.0
"""How old a change must be until the times of the files are trusted to tell the next one; clocks of file systems are coarse."""

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a directory declares, or what is wrong with it."""

    declarations: Declarations
    """Empty when there are problems: half of a directory is not what anybody declared."""
    problems: tuple[Problem, ...] = ()
    digest: str = ""
    """Of the names and contents of the files."""


def load(directory: Path, *, default_namespace: str = HOME) -> Loaded:
    """Read every YAML file of a directory and of those beneath it; hidden ones are left out.

    Args:
        directory: where the files are.
        default_namespace: of declarations that name none.

    Raises:
        InvalidDeclaration: when there is no such directory.
        OSError: when a file cannot be read, or went away meanwhile.
    """
    if not directory.is_dir():
        raise InvalidDeclaration(
            f"{directory}: no such directory; TRUEUP_DECLARATIONS must name one with Repositories and Applications"
        )
    texts = {str(path.relative_to(directory)): path.read_bytes() for path in _files(directory)}
    written: list[Written] = []
    problems: list[Problem] = []
    for file, text in texts.items():
        for found in _parse(file, text, default_namespace):
            if isinstance(found, Problem):
                problems.append(found)
            else:
                written.append(found)
    problems += cross_check(written)
    digest = hashlib.blake2b(repr(sorted(texts.items())).encode(), digest_size=12).hexdigest()
    if problems:
        return Loaded(Declarations(), tuple(sorted(problems, key=lambda problem: (problem.file, problem.line))), digest)
    return Loaded(_declarations(written), (), digest)


async def follow(directory: Path, *, interval_seconds: float = LOOK_SECONDS) -> AsyncIterator[Loaded]:
    """What the directory declares now, and again after every change of its content.

    While nothing changes, only the times of the files are looked at. A file that goes away while it is read is looked for again
    before it is a problem: a mounted ConfigMap is replaced like that.
    """
    digest: str | None = None
    stamp: object = None
    failures = 0
    while True:
        newer, is_settled = await asyncio.to_thread(_stamp, directory)
        if newer != stamp:
            loaded = await asyncio.to_thread(_load_or_tell, directory)
            failures = 0 if loaded.digest else failures + 1
            stamp = newer if is_settled and loaded.digest else None
            name = loaded.digest or f"unreadable: {loaded.problems}"
            if name != digest and failures != 1:
                digest = name
                yield loaded
        await asyncio.sleep(interval_seconds)


def _load_or_tell(directory: Path) -> Loaded:
    try:
        return load(directory)
    except (OSError, InvalidDeclaration) as error:
        return Loaded(Declarations(), (Problem(str(directory), 0, "", str(error)),))


def _stamp(directory: Path) -> tuple[object, bool]:
    """What changes when a file does, and whether the last change is long enough ago that the next will show."""
    stamp: list[tuple[object, ...]] = []
    newest = 0
    for path in _files(directory):
        try:
            status = path.stat()
        except OSError:
            return (str(path), time.time_ns()), False
        stamp.append((str(path), status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino))
        newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
    return tuple(stamp), time.time_ns() - newest > SETTLED_SECONDS * 1e9


def _files(directory: Path) -> list[Path]:
    """Hidden entries are left out: a mounted ConfigMap keeps its data in `..data`, and links to it."""
    found: list[Path] = []
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]
    return sorted(found)


def _parse(file: str, text: bytes, namespace: str) -> Iterator[Written | Problem]:
    try:
        documents = parse_documents(text, name=file)
    except InvalidManifest as error:
        place, _, message = str(error).partition(": ")
        where = place.rpartition("line ")[2]
        yield Problem(file, int(where) if where.isdigit() else 1, "", message)
        return
    for raw in documents:
        line = int(raw.source.rpartition(" ")[2])
        yield from _validate(raw.document, _Place(file, line, text), namespace)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a document stands."""

    file: str
    line: int
    text: bytes


def _validate(document: dict[str, Any], place: _Place, namespace: str) -> Iterator[Written | Problem]:
    model = DOCUMENTS.get(str(document.get("kind")))
    if model is None:
        line = locate(place.text, ("kind",), line=place.line)
        kind = repr(document.get("kind")) if "kind" in document else "a document without kind"
        yield Problem(
            place.file, line, "kind", f"{kind} is no declaration; known are Repository and Application of {API_VERSION}"
        )
        return
    try:
        value = model.model_validate(_with_namespace(document, namespace)).value()
    except ValidationError as error:
        for path, message in mistakes(error, model):
            yield Problem(place.file, locate(place.text, path, line=place.line), dotted(path), message)
    else:
        yield Written(value, place.file, place.line, place.text)


def _with_namespace(document: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    return {**document, "metadata": {"namespace": namespace, **metadata}} if isinstance(metadata, dict) else document


def _declarations(written: Sequence[Written]) -> Declarations:
    return Declarations(
        {entry.value.name: entry.value for entry in written if isinstance(entry.value, Repository)},
        {entry.value.name: entry.value for entry in written if isinstance(entry.value, Application)},
    )
