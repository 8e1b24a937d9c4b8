"""`trueup worker`."""

import click

from jobs.connection import redis_url
from jobs.settings import JobSettings
from jobs.worker import serve as work
from trueup.cli.serve import serve


@click.command(epilog="Example: TRUEUP_REDIS_URL=redis://valkey:6379/0 TRUEUP_DECLARATIONS=deploy/examples trueup worker")
def worker() -> None:
    """Run a worker: jobs, and the clusters whose leases it gets; any number on one Redis."""
    serve(JobSettings, _work)


async def _work(settings: JobSettings) -> None:
    async with redis_url(settings) as url:
        await work(settings, url)
