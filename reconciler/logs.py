"""Logs of every process: one line an event, `key=value` for people or JSON for machines, with secrets taken out.

Names of events are constants of the rooms that write them; context (request, job, application, sync) is bound with
`structlog.contextvars` for the length of a block.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from reconciler.urls import redact

SECRET_KEYS = re.compile(r"authorization|password|secret|token|api[-_]?key|private", re.IGNORECASE)
"""Keys whose values are never written."""

Format = Literal["auto", "console", "json"]


def configure(*, level: str = "info", style: Format = "auto") -> None:
    """Set up structlog and the standard library's logging for this process; `auto` is console on a terminal, else JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask,
    ]
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("arq").setLevel(logging.WARNING)  # its lines repeat ours, with arguments
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # the middleware writes one line a request


def mask(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take secrets out of an event: values of telling keys, and credentials in addresses."""
    for key, value in event.items():
        if SECRET_KEYS.search(key) and value:
            event[key] = "***"
        elif isinstance(value, str):
            event[key] = redact(value)
    return event
