"""Declarations from a directory of YAML files: all mistakes at once, by file, line and field; and every change of the files."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reconciler.declarations.changes import LOOK_SECONDS, changes, files_of
from reconciler.declarations.check import Written, cross_check
from reconciler.declarations.problems import Problem, dotted, mistakes
from reconciler.declarations.schema import API_VERSION, DOCUMENTS
from reconciler.errors import InvalidDeclaration, InvalidManifest
from reconciler.model.declared import HOME, Application, Declarations, Name, Repository
from reconciler.yaml.documents import parse_documents
from reconciler.yaml.locate import locate


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
        InvalidDeclaration: when it is no directory.
        OSError: when a file cannot be read, or went away meanwhile.
    """
    if not directory.is_dir():
        mend = "TRUEUP_DECLARATIONS must name one with Repositories and Applications"
        if directory.is_file():
            mend = "it is a file: name its directory, since declarations refer to each other"
        raise InvalidDeclaration(f"{directory.absolute()}: no such directory; {mend}")
    texts = {str(path.relative_to(directory)): path.read_bytes() for path in files_of(directory)}
    written: list[Written] = []
    problems: list[Problem] = []
    mistaken: set[tuple[str, Name]] = set()
    for file, text in texts.items():
        for found in _parse(file, text, default_namespace):
            if isinstance(found, Written):
                written.append(found)
            else:
                problems.append(found.problem)
                mistaken |= {found.about} if found.about else set()
    problems += cross_check(written, mistaken)
    digest = hashlib.blake2b(repr(sorted(texts.items())).encode(), digest_size=12).hexdigest()
    if problems:
        return Loaded(Declarations(), tuple(sorted(problems, key=lambda problem: (problem.file, problem.line))), digest)
    return Loaded(_declarations(written), (), digest)


async def follow(directory: Path, *, interval_seconds: float = LOOK_SECONDS) -> AsyncIterator[Loaded]:
    """What the directory declares now, and again after every change of its content."""
    async for loaded in changes(directory, _load_or_tell, interval_seconds=interval_seconds):
        yield loaded


def _load_or_tell(directory: Path) -> Loaded:
    try:
        return load(directory)
    except (OSError, InvalidDeclaration) as error:
        return Loaded(Declarations(), (Problem(str(directory), 0, "", str(error)),))


@dataclass(frozen=True, slots=True)
class _Mistake:
    """A problem, and of which declaration, where that can be told."""

    problem: Problem
    about: tuple[str, Name] | None = None
    """Kind and name."""


def _parse(file: str, text: bytes, namespace: str) -> Iterator[Written | _Mistake]:
    try:
        documents = parse_documents(text, name=file)
    except InvalidManifest as error:
        place, _, message = str(error).partition(": ")
        where = place.rpartition("line ")[2]
        yield _Mistake(Problem(file, int(where) if where.isdigit() else 1, "", message))
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


def _validate(document: dict[str, Any], place: _Place, namespace: str) -> Iterator[Written | _Mistake]:
    model = DOCUMENTS.get(str(document.get("kind")))
    if model is None:
        line = locate(place.text, ("kind",), line=place.line)
        kind = repr(document.get("kind")) if "kind" in document else "a document without kind"
        why = f"{kind} is no declaration; known are Repository and Application of {API_VERSION}"
        yield _Mistake(Problem(place.file, line, "kind", why))
        return
    try:
        value = model.model_validate(_with_namespace(document, namespace)).value()
    except ValidationError as error:
        about = _about(document, namespace)
        for path, message in mistakes(error, model):
            yield _Mistake(Problem(place.file, locate(place.text, path, line=place.line), dotted(path), message), about)
    else:
        yield Written(value, place.file, place.line, place.text)


def _about(document: Mapping[str, Any], namespace: str) -> tuple[str, Name] | None:
    metadata = _with_namespace(document, namespace).get("metadata")
    if not isinstance(metadata, dict) or not all(isinstance(metadata.get(part), str) for part in ("namespace", "name")):
        return None
    return str(document.get("kind")), Name(metadata["namespace"], metadata["name"])


def _with_namespace(document: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    metadata = document.get("metadata")
    return {**document, "metadata": {"namespace": namespace, **metadata}} if isinstance(metadata, dict) else document


def _declarations(written: Sequence[Written]) -> Declarations:
    return Declarations(
        {entry.value.name: entry.value for entry in written if isinstance(entry.value, Repository)},
        {entry.value.name: entry.value for entry in written if isinstance(entry.value, Application)},
    )
