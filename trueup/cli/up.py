"""`trueup up`."""

import click

from receiver.settings import ReceiverSettings
from trueup.cli.serve import serve
from trueup.up import up as both


@click.command(epilog="Example: TRUEUP_WEBHOOK_KEYS=$(openssl rand -hex 32) TRUEUP_DECLARATIONS=deploy/examples trueup up")
def up() -> None:
    """Run receiver and worker in one process; without TRUEUP_REDIS_URL on an embedded Valkey."""
    serve(ReceiverSettings, both)
