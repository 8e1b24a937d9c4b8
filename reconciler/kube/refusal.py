"""What an API server's refusal means, in words a person can act on. Values of Secrets never stand in a message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.errors import ApplyRefused, ClusterUnavailable, TrueupError
from reconciler.model.objects import ObjectKey

USERS_MISTAKES = ("failed to create typed patch object", "failed to convert new object", "unable to decode")
"""How the message begins where bad input is answered with 500: it will not get better by itself (tests/contract/test_refusals.py)."""

_PREAMBLES = (
    r"failed to create typed patch object \([^)]*\): ",
    r"failed to convert new object \([^)]*\) to proper version: unable to convert unstructured object to [^:]*: (error decoding from json: )?",
    r'(\w+(\.\S+)? )?"[^"]*" is invalid: ',
)
"""What a message begins with that says nothing of what is wrong."""

DEFAULT_RETRY_SECONDS = 1.0
"""When the server asks for patience and does not say how much."""


@dataclass(frozen=True, slots=True)
class FieldHolder:
    """Another manager that holds a field which we want to set."""

    manager: str
    field: str


WARMING = "storage is (re)initializing"
"""How the server answers lists of a kind that it has served for some milliseconds only; it is not busy, though it answers 429.
https://github.com/kubernetes/kubernetes, `staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go`"""


class FieldConflict(ApplyRefused):
    """Other managers hold fields of the object; whether they are taken is a matter of policy."""

    def __init__(self, message: str, holders: tuple[FieldHolder, ...]) -> None:
        super().__init__(message, code=409, reason="Conflict")
        self.holders = holders


def refusal(status: int, answer: bytes, key: ObjectKey | None, retry_after: str = "") -> TrueupError:
    """The error that an answer other than 2xx means."""
    body = _parse(answer)
    message = _message(body, key)
    what = f"{key}: " if key else ""
    seconds = float(retry_after) if retry_after.isdigit() else None
    if status == 429 and WARMING in message:
        return ClusterUnavailable(f"{what}the API server has just learned of this kind: {message}")
    if status == 429 or (status == 503 and seconds):
        return ClusterUnavailable(
            f"{what}the API server asks for patience: {message}", retry_seconds=seconds or DEFAULT_RETRY_SECONDS
        )
    if status == 409 and (holders := _holders(body)):
        named = ", ".join(sorted({f"{holder.field} (held by {holder.manager})" for holder in holders}))
        mend = "set spec.sync.adopt: always to take them, or leave them out of Git"
        return FieldConflict(f"apply {what}other managers hold fields: {named}; {mend}", holders)
    if status >= 500 and not str(body.get("message", "")).startswith(USERS_MISTAKES):
        return ClusterUnavailable(f"{what}the API server answered {status}: {message}")
    return ApplyRefused(f"apply {what}{message}{_mend(status, body, message)}", code=status, reason=str(body.get("reason", "")))


def _parse(answer: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        body = {"message": answer.decode(errors="replace").strip()[:500]}
    return body if isinstance(body, dict) else {"message": str(body)[:500]}


def _message(body: Mapping[str, Any], key: ObjectKey | None) -> str:
    """The fields that are wrong, where the server names them; else what it says."""
    causes = (body.get("details") or {}).get("causes") or ()
    is_secret = key is not None and (key.group, key.kind) == ("", "Secret")
    if body.get("reason") == "Invalid" and causes:
        parts = [f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes]
        text = "; ".join(parts)
    else:
        text = str(body.get("message") or "no reason given")
    for preamble in _PREAMBLES:
        text = re.sub(f"^{preamble}", "", text)
    return re.sub(r'(Invalid value: )("(\\.|[^"\\])*"|\S+)', r"\1***", text) if is_secret else text[:1500]


def _holders(body: Mapping[str, Any]) -> tuple[FieldHolder, ...]:
    causes = (body.get("details") or {}).get("causes") or ()
    return tuple(
        FieldHolder(_manager(str(cause.get("message", ""))), str(cause.get("field", "")).removeprefix("."))
        for cause in causes
        if cause.get("reason") == "FieldManagerConflict"
    )


def _manager(message: str) -> str:
    """`conflict with "kubectl" using apps/v1` names the manager in quotes."""
    match = re.search(r'conflict with "([^"]*)"', message)
    return match[1] if match else "somebody"


def _mend(status: int, body: Mapping[str, Any], message: str) -> str:
    reason = body.get("reason")
    if status == 403 and "is being terminated" in message:
        return "; the namespace is being deleted: wait until it is gone"
    if status == 403 and "exceeded quota" in message:
        return "; raise the quota, or ask for less"
    if status == 403 and "denied the request" not in message:
        return "; give Trueup's service account this right"
    if status == 404 and "namespaces" in message:
        return "; create the namespace, or set spec.destination.createNamespace"
    if reason == "Invalid" and "immutable" in message:
        return "; the field cannot be changed: delete the object, or give it another name"
    return ""
