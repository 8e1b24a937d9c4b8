"""Declarations from a directory of YAML files: all mistakes at once, by file, line and field; and every change of the files."""

import asyncio
import difflib
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from reconciler.declarations.schema import API_VERSION, DOCUMENTS, known_fields
from reconciler.errors import InvalidDeclaration, InvalidManifest
from reconciler.model.declared import Application, Declarations, Name, Repository
from reconciler.yaml import parse_documents

LOOK_SECONDS = 0.5
"""How often the files are looked at: a change is seen within a second."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        """`shop.yaml:12: spec.url: …`."""
        return f"{self.file}:{self.line}: {f'{self.field}: ' if self.field else ''}{self.message}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a directory declares, or what is wrong with it."""

    declarations: Declarations
    """Empty when there are problems: half of a directory is not what anybody declared."""
    problems: tuple[Problem, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class _Written:
    """A declaration with the place where it was written."""

    value: Repository | Application
    file: str
    line: int


def load(directory: Path) -> Loaded:
    """Read every YAML file of a directory and of those beneath it.

    Raises:
        InvalidDeclaration: when there is no such directory.
    """
    if not directory.is_dir():
        raise InvalidDeclaration(
            f"{directory}: no such directory; TRUEUP_DECLARATIONS must name one with Repositories and Applications"
        )
    written: list[_Written] = []
    problems: list[Problem] = []
    texts = {str(path.relative_to(directory)): path.read_bytes() for path in _files(directory)}
    for file, text in texts.items():
        for found in _parse(file, text):
            (written if isinstance(found, _Written) else problems).append(found)  # type: ignore[arg-type]  # sorted by type
    problems += _cross_check(written)
    digest = hashlib.blake2b(repr(sorted(texts.items())).encode(), digest_size=12).hexdigest()
    if problems:
        return Loaded(Declarations(), tuple(sorted(problems, key=lambda p: (p.file, p.line))), digest)
    return Loaded(_declarations(written), (), digest)


async def follow(directory: Path) -> AsyncIterator[Loaded]:
    """What the directory declares now, and again after every change; while it cannot be read, what it declared before holds."""
    last: str | None = None
    while True:
        try:
            loaded = await asyncio.to_thread(load, directory)
        except (OSError, InvalidDeclaration) as error:
            loaded = Loaded(Declarations(), (Problem(str(directory), 0, "", str(error)),), f"unreadable: {error}")
        if loaded.digest != last:
            last = loaded.digest
            yield loaded
        await asyncio.sleep(LOOK_SECONDS)


def _files(directory: Path) -> list[Path]:
    """Hidden entries are left out: a mounted ConfigMap keeps its data in `..data`, and links to it."""
    return sorted(
        path
        for suffix in ("*.yaml", "*.yml")
        for path in directory.rglob(suffix)
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(directory).parts)
    )


def _parse(file: str, text: bytes) -> Iterator[_Written | Problem]:
    try:
        documents = parse_documents(text, name=file)
    except InvalidManifest as error:
        where = str(error).partition("line ")[2].partition(":")[0]
        yield Problem(file, int(where) if where.isdigit() else 1, "", str(error).partition(": ")[2] or str(error))
        return
    for raw in documents:
        line = int(raw.source.rpartition(" ")[2])
        yield from _parse_one(raw.document, file, line, text)


def _parse_one(document: Mapping[str, Any], file: str, line: int, text: bytes) -> Iterator[_Written | Problem]:
    kind = document.get("kind")
    model = DOCUMENTS.get(str(kind))
    first = _line_of(text, line, ())
    if model is None:
        yield Problem(file, first, "kind", f"{kind!r} is no declaration; it must be Repository or Application of {API_VERSION}")
        return
    try:
        yield _Written(model.model_validate(document).value(), file, first)
    except ValidationError as error:
        details = error.errors()
        paths = [tuple(detail["loc"]) for detail in details]
        for detail, path in zip(details, paths, strict=True):
            if any(other[: len(path)] == path and other != path for other in paths):
                continue  # it is wrong because something in it is
            yield Problem(file, _line_of(text, line, path), _dotted(path), _message(dict(detail), model))


def _message(detail: dict[str, Any], model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        names = _fields_at(model, tuple(detail["loc"])[:-1])
        near = difflib.get_close_matches(str(detail["loc"][-1]), names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
        return f"is no field here; {hint}"
    if detail["type"] == "missing":
        return "is missing"
    message: str = detail["msg"]
    return message.removeprefix("Value error, ")


def _fields_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The fields that may stand at a path of a declaration."""
    current: Any = model
    for part in path:
        if isinstance(part, int):
            continue
        field = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
        candidates = _models_of(field.annotation) if field else []
        if not candidates:
            return []
        current = candidates[0]
    return known_fields(current)


def _models_of(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_of(part)]


def _dotted(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _line_of(text: bytes, first_line: int, path: Sequence[str | int]) -> int:
    """The line of the deepest part of a path that is written, in the document that begins at or after a line."""
    part = b"".join(text.splitlines(keepends=True)[first_line - 1 :])
    node = next((n for n in yaml.compose_all(part, Loader=yaml.CSafeLoader) if n is not None), None)
    line = node.start_mark.line if node else 0
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return first_line + line


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


def _cross_check(written: Sequence[_Written]) -> Iterator[Problem]:
    """What no single declaration can know: names given twice, references that lead nowhere, circles."""
    seen: dict[tuple[type, Name], _Written] = {}
    for entry in written:
        key = (type(entry.value), entry.value.name)
        if key in seen:
            yield Problem(
                entry.file, entry.line, "metadata.name", f"{key[1]} stands in {seen[key].file}:{seen[key].line} already"
            )
        seen.setdefault(key, entry)
    for entry in written:
        if isinstance(entry.value, Application):
            yield from _check_references(entry, entry.value, seen)


def _check_references(entry: _Written, application: Application, seen: Mapping[tuple[type, Name], _Written]) -> Iterator[Problem]:
    for index, source in enumerate(application.sources):
        if (Repository, source.repository) not in seen:
            field = f"spec.sources[{index}].git.repository"
            yield Problem(entry.file, entry.line, field, f"there is no Repository {source.repository}")
    for index, name in enumerate(application.depends_on):
        if (Application, name) not in seen:
            yield Problem(entry.file, entry.line, f"spec.dependsOn[{index}].name", f"there is no Application {name}")
    if _is_circular(application, seen):
        yield Problem(entry.file, entry.line, "spec.dependsOn", f"{application.name} depends on itself in a circle")


def _is_circular(application: Application, seen: Mapping[tuple[type, Name], _Written]) -> bool:
    reached: set[Name] = set()
    waiting = list(application.depends_on)
    while waiting:
        name = waiting.pop()
        entry = seen.get((Application, name))
        if name not in reached and entry is not None and isinstance(entry.value, Application):
            reached.add(name)
            waiting += entry.value.depends_on
    return application.name in reached


def _declarations(written: Sequence[_Written]) -> Declarations:
    return Declarations(
        {entry.value.name: entry.value for entry in written if isinstance(entry.value, Repository)},
        {entry.value.name: entry.value for entry in written if isinstance(entry.value, Application)},
    )
