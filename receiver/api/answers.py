"""How handlers answer, and what they read from requests."""

import asyncio
import re
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from receiver.problems import Refused

BODY_BYTES = 64 * 1024

READ_SECONDS = 10.0
"""Until all of a body has arrived."""

M = TypeVar("M", bound=BaseModel)

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "ms": 0.001}
LONGEST_WAIT_SECONDS = 300.0


def json(model: BaseModel, *, status: int = 200, location: str = "") -> web.Response:
    """A model as the answer."""
    headers = {"Location": location} if location else {}
    return web.Response(text=model.model_dump_json(), status=status, content_type="application/json", headers=headers)


async def body(request: web.Request, model: type[M], example: str) -> M:
    """The body of a request; nothing at all is an empty object.

    Raises:
        Refused: when it is none such, with an example of what it should be.
    """
    try:
        return model.model_validate_json(await read(request) or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        what = f"{where}: {first['msg']}" if where else first["msg"]
        raise Refused(400, "Bad Request", f"the body must be JSON such as {example}: {what}") from error


def seconds(text: str) -> float:
    """A duration of a query: `60s`, `2m`, at most five minutes.

    Raises:
        Refused: when it is none.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m)?", text)
    if not match:
        raise Refused(400, "Bad Request", f"{text[:20]!r} is no duration; write wait=60s")
    return min(float(match[1]) * _UNITS[match[2] or ""], LONGEST_WAIT_SECONDS)


def number(text: str, *, default: int, most: int) -> int:
    """A whole number of a query.

    Raises:
        Refused: when it is none, or not between 1 and *most*.
    """
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise Refused(400, "Bad Request", f"{text[:20]!r} must be a number from 1 to {most}")
    return int(text)


async def read(request: web.Request) -> bytes:
    """All of a request's body.

    Raises:
        Refused: when it is longer than anything that the API takes, or does not arrive.
    """
    found = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.content.iter_any():
                found += chunk
                if len(found) > BODY_BYTES:
                    raise Refused(413, "Content Too Large", f"{BODY_BYTES} bytes are the limit")
    except TimeoutError:
        raise Refused(408, "Request Timeout", f"the body did not arrive within {READ_SECONDS:g} s") from None
    return bytes(found)
