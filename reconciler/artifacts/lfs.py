"""Git LFS: the pointers that stand in Git, and what is asked of a server and answered for them. Pure.

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from reconciler.urls import HOSTS, GitUrl, redact

POINTER_BYTES = 1024
"""A longer file is no pointer."""

MEDIA_TYPE = "application/vnd.git-lfs+json"
AT_ONCE = 100
"""Files in one question."""

_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,14})\n?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OWN = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "proxy-authorization"})
"""Headers that are about the connection, and not the server's to choose."""

_OTHER_NAMES = {name: names[0] for names in HOSTS.values() for name in names}
"""Hosts that take SSH on port 443, and their names by https."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What stands in Git for a file that a server keeps."""

    oid: str
    """SHA-256 of the file, in hex."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class Action:
    """How one file is got; shown nowhere, since a signed address opens it."""

    href: str
    headers: Mapping[str, str] = field(default_factory=dict)


def parse_pointer(content: bytes) -> Pointer | None:
    """The pointer that a file is; None when it is none, or one of an extension, which nobody here could undo."""
    match = _POINTER.fullmatch(content) if len(content) <= POINTER_BYTES else None
    return Pointer(match[1].decode(), int(match[2])) if match else None


def endpoint(url: str) -> str:
    """Where the LFS server of an http address is, unless the host says otherwise."""
    bare = url.rstrip("/")
    return f"{bare}/info/lfs" if bare.endswith(".git") else f"{bare}.git/info/lfs"


def question(pointers: Sequence[Pointer]) -> bytes:
    """The body that asks for files."""
    objects = [{"oid": pointer.oid, "size": pointer.size} for pointer in pointers]
    return orjson.dumps({"operation": "download", "transfers": ["basic"], "objects": objects, "hash_algo": "sha256"})


def parse_answer(body: bytes) -> Mapping[str, Action | str]:
    """What a server says of each file, by its id: how it is got, or why not.

    Raises:
        ValueError: when that is no answer to the question.
    """
    document = _object(body)
    if document.get("transfer", "basic") != "basic":
        raise ValueError("the server wants another way of transfer than the basic one")
    listed = document.get("objects")
    if not isinstance(listed, list):
        raise ValueError("the server's answer is none of Git LFS")  # noqa: TRY004 - as whatever else is wrong with it
    found: dict[str, Action | str] = {}
    for entry in listed:
        if isinstance(entry, dict) and isinstance(oid := entry.get("oid"), str):
            found[oid] = _said(entry)
    return found


def parse_granted(body: bytes, url: GitUrl) -> Action:
    """What `git-lfs-authenticate` printed: where the LFS server of an ssh address is, and with which headers.

    Raises:
        ValueError: when it is none, or on another host.
    """
    action = _action(_object(body))
    if action is None:
        raise ValueError("the host's answer to git-lfs-authenticate names no address")
    host = urlsplit(action.href).hostname or ""
    if host != _OTHER_NAMES.get(url.host, url.host):
        raise ValueError(f"the host names an LFS server elsewhere, {redact(action.href)}; only {url.host} itself is asked")
    return Action(action.href.rstrip("/"), action.headers)


def _said(entry: Mapping[str, Any]) -> Action | str:
    error = entry.get("error")
    if isinstance(error, dict):
        return f"the server says: {str(error.get('message') or error.get('code'))[:200]!r}"
    actions = entry.get("actions")
    download = actions.get("download") if isinstance(actions, dict) else None
    action = _action(download) if isinstance(download, dict) else None
    return action or "the server does not have it; run git lfs push --all where it is"


def _action(said: Mapping[str, Any]) -> Action | None:
    href, header = said.get("href"), said.get("header") or {}
    if not isinstance(href, str) or not isinstance(header, dict):
        return None
    headers = {
        name: value
        for name, value in header.items()
        if isinstance(value, str) and _HEADER.fullmatch(name) and value.isprintable() and len(value) < 8192
    }
    return Action(href, {name: value for name, value in headers.items() if name.lower() not in _OWN})


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError("the server's answer is no JSON") from error
    if not isinstance(document, dict):
        raise ValueError("the server's answer is none of Git LFS")  # noqa: TRY004 - as whatever else is wrong with it
    return document
