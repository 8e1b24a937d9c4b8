"""Receiver and worker in one process, on the Redis of the settings or an embedded Valkey."""

import asyncio

import structlog

from jobs.connection import redis_url
from jobs.worker import serve as serve_worker
from receiver.app import serve as serve_receiver
from receiver.settings import ReceiverSettings

log = structlog.get_logger()


async def up(settings: ReceiverSettings) -> None:
    """Run both until cancelled; when one ends, so does the other."""
    async with redis_url(settings) as url, asyncio.TaskGroup() as group:
        group.create_task(serve_worker(settings, url))
        group.create_task(serve_receiver(settings, url))
