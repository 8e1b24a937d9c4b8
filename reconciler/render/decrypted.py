"""A copy of a tree in which files that SOPS encrypted are plain: what renderers read of an Application that has keys.

By name and by what is in them: YAML and JSON with a mapping `sops`, dotenv with `sops_mac`, INI with a section `sops`, anything else as
`sops` wraps it. A file that no key fits stays as it is, and whoever renders it is told why.
"""

import base64
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from reconciler.errors import InvalidManifest
from reconciler.render import ini
from reconciler.render.locks import Lock, lock_of
from reconciler.render.sops import METADATA, NeedsOther, Undecryptable, decrypt, identities, lines_of, nested, raw
from reconciler.render.tree import Tree
from reconciler.yaml.documents import LIMIT_BYTES, parse_documents

_YAML = (".yaml", ".yml")
_MARK = b"sops"
_SECTION = re.compile(r"^\[sops\][ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Copy:
    """A tree in which files are plain."""

    tree: Tree
    refused: Mapping[str, str]
    """Why files are still encrypted, by their paths."""
    values: Mapping[str, Sequence[Any]]
    """What was encrypted in the others, by their paths."""
    locks: tuple[Lock, ...] = ()
    """Of the files that keys of other sorts may open."""

    def values_of(self, read: Collection[str]) -> Iterator[Any]:
        """What was encrypted in the files that a render read."""
        for file, values in self.values.items():
            if _is_read(file, read):
                yield from values

    def locks_of(self, read: Collection[str]) -> tuple[Lock, ...]:
        """Those of the files that a render read."""
        return tuple(lock for lock in self.locks if _is_read(lock.file, read))


@dataclass(frozen=True, slots=True)
class Plain:
    """A file without its encryption."""

    content: bytes
    values: Sequence[Any]
    """What was encrypted in it."""


def _is_read(file: str, read: Collection[str]) -> bool:
    return file in read or any(f"{parent}/" in read for parent in ("", *map(str, PurePosixPath(file).parents)))


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens files."""

    identities: tuple[Any, ...]
    """Of age."""
    opened: Mapping[str, bytes] = field(default_factory=dict)
    """Keys of files that were opened elsewhere, by the names of what they were locked with."""

    @classmethod
    def of(cls, entries: Mapping[str, str], opened: Sequence[tuple[str, str]] = ()) -> "Keys":
        """The keys in a Secret, every age identity in it among them, and those of files that were opened, in base64."""
        return cls(identities(tuple(entries.values())), {name: base64.b64decode(key) for name, key in opened})


def copy(tree: Tree, into: Path, keys: Keys) -> Copy:
    """A copy of a tree in which every file is plain that the keys fit.

    Args:
        tree: what is copied; files that nobody encrypted are the same files.
        into: an empty directory on the same file system, or another.
        keys: what opens them.
    """
    refused: dict[str, str] = {}
    locks: list[Lock] = []
    values: dict[str, Sequence[Any]] = {}
    for folder, folders, names in os.walk(tree.root):
        target = into / os.path.relpath(folder, tree.root)
        target.mkdir(exist_ok=True)
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            source = Path(folder, name)
            try:
                plain = None if source.is_symlink() else plain_of(source, keys)
            except Undecryptable as error:
                plain, refused[tree.name(source)] = None, str(error)
                locks += [lock_of(tree.name(source), error.metadata)] if isinstance(error, NeedsOther) else []
            if plain is not None:
                values[tree.name(source)] = plain.values
            _put(source, target / name, plain)
    return Copy(Tree(into), refused, values, tuple(locks))


def plain_files(
    files: Sequence[tuple[str, str]], keys: Keys
) -> tuple[tuple[tuple[str, str], ...], Sequence[Any], tuple[Lock, ...]]:
    """Files that were handed in, without their encryption; what was encrypted; and locks of those that other keys may open.

    One that no key fits stays as it is.

    Args:
        files: their names, and what is in them.
        keys: what opens them.
    """
    found: list[tuple[str, str]] = []
    values: list[Any] = []
    locks: list[Lock] = []
    for name, text in files:
        plain = None
        try:
            plain = _plain(Path(name), text.encode(), keys)
        except NeedsOther as error:
            locks.append(lock_of(name, error.metadata))
        except Undecryptable:
            pass
        found.append((name, text if plain is None else plain.content.decode()))
        values += () if plain is None else plain.values
    return tuple(found), values, tuple(locks)


def plain_of(path: Path, keys: Keys) -> Plain | None:
    """What a file is without its encryption; None when it has none.

    Raises:
        Undecryptable: when it has, and no key fits or it was changed.
    """
    return None if path.stat().st_size > LIMIT_BYTES else _plain(path, path.read_bytes(), keys)


def _plain(path: Path, content: bytes, keys: Keys) -> Plain | None:
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
    except (InvalidManifest, UnicodeDecodeError):
        return None  # whoever reads it says what is wrong with it


def _yaml(content: bytes, keys: Keys) -> Plain | None:
    documents = [raw.document for raw in parse_documents(content, name="")]
    metadata = documents[0].get(METADATA) if documents else None
    if not isinstance(metadata, dict) or "mac" not in metadata:
        return None
    found = decrypt(documents, keys.identities, keys.opened)
    return Plain(b"\n---\n".join(_json_of(document) for document in found.documents) + b"\n", found.values)


def _json(content: bytes, keys: Keys, *, is_wrapped: bool) -> Plain | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get(METADATA), dict):
        return None
    found = decrypt([document], keys.identities, keys.opened)
    (plain,) = found.documents
    return Plain(raw(plain.get("data", "")) if is_wrapped else _json_of(plain), found.values)


def _json_of(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise Undecryptable(f"has a value that cannot be written as JSON: {error}") from None


def _dotenv(text: str, keys: Keys) -> Plain | None:
    pairs = dict(lines_of(text))
    if "sops_mac" not in pairs:
        return None
    metadata = nested({name.removeprefix("sops_"): value for name, value in pairs.items() if name.startswith("sops_")})
    values = {name: value.replace("\\n", "\n") for name, value in pairs.items() if not name.startswith("sops_")}
    found = decrypt([{**values, METADATA: metadata}], keys.identities, keys.opened)
    (plain,) = found.documents
    lines = (f"{name}={str(value).replace(chr(10), chr(92) + 'n')}\n" for name, value in plain.items())
    return Plain("".join(lines).encode(), found.values)


def _ini(text: str, keys: Keys) -> Plain | None:
    if _SECTION.search(text) is None:
        return None
    try:
        sections: dict[str, Any] = dict(ini.read(text))
    except ValueError as error:
        raise Undecryptable(f"cannot be read: {error}") from error
    metadata = nested(sections.pop(METADATA))
    found = decrypt([{**sections, METADATA: metadata}], keys.identities, keys.opened)
    (plain,) = found.documents
    texts = {name: {key: str(value) for key, value in section.items()} for name, section in plain.items()}
    return Plain(ini.write(texts).encode(), found.values)


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
