"""The way in for browsers: a token once, in a form, then a sealed cookie; it opens pages, and nothing else.

The cookie is `SameSite=Strict`. So a browser that comes from a forge's link does not send it with its first request: that gets a page which
leads on by itself, to the login, which knows the cookie and leads back.
"""

import functools
import math
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, quote

import structlog
from aiohttp import web

from receiver import metrics
from receiver.api.answers import read
from receiver.auth import Role
from receiver.front import FRONT
from receiver.middleware import ANSWER
from receiver.problems import Refused
from receiver.ui.frame import PERSON, problem, render, to
from receiver.ui.guesses import Guesses
from receiver.ui.links import local
from receiver.ui.sessions import SESSION_SECONDS, Session, Sessions

log = structlog.get_logger()

SESSIONS: web.AppKey[Sessions] = web.AppKey("sessions", Sessions)
GUESSES: web.AppKey[Guesses] = web.AppKey("guesses", Guesses)

OURS = frozenset({"same-origin", "none"})
"""Where a form may come from, as browsers say in `Sec-Fetch-Site`; old ones, and those on plain HTTP, do not.
https://www.w3.org/TR/fetch-metadata/"""

UNKNOWN = "There is no such token. Tokens are those of TRUEUP_API_TOKENS, as the command line takes them in TRUEUP_TOKEN."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def page(handler: Handler) -> Handler:
    """Answer with HTML, errors too."""

    @functools.wraps(handler)
    async def shown(request: web.Request) -> web.StreamResponse:
        request[ANSWER] = functools.partial(problem, request)
        return await handler(request)

    return shown


def behind(handler: Handler) -> Handler:
    """Show a page only to those with a session or a token; others are led to the login, whatever they asked for."""

    @functools.wraps(handler)
    async def shown(request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            request[PERSON] = request.app[FRONT].tokens.require(request, Role.VIEWER)
            return await handler(request)
        session = await session_of(request)
        if session is None:
            return _led_to_login(request)
        request[PERSON] = session.person
        return await handler(request)

    return page(shown)


async def session_of(request: web.Request) -> Session | None:
    """Whose cookie a request carries; None where there is none, or somebody logged out."""
    front = request.app[FRONT]
    session = request.app[SESSIONS].open(request.cookies.get(cookie_name(request), ""), time.time())
    if session is None or await front.redis.exists(front.keys.ended_session(session.id)):
        return None
    return session


def cookie_name(request: web.Request) -> str:
    """By which browsers keep a session; with the prefix they let no neighbour of the host plant one.

    https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
    """
    return "__Host-trueup" if _is_https(request) else "trueup"


@page
async def form(request: web.Request) -> web.Response:
    """The form; who has a session is led on."""
    target = local(request.query.get("next", ""))
    if await session_of(request):
        return to(request, target)
    return render(request, "login.html", target=target, message="")


@page
async def enter(request: web.Request) -> web.Response:
    """Open a session for who has a token."""
    _refuse_foreign(request)
    target, text = _given(await read(request))
    address, guesses = request.remote or "", request.app[GUESSES]
    if wait_seconds := math.ceil(guesses.wait_seconds(address, time.monotonic())):
        return _limited(request, target, wait_seconds)
    token = request.app[FRONT].tokens.find(text)
    if token is None:
        guesses.wrong(address, time.monotonic())
        metrics.LOGINS.labels("refused").inc()
        log.warning("login.refused", address=address)
        return render(request, "login.html", status=401, target=target, message=UNKNOWN)
    metrics.LOGINS.labels("accepted").inc()
    log.info("login.accepted", person=token.owner.name, address=address)
    response = to(request, target)
    response.set_cookie(
        cookie_name(request), request.app[SESSIONS].seal(token, time.time()),
        max_age=SESSION_SECONDS, path="/", httponly=True, samesite="Strict", secure=_is_https(request),
    )  # fmt: skip
    return response


@page
async def leave(request: web.Request) -> web.Response:
    """End a session, for whoever else may have its cookie too."""
    _refuse_foreign(request)
    front = request.app[FRONT]
    response = to(request, "login")
    if session := await session_of(request):
        await front.redis.set(front.keys.ended_session(session.id), "1", ex=SESSION_SECONDS)
        response.del_cookie(cookie_name(request), path="/", httponly=True, samesite="Strict", secure=_is_https(request))
    return response


def _given(body: bytes) -> tuple[str, str]:
    """Where somebody wants to go, and their token; a form that is none has neither."""
    try:
        fields = parse_qs(body.decode(errors="replace"), max_num_fields=10)
    except ValueError:
        fields = {}
    return local(fields.get("next", [""])[0]), fields.get("token", [""])[0]


def _limited(request: web.Request, target: str, wait_seconds: int) -> web.Response:
    """Nothing is looked at: or guessing would only be counted."""
    metrics.LOGINS.labels("limited").inc()
    message = (
        f"Too many wrong tokens from your address; try again in {wait_seconds} s. The API and the command line work meanwhile."
    )
    response = render(request, "login.html", status=429, target=target, message=message)
    response.headers["Retry-After"] = str(wait_seconds)
    return response


def _led_to_login(request: web.Request) -> web.Response:
    target = local(request.rel_url.raw_path_qs.lstrip("/"))
    response = render(request, "led.html", status=401, refresh_to=f"login?next={quote(target, safe='')}")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _refuse_foreign(request: web.Request) -> None:
    """Let no other site log anybody in or out.

    Raises:
        Refused: when the form is not one of ours.
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in OURS:
        raise Refused(403, "Forbidden", "another site sent this form; open Trueup itself, and log in there")


def _is_https(request: web.Request) -> bool:
    return request.app[FRONT].settings.public_url.startswith("https://")
