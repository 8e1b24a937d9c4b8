"""Logs of every process: one line an event, `key=value` for people or JSON for machines, with secrets taken out.

Names of events are constants of the rooms that write them; context (request, job, application, sync) is bound with
`structlog.contextvars` for the length of a block, so that one sync's story can be followed by its `sync_id`.
"""

import functools
import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import orjson
import structlog

from reconciler.urls import redact

SECRET_KEYS = re.compile(
    r"authorization|cookie|credential|passw(or)?d|passphrase|private|secret|token|(api|master|webhook|signing|access)[-_]?keys?$",
    re.IGNORECASE,
)
"""Keys whose values are never written. A `key` alone is the name of an object or of a Secret's entry, never its content."""

MASK = "***"

_BEARER = re.compile(r"\b(bearer|basic|token)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_ASSIGNED = re.compile(r"\b((?:[\w-]*(?:token|secret|password))[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+", re.IGNORECASE)

MOST_DEPTH = 6
"""Of values within values; what is deeper is left out."""

Format = Literal["auto", "console", "json"]


def configure(*, level: str = "info", style: Format = "auto") -> None:
    """Set up structlog and the standard library's logging for this process; `auto` is console on a terminal, else JSON.

    Our own lines are written by structlog itself, a tenth of the time that the standard library's way takes; what libraries log
    takes that way, and looks the same.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        mask,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, _as_line if as_json else _console()],
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer) if as_json else structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        cache_logger_on_first_use=True,
    )
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[remove, _as_text if as_json else _console()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("arq").setLevel(
        logging.CRITICAL
    )  # `jobs.queue` tells what goes wrong; its lines repeat that, with arguments
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # the middleware writes one line a request


def _console() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _as_line(_: object, __: str, event: MutableMapping[str, Any]) -> bytes:
    """One line of JSON."""
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # a number beyond 64 bits, or half a character; the slow way writes those too
        return json.dumps(event, default=str).encode()


def _as_text(logger: object, name: str, event: MutableMapping[str, Any]) -> str:
    return _as_line(logger, name, event).decode()


def mask(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of an event: values of telling keys at any depth, and credentials within texts."""
    for key, value in event.items():
        event[key] = _masked(key, value, 0)
    return event


@functools.lru_cache(maxsize=1024)
def _is_telling(key: str) -> bool:
    return SECRET_KEYS.search(key) is not None


def _masked(key: str, value: Any, depth: int) -> Any:
    if value and _is_telling(key) and not isinstance(value, bool):
        return MASK
    match value:
        case str():
            return _redacted(value)
        case int() | float() | None:
            return value
        case bytes():
            return f"{len(value)} bytes"
        case _ if depth >= MOST_DEPTH:
            return "…"
        case Mapping():
            return {str(inner): _masked(str(inner), entry, depth + 1) for inner, entry in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked("", entry, depth + 1) for entry in value]
        case BaseException():
            return _redacted(f"{type(value).__name__}: {value}")
    return value


def _redacted(text: str) -> str:
    if "://" in text:
        text = redact(text)
    if " " in text:
        text = _BEARER.sub(rf"\1 {MASK}", text)
    return _ASSIGNED.sub(rf"\1{MASK}", text) if "=" in text or ":" in text else text
