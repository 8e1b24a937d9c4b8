"""What happens, as it happens: one subscription to Redis for all, server-sent events for those who ask.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import structlog
from aiohttp import web
from redis.exceptions import RedisError

from receiver.auth import Role
from receiver.front import END, FRONT, Front, Listener

log = structlog.get_logger()

BACKLOG = 1000
"""Events that wait for a slow reader; it misses what comes after."""

BEAT_SECONDS = 15.0
"""A comment keeps proxies from closing a silent connection."""

RETRY_SECONDS = 0.5


@contextmanager
def listening(front: Front) -> Iterator[Listener]:
    """A queue of what happens while the block runs."""
    queue: Listener = asyncio.Queue(BACKLOG)
    front.listeners.add(queue)
    try:
        yield queue
    finally:
        front.listeners.discard(queue)


async def distribute(front: Front) -> None:
    """Hand every event of Redis to all that listen, until cancelled."""
    while True:
        try:
            async for event in front.jobs.subscribe():
                for queue in tuple(front.listeners):
                    with contextlib.suppress(asyncio.QueueFull):
                        queue.put_nowait(event)
        except (RedisError, OSError) as error:
            log.warning("events.lost", error=str(error))
        await asyncio.sleep(RETRY_SECONDS)


async def end_streams(app: web.Application) -> None:
    """The receiver stops: whoever listens is told, so that nobody holds it up."""
    for queue in app[FRONT].listeners:
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(END)


async def stream(request: web.Request) -> web.StreamResponse:
    """`GET /api/v1/events`: `event: job` or `application`, with id and state."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    with listening(front) as events:
        while True:
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    event = await events.get()
                if event is END:
                    return response
                text = f"event: {event['type']}\ndata: {orjson.dumps(event).decode()}\n\n"
            except TimeoutError:
                text = ": still here\n\n"
            try:
                await response.write(text.encode())
            except (ConnectionResetError, asyncio.CancelledError):
                return response
