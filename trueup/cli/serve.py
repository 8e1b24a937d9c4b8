"""What the processes that stay have in common: settings, logs, and an end in order. Each has a room of its own.

They are imported apart, so that a receiver has nothing of the worker's in memory: the clients of Kubernetes and Git are as large as it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pydantic import ValidationError

from jobs.settings import JobSettings
from jobs.signals import until_told
from reconciler.errors import TrueupError
from reconciler.logs import configure
from trueup.cli.output import ExitCode, Failure

S = TypeVar("S", bound=JobSettings)


def load_settings(kind: type[S]) -> S:
    """Settings from the environment.

    Raises:
        Failure: naming every variable that is wrong.
    """
    try:
        return kind()
    except ValidationError as error:
        lines = [
            f"TRUEUP_{'_'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
        ]
        raise Failure("; ".join(lines), ExitCode.USAGE) from error


def serve(kind: type[S], work: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Run until told to end, or until the work fails."""
    settings = load_settings(kind)
    configure(level=settings.log_level, style=settings.log_format)
    try:
        asyncio.run(until_told(work(settings)))
    except* TrueupError as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise Failure(str(first), ExitCode.FAILED) from None
