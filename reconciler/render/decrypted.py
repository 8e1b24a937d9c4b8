"""A copy of a tree in which files that SOPS encrypted are plain: what renderers read of an Application that has keys.

By name and by what is in them: YAML and JSON with a mapping `sops`, dotenv with `sops_mac`, INI with a section `sops`, anything else as
`sops` wraps it. A file that no key fits stays as it is, and whoever renders it is told why.
"""

import configparser
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from reconciler.errors import InvalidManifest
from reconciler.render.sops import METADATA, Undecryptable, decrypt, identities, lines_of, nested
from reconciler.render.tree import Tree
from reconciler.yaml.documents import LIMIT_BYTES, parse_documents

_YAML = (".yaml", ".yml")
_MARK = b"sops"


def copy(tree: Tree, into: Path, keys: Mapping[str, str]) -> tuple[Tree, Mapping[str, str]]:
    """The copy, and why files in it are still encrypted, by their paths.

    Args:
        tree: what is copied; files that nobody encrypted are the same files.
        into: an empty directory on the same file system, or another.
        keys: entries of a Secret; every age identity in them is tried.
    """
    known = identities(tuple(keys.values()))
    refused: dict[str, str] = {}
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
            _put(source, target / name, plain)
    return Tree(into), refused


def plain_files(files: Sequence[tuple[str, str]], keys: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Files that were handed in, without their encryption; one that no key fits stays as it is.

    Args:
        files: their names, and what is in them.
        keys: entries of a Secret; every age identity in them is tried.
    """
    known = identities(tuple(keys.values()))
    found: list[tuple[str, str]] = []
    for name, text in files:
        try:
            plain = _plain(Path(name), text.encode(), known)
        except Undecryptable:
            plain = None
        found.append((name, text if plain is None else plain.decode()))
    return tuple(found)


def plain_of(path: Path, keys: tuple[Any, ...]) -> bytes | None:
    """What a file is without its encryption; None when it has none.

    Raises:
        Undecryptable: when it has, and no key fits or it was changed.
    """
    return None if path.stat().st_size > LIMIT_BYTES else _plain(path, path.read_bytes(), keys)


def _plain(path: Path, content: bytes, keys: tuple[Any, ...]) -> bytes | None:
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


def _yaml(content: bytes, keys: tuple[Any, ...]) -> bytes | None:
    documents = [raw.document for raw in parse_documents(content, name="")]
    metadata = documents[0].get(METADATA) if documents else None
    if not isinstance(metadata, dict) or "mac" not in metadata:
        return None
    return b"\n---\n".join(orjson.dumps(document) for document in decrypt(documents, keys)) + b"\n"


def _json(content: bytes, keys: tuple[Any, ...], *, is_wrapped: bool) -> bytes | None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get(METADATA), dict):
        return None
    (found,) = decrypt([document], keys)
    return str(found.get("data", "")).encode() if is_wrapped else orjson.dumps(found)


def _dotenv(text: str, keys: tuple[Any, ...]) -> bytes | None:
    pairs = dict(lines_of(text))
    if "sops_mac" not in pairs:
        return None
    metadata = nested({name.removeprefix("sops_"): value for name, value in pairs.items() if name.startswith("sops_")})
    values = {name: value.replace("\\n", "\n") for name, value in pairs.items() if not name.startswith("sops_")}
    (found,) = decrypt([{**values, METADATA: metadata}], keys)
    return "".join(f"{name}={str(value).replace(chr(10), chr(92) + 'n')}\n" for name, value in found.items()).encode()


def _ini(text: str, keys: tuple[Any, ...]) -> bytes | None:
    parser = configparser.RawConfigParser(default_section="", strict=True, comment_prefixes=("#", ";"), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their letters
    parser.read_string(text)
    if METADATA not in parser:
        return None
    sections = {name: dict(parser[name]) for name in parser.sections() if name != METADATA}
    (found,) = decrypt([{**sections, METADATA: nested(dict(parser[METADATA]))}], keys)
    lines = (f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items()) for name, section in found.items())
    return "\n".join(lines).encode()


def _put(source: Path, target: Path, plain: bytes | None) -> None:
    if plain is not None:
        target.touch(0o600)
        target.write_bytes(plain)
    elif source.is_symlink():
        target.symlink_to(source.readlink())
    else:
        try:
            target.hardlink_to(source)
        except OSError:
            target.write_bytes(source.read_bytes())
