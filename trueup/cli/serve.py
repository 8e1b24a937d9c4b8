"""`trueup up`, `receiver` and `worker`: the processes that stay."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from jobs.connection import redis_url
from jobs.settings import JobSettings
from jobs.signals import until_told
from jobs.worker import serve as serve_worker
from receiver.app import serve as serve_receiver
from receiver.settings import ReceiverSettings
from reconciler.errors import TrueupError
from reconciler.logs import configure
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


def _run(kind: type[S], serve: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    settings = load_settings(kind)
    configure(level=settings.log_level, style=settings.log_format)
    try:
        asyncio.run(until_told(serve(settings)))
    except* TrueupError as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise Failure(str(first), ExitCode.FAILED) from None
