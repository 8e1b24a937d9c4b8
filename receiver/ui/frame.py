"""What every page is made with: templates that escape everything, headers that allow nothing but the style sheet, and errors as pages."""

import hashlib
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from receiver.auth import Person
from receiver.problems import Refused
from receiver.ui import words
from receiver.ui.links import root_of

HERE = Path(__file__).parent
STYLE = (HERE / "style.css").read_bytes()
VERSION = hashlib.sha256(STYLE).hexdigest()[:12]
"""Of the style sheet; in its address, so that browsers may keep it."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""Beside those of every answer."""

PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)
"""Who looks at a page, once that is known."""


def _finalize(value: object) -> object:
    """What is shown of a value; names and messages come from others. What a macro made is HTML already (`__html__`)."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else words.plain(value)


ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update({name: getattr(words, name) for name in ("short", "moment", "clock", "named", "mark", "part")})


def render(request: web.Request, name: str, *, status: int = 200, **values: object) -> web.Response:
    """A page from its template."""
    known: dict[str, object] = {
        "root": root_of(request.rel_url.raw_path),
        "person": request.get(PERSON),
        "version": VERSION,
        "refresh_seconds": 0,
        "refresh_to": "",
    }
    text = ENVIRONMENT.get_template(name).render(known | values)
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def problem(request: web.Request, refused: Refused, request_id: str) -> web.Response:
    """An error as a page."""
    response = render(request, "problem.html", status=refused.status, problem=refused, request_id=request_id)
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def to(request: web.Request, target: str) -> web.Response:
    """Send the browser to another page."""
    return web.Response(status=303, headers={"Location": root_of(request.rel_url.raw_path) + target})


async def style(_: web.Request) -> web.Response:
    """The style sheet; it is the same for everybody."""
    return web.Response(body=STYLE, content_type="text/css", headers={"Cache-Control": "public, max-age=86400"})
