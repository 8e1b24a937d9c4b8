"""`trueup up`, `receiver` and `worker`: the processes that stay."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from pydantic_settings import SettingsError

from jobs.connection import redis_url
from jobs.settings import JobSettings
from jobs.signals import until_told
from jobs.worker import serve as serve_worker
from receiver.app import serve as serve_receiver
from receiver.settings import ReceiverSettings
from reconciler.errors import InvalidDeclaration, TrueupError
from reconciler.logs import configure
from reconciler.settings import unknown_keys, variable_of
from trueup.cli.output import ExitCode, Failure
from trueup.up import up as serve_both

S = TypeVar("S", bound=JobSettings)


@click.command(epilog="Example: TRUEUP_WEBHOOK_KEYS=$(openssl rand -hex 32) TRUEUP_DECLARATIONS=deploy/examples trueup up")
def up() -> None:
    """Run receiver and worker in one process; without TRUEUP_REDIS_URL on an embedded Valkey."""
    _run(ReceiverSettings, serve_both)


@click.command(epilog="Example: TRUEUP_REDIS_URL=redis://valkey:6379/0 TRUEUP_LISTEN=0.0.0.0:8080 trueup receiver")
def receiver() -> None:
    """Run a receiver: webhooks and the API; any number on one Redis."""

    async def serve(settings: ReceiverSettings) -> None:
        async with redis_url(settings) as url:
            await serve_receiver(settings, url)

    _run(ReceiverSettings, serve)


@click.command(epilog="Example: TRUEUP_REDIS_URL=redis://valkey:6379/0 TRUEUP_DECLARATIONS=deploy/examples trueup worker")
def worker() -> None:
    """Run a worker: jobs, and the clusters whose leases it gets; any number on one Redis."""

    async def serve(settings: JobSettings) -> None:
        async with redis_url(settings) as url:
            await serve_worker(settings, url)

    _run(JobSettings, serve)


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


def _run(kind: type[S], serve: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    settings = load_settings(kind)
    configure(level=settings.log_level, style=settings.log_format)
    try:
        asyncio.run(until_told(serve(settings)))
    except* TrueupError as errors:
        raise Failure(str(_first(errors)), ExitCode.FAILED) from None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
