"""`python -m receiver`: a receiver with the settings of the environment."""

import asyncio
import gc

from jobs.connection import redis_url
from jobs.signals import until_told
from receiver.app import serve
from receiver.settings import ReceiverSettings
from reconciler.logs import configure


async def main() -> None:
    """Answer until SIGTERM or SIGINT."""
    settings = ReceiverSettings()
    configure(level=settings.log_level, style=settings.log_format)
    async with redis_url(settings) as url:
        await until_told(serve(settings, url))


if __name__ == "__main__":
    gc.freeze()  # as `trueup.cli.serve`
    asyncio.run(main())
