"""`python -m jobs`: a worker with the settings of the environment."""

import asyncio
import gc

from jobs.connection import redis_url
from jobs.settings import JobSettings
from jobs.signals import until_told
from jobs.worker import serve
from reconciler.logs import configure


async def main() -> None:
    """Work until SIGTERM or SIGINT."""
    settings = JobSettings()
    configure(level=settings.log_level, style=settings.log_format)
    async with redis_url(settings) as url:
        await until_told(serve(settings, url))


if __name__ == "__main__":
    gc.freeze()  # as `trueup.cli.serve`
    asyncio.run(main())
