"""`trueup receiver`."""

import click

from jobs.connection import redis_url
from receiver.app import serve as answer
from receiver.settings import ReceiverSettings
from trueup.cli.serve import serve


@click.command(epilog="Example: TRUEUP_REDIS_URL=redis://valkey:6379/0 TRUEUP_LISTEN=0.0.0.0:8080 trueup receiver")
def receiver() -> None:
    """Run a receiver: webhooks and the API; any number on one Redis."""
    serve(ReceiverSettings, _answer)


async def _answer(settings: ReceiverSettings) -> None:
    async with redis_url(settings) as url:
        await answer(settings, url)
