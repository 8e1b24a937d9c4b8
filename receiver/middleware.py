"""Around every request: an id, a log line, metrics, and every error as problem+json; never a traceback outside."""

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from aiohttp import web
from redis.exceptions import RedisError

from receiver import metrics
from receiver.problems import Refused, answer
from reconciler.errors import Transient

log = structlog.get_logger()

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Probes and scrapers come every few seconds; they are counted, not logged."""

TOLD = "/webhooks/{provider}/{scope}"
"""A webhook that was taken has its own line, `delivery.received`."""

ASTRAY = f"webhooks are taken at {TOLD}; trueup webhook show prints the address"
"""Told to whoever posts where nothing is."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Teller(Protocol):
    """How an error is told."""

    def __call__(self, refused: Refused, request_id: str, /) -> web.Response:
        """The answer that an error is; the id is the request's."""
        ...


ANSWER: web.RequestKey[Teller] = web.RequestKey("answer")
"""How the errors of a request are told; left out: as problem+json."""


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle one request."""
    given = request.headers.get("X-Request-ID", "")
    request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    began = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request=request_id):
        response = await _handled(request, handler, request_id)
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "unknown"
        seconds = time.perf_counter() - began
        metrics.REQUESTS.labels(route, str(response.status)).inc()
        metrics.REQUEST_SECONDS.labels(route).observe(seconds)
        if route not in QUIET and not (route == TOLD and response.status < 300):
            log.info("request.finished", method=request.method, route=route, status=response.status, seconds=round(seconds, 4))
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-ID"] = request_id
    return response


async def _handled(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    def told(refused: Refused) -> web.Response:
        tell: Teller = request.get(ANSWER, answer)
        return tell(refused, request_id)

    try:
        return await handler(request)
    except Refused as refused:
        return told(refused)
    except Transient as error:
        return told(Refused(503, "Service Unavailable", str(error), retry_after=5))
    except web.HTTPException as error:
        is_astray = request.method == "POST" and request.match_info.route.resource is None
        response = told(Refused(error.status, error.reason, ASTRAY if is_astray else ""))
        response.headers.update({name: value for name, value in error.headers.items() if name == "Allow"})
        return response
    except (RedisError, OSError) as error:
        if request.transport is None:  # whoever asked is gone, and reads no answer
            return told(Refused(400, "Bad Request", "the connection was lost"))
        log.warning("request.unavailable", route=request.path, error=f"{type(error).__name__}: {error}")
        return told(Refused(503, "Service Unavailable", "Redis does not answer; try again", retry_after=5))
    except Exception:  # the outermost: nobody gets a traceback, and the log has it
        log.exception("request.crashed", route=request.path)
        return told(Refused(500, "Internal Server Error", "the log says more under this request's id"))
