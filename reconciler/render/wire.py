"""What passes between the worker and a rendering child: one order, then one answer for each of its requests, as framed JSON."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from reconciler import errors
from reconciler.errors import InvalidManifest, RenderFailed, TrueupError
from reconciler.model.declared import Name
from reconciler.model.objects import RawDocument
from reconciler.model.rendering import RenderOptions
from reconciler.render.locks import MOST_BYTES, Lock, Locked
from reconciler.render.result import LIMIT_OUTPUT_BYTES, Given, Rendered, RenderRequest
from reconciler.render.revive import revive

HEADER = struct.Struct("!I")
"""The length of the frame that follows."""

Answer: TypeAlias = Rendered | TrueupError

PLAIN, NOTHING = RenderOptions(), Given()


@dataclass(frozen=True, slots=True)
class Order:
    """One child's work, and what it may use for it."""

    root: Path
    requests: tuple[RenderRequest, ...]
    memory_bytes: int
    cpu_seconds: int
    """For each request."""


def frame(content: bytes) -> bytes:
    """The content with its length before it."""
    return HEADER.pack(len(content)) + content


def encode_order(root: Path, requests: Sequence[RenderRequest], *, memory_bytes: int, cpu_seconds: int) -> bytes:
    """The order as bytes."""
    entries = [(str(r.application), r.path, _unless(PLAIN, r.options), _unless(NOTHING, r.given)) for r in requests]
    return orjson.dumps([os.path.realpath(root), entries, memory_bytes, cpu_seconds])


def _unless(usual: object, value: object) -> object:
    """What is usual need not be said, ten thousand times."""
    return None if value == usual else value


def decode_order(content: bytes) -> Order:
    """The order that was encoded."""
    root, entries, memory_bytes, cpu_seconds = orjson.loads(content)
    requests = tuple(
        RenderRequest(Name.parse(application), path, revive(RenderOptions, options) or PLAIN, revive(Given, given) or NOTHING)
        for application, path, options, given in entries
    )
    return Order(Path(root), requests, memory_bytes, cpu_seconds)


def encode_answer(request: RenderRequest, answer: Answer) -> bytes:
    """The answer as bytes; one that is too large becomes the error that says so."""
    if isinstance(answer, TrueupError):
        return orjson.dumps({"error": type(answer).__name__, "message": str(answer)})
    documents = [(raw.source, raw.document) for raw in answer.documents]
    content = orjson.dumps([documents, sorted(answer.read), sorted(answer.probed), answer.tool])
    if len(content) > LIMIT_OUTPUT_BYTES:
        what = f"{request.path or '.'}: renders to more than {LIMIT_OUTPUT_BYTES >> 20} MiB"
        return encode_answer(request, InvalidManifest(f"{what}; split the application"))
    return content


def encode_locked(locked: Locked) -> bytes:
    """Instead of an answer: which files have to be opened first."""
    return orjson.dumps({"locked": [(lock.file, lock.metadata[: MOST_BYTES + 1]) for lock in locked.locks]})


def decode_answer(content: bytes) -> Answer | Locked:
    """The documents, or the error that the child told of, or the files that have to be opened first."""
    answer: Any = orjson.loads(content)
    if isinstance(answer, dict) and "locked" in answer:
        return Locked(tuple(Lock(file, metadata) for file, metadata in answer["locked"]))
    if isinstance(answer, dict):
        kind: type[TrueupError] = getattr(errors, answer["error"], RenderFailed)
        return kind(answer["message"])
    documents, read, probed, tool = answer
    return Rendered(
        tuple(RawDocument(document, source) for source, document in documents), frozenset(read), frozenset(probed), tool
    )
