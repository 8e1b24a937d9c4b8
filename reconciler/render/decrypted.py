"""A copy of a tree in which files that SOPS encrypted are plain: what renderers read of an Application that has keys.

By name and by what is in them: YAML and JSON with a mapping `sops`, dotenv with `sops_mac`, INI with a section `sops`, anything else as
`sops` wraps it. A file that no key fits stays as it is, and whoever renders it is told why.
"""

import configparser
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from reconciler.errors import InvalidManifest
from reconciler.render.sops import METADATA, Undecryptable, decrypt, identities, lines_of, nested
from reconciler.render.tree import Tree
from reconciler.yaml.documents import LIMIT_BYTES, parse_documents

_YAML = (".yaml", ".yml")
_MARK = b"sops"


@dataclass(frozen=True, slots=True)
class Copy:
    """A tree in which files are plain."""

    tree: Tree
    refused: Mapping[str, str]
    """Why files are still encrypted, by their paths."""
    values: Mapping[str, Sequence[Any]]
    """What was encrypted in the others, by their paths."""

    def values_of(self, read: Collection[str]) -> Iterator[Any]:
        """What was encrypted in the files that a render read."""
        for file, values in self.values.items():
            if file in read or any(f"{parent}/" in read for parent in ("", *map(str, PurePosixPath(file).parents))):
                yield from values


@dataclass(frozen=True, slots=True)
class Plain:
    """A file without its encryption."""

    content: bytes
    values: Sequence[Any]
    """What was encrypted in it."""


def copy(tree: Tree, into: Path, keys: Mapping[str, str]) -> Copy:
    """A copy of a tree in which every file is plain that the keys fit.

    Args:
        tree: what is copied; files that nobody encrypted are the same files.
        into: an empty directory on the same file system, or another.
        keys: entries of a Secret; every age identity in them is tried.
    """
    known = identities(tuple(keys.values()))
    refused: dict[str, str] = {}
    values: dict[str, Sequence[Any]] = {}
    for folder, folders, names in os.walk(tree.root):
        target = into / os.path.relpath(folder, tree.root)
        target.mkdir(exist_ok=True)
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            source = Path(folder, name)
            try:
                plain = None if source.is_symlink() else plain_of(source, known)
            except Undecryptable as error:
                plain, refused[tree.name(source)] = None, str(error)
            if plain is not None:
                values[tree.name(source)] = plain.values
            _put(source, target / name, plain)
    return Copy(Tree(into), refused, values)


def plain_files(files: Sequence[tuple[str, str]], keys: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], Sequence[Any]]:
    """Files that were handed in, without their encryption, and what was encrypted; one that no key fits stays as it is.

    Args:
        files: their names, and what is in them.
        keys: entries of a Secret; every age identity in them is tried.
    """
    known = identities(tuple(keys.values()))
    found: list[tuple[str, str]] = []
    values: list[Any] = []
    for name, text in files:
        try:
            plain = _plain(Path(name), text.encode(), known)
        except Undecryptable:
            plain = None
        found.append((name, text if plain is None else plain.content.decode()))
        values += () if plain is None else plain.values
    return tuple(found), values


def plain_of(path: Path, keys: tuple[Any, ...]) -> Plain | None:
    """What a file is without its encryption; None when it has none.

    Raises:
        Undecryptable: when it has, and no key fits or it was changed.
    """
    return None if path.stat().st_size > LIMIT_BYTES else _plain(path, path.read_bytes(), keys)


def _plain(path: Path, content: bytes, keys: tuple[Any, ...]) -> Plain | None:
    if _MARK not in content:
        return None
    try:
        if path.suffix in _YAML:
            return _yaml(content, keys)
        if path.suffix == ".env" or path.name == ".env":
            return _dotenv(content.decode(), keys)
        if path.suffix == ".ini":
            return _ini(content.decode(), keys)
        return _json(content, keys, is_wrapped=path.suffix != ".json")
    except (InvalidManifest, UnicodeDecodeError, configparser.Error):
        return None  # whoever reads it says what is wrong with it


def _yaml(content: bytes, keys: tuple[Any, ...]) -> Plain | None:
    documents = [raw.document for raw in parse_documents(content, name="")]
    metadata = documents[0].get(METADATA) if documents else None
    if not isinstance(metadata, dict) or "mac" not in metadata:
        return None
    found = decrypt(documents, keys)
    return Plain(b"\n---\n".join(orjson.dumps(document) for document in found.documents) + b"\n", found.values)


def _json(content: bytes, keys: tuple[Any, ...], *, is_wrapped: bool) -> Plain | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get(METADATA), dict):
        return None
    found = decrypt([document], keys)
    (plain,) = found.documents
    return Plain(str(plain.get("data", "")).encode() if is_wrapped else orjson.dumps(plain), found.values)


def _dotenv(text: str, keys: tuple[Any, ...]) -> Plain | None:
    pairs = dict(lines_of(text))
    if "sops_mac" not in pairs:
        return None
    metadata = nested({name.removeprefix("sops_"): value for name, value in pairs.items() if name.startswith("sops_")})
    values = {name: value.replace("\\n", "\n") for name, value in pairs.items() if not name.startswith("sops_")}
    found = decrypt([{**values, METADATA: metadata}], keys)
    (plain,) = found.documents
    lines = (f"{name}={str(value).replace(chr(10), chr(92) + 'n')}\n" for name, value in plain.items())
    return Plain("".join(lines).encode(), found.values)


def _ini(text: str, keys: tuple[Any, ...]) -> Plain | None:
    parser = configparser.RawConfigParser(default_section="", strict=True, comment_prefixes=("#", ";"), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their letters
    parser.read_string(text)
    if METADATA not in parser:
        return None
    sections = {name: dict(parser[name]) for name in parser.sections() if name != METADATA}
    found = decrypt([{**sections, METADATA: nested(dict(parser[METADATA]))}], keys)
    (plain,) = found.documents
    lines = (f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items()) for name, section in plain.items())
    return Plain("\n".join(lines).encode(), found.values)


def _put(source: Path, target: Path, plain: Plain | None) -> None:
    if plain is not None:
        target.touch(0o600)
        target.write_bytes(plain.content)
    elif source.is_symlink():
        target.symlink_to(source.readlink())
    else:
        try:
            target.hardlink_to(source)
        except OSError:
            target.write_bytes(source.read_bytes())
