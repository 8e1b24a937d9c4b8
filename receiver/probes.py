"""Health, readiness and metrics of the receiver."""

import asyncio

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError

from jobs.metrics import REGISTRY as JOB_REGISTRY
from jobs.probes import CHECK_SECONDS
from receiver.auth import Role
from receiver.front import FRONT
from receiver.metrics import REGISTRY


async def healthz(_: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """200 once Redis answers; names what does not."""
    front = request.app[FRONT]
    checks = {"redis": "", "scopes": ""}
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await front.redis.ping()
            if await front.scopes() is None:
                checks["scopes"] = "no worker has said yet which repositories there are; webhooks get 503"
    except (RedisError, OSError) as error:
        checks["redis"] = f"Redis does not answer: {str(error) or f'not within {CHECK_SECONDS:g} s'}"
    is_ready = not checks["redis"]
    return web.json_response({"status": "ok" if is_ready else "failing", "checks": checks}, status=200 if is_ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """Prometheus' text; in one process with a worker, its metrics too."""
    front = request.app[FRONT]
    if not front.settings.metrics_open:
        front.tokens.require(request, Role.VIEWER)
    body = generate_latest(REGISTRY) + generate_latest(JOB_REGISTRY)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
