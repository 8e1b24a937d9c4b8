"""The receiver's composition root: built from settings and a Redis, taken down in reverse."""

import asyncio
import logging
from collections.abc import AsyncIterator

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from jobs.connection import Redis, connect
from jobs.intake import Intake
from jobs.keys import Keys
from jobs.probes import listen
from jobs.questions import Questions
from jobs.store.applications import ApplicationStore
from jobs.store.jobs import JobStore
from receiver import probes, webhooks
from receiver.api import openapi
from receiver.api.events import distribute, end_streams
from receiver.api.routes import ROUTES
from receiver.auth import Tokens
from receiver.front import FRONT, Front
from receiver.keys import KeyRing
from receiver.middleware import around
from receiver.refusals import Refusals
from receiver.settings import ReceiverSettings
from receiver.ui import routes as ui
from reconciler.errors import Stalled

log = structlog.get_logger()

IDLE_SECONDS = 75.0
"""Until a connection without a whole request is closed; longer than load balancers keep one."""


def create_app(settings: ReceiverSettings, url: str) -> web.Application:
    """The application of one receiver.

    Raises:
        Stalled: without a webhook key: unsigned deliveries are never accepted.
    """
    if not settings.webhook_keys:
        raise Stalled("TRUEUP_WEBHOOK_KEYS is not set; webhook secrets are derived from it: openssl rand -hex 32")
    app = web.Application(middlewares=[around], client_max_size=settings.body_limit)
    redis = connect(url)
    app[FRONT] = _front(settings, redis)
    app[webhooks.BUDGET] = webhooks.Budget(max(settings.body_budget, settings.body_limit))
    app[webhooks.REFUSALS] = Refusals()
    app.cleanup_ctx.append(_tasks)
    app.on_shutdown.append(end_streams)
    app.router.add_post("/webhooks/{provider}/{scope:.+}", webhooks.receive)
    app.router.add_get("/healthz", probes.healthz)
    app.router.add_get("/readyz", probes.readyz)
    app.router.add_get("/metrics", probes.metrics)
    app.router.add_get("/openapi.json", openapi.get)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
    ui.add_to(app)
    return app


def _front(settings: ReceiverSettings, redis: Redis) -> Front:
    keys = Keys(settings.instance)
    jobs = JobStore(redis, keys, retention_seconds=settings.retention)
    chosen = {scope: secret.get_secret_value().encode() for scope, secret in settings.webhook_secrets.items()}
    return Front(
        settings=settings,
        redis=redis,
        keys=keys,
        jobs=jobs,
        applications=ApplicationStore(redis, keys),
        intake=Intake(redis, jobs, keys, durable_seconds=settings.durable_timeout),
        questions=Questions(redis, keys),
        ring=KeyRing(settings.master_keys, chosen),
        tokens=Tokens(settings.api_tokens),
    )


async def _tasks(app: web.Application) -> AsyncIterator[None]:
    """What runs beside the requests."""
    front = app[FRONT]
    tasks = [asyncio.create_task(front.intake.flush_forever()), asyncio.create_task(distribute(front))]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await front.redis.aclose()


def runner(settings: ReceiverSettings, url: str) -> web.AppRunner:
    """The application as it is served: bodies as they were sent, so that nothing is unpacked before it is known to be authentic."""
    served = logging.getLogger("aiohttp.server")
    served.addFilter(_is_ours)  # a second time changes nothing
    return web.AppRunner(
        create_app(settings, url),
        access_log=None,
        logger=served,
        keepalive_timeout=IDLE_SECONDS,
        shutdown_timeout=5.0,
        auto_decompress=False,
    )


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a line is about Trueup; what is no HTTP gets its 400, and anybody may send as much of it as they like."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def serve(settings: ReceiverSettings, url: str) -> None:
    """Answer until cancelled.

    Raises:
        Stalled: when it cannot listen where it is told to.
    """
    served = runner(settings, url)
    await served.setup()
    try:
        await listen(served, settings.listen, "TRUEUP_LISTEN")
        log.info("receiver.started", listen=settings.listen, instance=settings.instance)
        await asyncio.Event().wait()
    finally:
        await served.cleanup()
