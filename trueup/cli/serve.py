"""What the processes that stay have in common: settings, logs, and an end in order. Each has a room of its own.

They are imported apart, so that a receiver has nothing of the worker's in memory: the clients of Kubernetes and Git are as large as it.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import SettingsError

from jobs.settings import JobSettings
from jobs.signals import until_told
from receiver.settings import ReceiverSettings
from reconciler.errors import InvalidDeclaration, TrueupError
from reconciler.logs import configure
from reconciler.settings import unknown_keys, variable_of
from trueup.cli.output import ExitCode, Failure

S = TypeVar("S", bound=JobSettings)


def load_settings(kind: type[S]) -> S:
    """Settings from the environment and the file.

    Raises:
        Failure: naming every variable that is wrong.
    """
    try:
        unknown = unknown_keys(ReceiverSettings)  # one file may serve all processes
        found = kind()
    except ValidationError as error:
        told = (f"{_variable(kind, str(e['loc'][0]))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors())
        raise Failure("; ".join(told), ExitCode.USAGE) from error
    except SettingsError as error:
        raise Failure(f"a setting is no JSON: {error}", ExitCode.USAGE) from error
    except InvalidDeclaration as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    if unknown:
        raise Failure(f"TRUEUP_CONFIG: there is no setting {', '.join(unknown)}; see docs/configuration.md", ExitCode.USAGE)
    return found


def _variable(kind: type[JobSettings], name: str) -> str:
    return variable_of(name, kind.model_fields[name]) if name in kind.model_fields else name


def serve(kind: type[S], work: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Run until told to end, or until the work fails."""
    settings = load_settings(kind)
    configure(level=settings.log_level, style=settings.log_format)
    gc.freeze()  # modules stay: looked through for cycles again and again, they held one delivery in a hundred up for 60 ms
    try:
        asyncio.run(until_told(work(settings)))
    except* TrueupError as errors:
        raise Failure(str(_first(errors)), ExitCode.FAILED) from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
