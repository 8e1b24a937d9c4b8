"""Errors as people and programs read them: problem+json, RFC 9457."""

from aiohttp import web

from receiver.schemas import Problem

CONTENT_TYPE = "application/problem+json"


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, title: str, detail: str = "", *, retry_after: int = 0) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after = retry_after


def answer(refused: Refused, request_id: str) -> web.Response:
    """The answer that an error is."""
    problem = Problem(title=refused.title, status=refused.status, detail=refused.detail, request=request_id)
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(text=problem.model_dump_json(), status=refused.status, content_type=CONTENT_TYPE, headers=headers)


def not_found() -> Refused:
    """Absent and forbidden look the same."""
    return Refused(404, "Not Found", "there is no such thing, or this token may not see it")
