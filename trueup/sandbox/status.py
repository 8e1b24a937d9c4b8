"""Refusals: the `Status` object that the API server answers when it does not do what was asked.

Reasons and codes: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
(section "Error codes"). The wording follows the real server where clients are known to read it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong: `reason` as in `FieldValueInvalid`, the message without the field, the field's path."""

    reason: str
    message: str
    field: str


class Refused(Exception):
    """The request is answered with this Status and nothing has happened."""

    is_plain = False
    """Is it said in plain text, as it is where no API is that could say it?"""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details

    def status(self) -> dict[str, Any]:
        """The Status object."""
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": str(self)}
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}


def success(details: dict[str, Any]) -> dict[str, Any]:
    """The Status object of a deletion that left nothing behind."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def bad_request(message: str) -> Refused:
    """400: the request cannot be understood."""
    return Refused(400, "BadRequest", message)


def unnamed_error(message: str) -> Refused:
    """500 without a reason: what the server says to a typed apply patch that does not fit the schema."""
    return Refused(500, "", message)


class NoSuchPath(Refused):
    """404 where there is no such group, or no such resource of a definition."""

    is_plain = True

    def __init__(self) -> None:
        super().__init__(404, "NotFound", "404 page not found\n")


def no_such_resource() -> Refused:
    """404 for a resource that a built-in group does not serve."""
    return Refused(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> Refused:
    """405."""
    return Refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def not_acceptable(available: str) -> Refused:
    """406: no representation that the client asked for."""
    return Refused(406, "NotAcceptable", f"only the following media types are accepted: {available}", {})


def unsupported_media_type(message: str) -> Refused:
    """415: a body in a format that is not read here."""
    return Refused(415, "UnsupportedMediaType", message, {})


def not_found(plural: str, group: str, name: str) -> Refused:
    """404 for an object that is not there."""
    return Refused(404, "NotFound", f'{qualified(plural, group)} "{name}" not found', _details(plural, group, name))


def already_exists(plural: str, group: str, name: str) -> Refused:
    """409 for a create under a name that is taken."""
    return Refused(409, "AlreadyExists", f'{qualified(plural, group)} "{name}" already exists', _details(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str) -> Refused:
    """409: a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return Refused(409, "Conflict", message, _details(plural, group, name))


def forbidden(plural: str, group: str, name: str, why: str, causes: Sequence[Cause] = ()) -> Refused:
    """403: the server does not do this to anybody."""
    details = _details(plural, group, name) | ({"causes": _causes(causes)} if causes else {})
    return Refused(403, "Forbidden", f'{qualified(plural, group)} "{name}" is forbidden: {why}', details)


def expired(oldest: int, asked: int) -> Refused:
    """410: the history does not reach that far back; list again."""
    return Refused(410, "Expired", f"too old resource version: {asked} ({oldest})")


def invalid(kind: str, group: str, name: str, causes: Iterable[Cause]) -> Refused:
    """422 with one cause for every field that is wrong."""
    listed = list(causes)
    words = [f"{cause.field}: {cause.message}" for cause in listed]
    summary = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    details = {"name": name, "group": group, "kind": kind, "causes": _causes(listed)}
    return Refused(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {summary}', _present(details))


def qualified(name: str, group: str) -> str:
    """`deployments.apps`; the core group has no name."""
    return f"{name}.{group}" if group else name


def _details(kind: str, group: str, name: str) -> dict[str, Any]:
    return _present({"name": name, "group": group, "kind": kind})


def _present(details: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in details.items() if value}


def _causes(causes: Iterable[Cause]) -> list[dict[str, str]]:
    return [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
