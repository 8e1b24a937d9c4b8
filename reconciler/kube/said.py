"""What an API server says to an attempt that it refuses: read, made readable, and without values of Secrets."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.model.objects import ObjectKey
from reconciler.plan.redact import redact_message

MISTAKES = ("failed to create typed patch object", "failed to convert new object", "unable to decode")
"""How the message begins where bad input is answered with 500: it will not get better by itself (tests/contract/test_refusals.py)."""

LONGEST = 600
"""Letters of what the server says; some answers print whole objects."""

SHOWN = 5
"""So many fields are named, the others counted."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was asked for."""

    verb: str = "apply"
    key: ObjectKey | None = None
    secrets: frozenset[str] = frozenset()
    """Texts that must not be told."""

    def __str__(self) -> str:
        """`apply shop/ConfigMap/web`; empty where it was about no object."""
        return f"{self.verb} {self.key}: " if self.key else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to it."""

    status: int
    body: bytes
    retry_after: str = ""
    warnings: tuple[str, ...] = ()
    """Headers, as they came."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer, read."""

    status: int
    reason: str
    message: str
    """Made readable, without what must not be told."""
    causes: tuple[Mapping[str, str], ...]
    attempt: Attempt
    retry_seconds: float | None
    is_mistake: bool
    """Whether it is bad input, whatever the status says."""

    @property
    def sort(self) -> int:
        """The status by which it is judged."""
        return 400 if self.is_mistake and self.status >= 500 else self.status

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the server names."""
        found = (cause["field"] for cause in self.causes)
        return tuple(dict.fromkeys(field for field in found if field not in ("", "[]", "<nil>")))

    def told(self, mend: str = "") -> str:
        """The message for people."""
        return f"{self.attempt}{self.message}" + (f"; {mend}" if mend else "")


def read(answer: Answer, attempt: Attempt) -> Refused:
    """An answer other than 2xx."""
    body = _parse(answer.body)
    reason, details = str(body.get("reason", "")), body.get("details") or {}
    causes = tuple(_told(cause, attempt) for cause in details.get("causes") or () if isinstance(cause, dict))
    named = [cause for cause in causes if cause["field"] and cause["reason"] != "FieldManagerConflict"]
    whole = redact_message(str(body.get("message") or "no reason given"), attempt.secrets)
    text = listed(_causes(named)) if reason == "Invalid" and named else whole
    is_secret = bool(attempt.secrets) or (attempt.key is not None and (attempt.key.group, attempt.key.kind) == ("", "Secret"))
    seconds = float(answer.retry_after) if answer.retry_after.isdigit() else None
    shown = _readable(_without_values(text) if is_secret else text)
    return Refused(answer.status, reason, shown, causes, attempt, seconds, str(body.get("message", "")).startswith(MISTAKES))


def warnings_of(answer: Answer, attempt: Attempt) -> list[str]:
    """What the server warns of, without what must not be told: `299 - "v1 ComponentStatus is deprecated in v1.19+"`.

    https://kubernetes.io/blog/2020/09/03/warnings/
    """
    texts = (header.partition('"')[2].rpartition('"')[0].replace('\\"', '"') or header for header in answer.warnings)
    return [_short(redact_message(text, attempt.secrets)) for text in texts]


def _told(cause: Mapping[str, Any], attempt: Attempt) -> Mapping[str, str]:
    """A cause without what must not be told; the field is named by keys, which may be."""
    message = redact_message(str(cause.get("message") or ""), attempt.secrets)
    return {"reason": str(cause.get("reason") or ""), "field": str(cause.get("field") or ""), "message": message}


def _parse(answer: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(answer)
    except orjson.JSONDecodeError:
        text = answer.decode(errors="replace").strip()
        body = {"message": "a web page, which is not from the API server itself" if text.startswith("<") else text}
    return body if isinstance(body, dict) else {"message": str(body)}


def _causes(causes: Iterable[Mapping[str, str]]) -> list[str]:
    """The fields that are wrong, and how."""
    found = (f"{cause['field']}: {cause['message']}".removeprefix("[]: ") for cause in causes if cause["field"] != "<nil>")
    return [_short(text) for text in dict.fromkeys(found)]


def _readable(text: str) -> str:
    """What the server says, without what only its authors understand."""
    text = re.sub(r"^failed to create typed patch object \([^)]*\): (errors:\s*)?\.?", "", text)
    text = re.sub(
        r"^failed to convert new object \(.*?\) to proper version: unable to convert unstructured object to \S+ Kind=\w+: ",
        "",
        text,
    )
    text = re.sub(r"^error decoding from json: ", "", text)
    text = re.sub(r", got &(value\.valueUnstructured)?\{.*\}", ", got something else", text, flags=re.DOTALL)
    text = re.sub(r'^(\w+(\.\S+)? )?"[^"]*" is (invalid|forbidden): ', "", text)
    text = re.sub(r" \(e\.g\. .*\)$", "", text)
    text = re.sub(r"(https?://[^\s\"?]*)\?[^\s\"]*", r"\1", text)
    text = re.sub(r"\n@@.*", "", text, flags=re.DOTALL)  # a difference of Go values
    return re.sub(r"\s*\n\s*\.?", "; ", text.strip())[:LONGEST]


def _without_values(text: str) -> str:
    """What the server quotes of an object with values that nobody may see is one of them, or may be."""
    return re.sub(r'(Invalid value: |Unsupported value: |Duplicate value: )("(\\.|[^"\\])*"|\S+)', r"\1***", text)


def _short(text: str) -> str:
    """A whole object that is called invalid says nothing to anybody."""
    return re.sub(r"(Invalid value: )[\[{].{60,}[\]}](: )", r"\1…\2", text, flags=re.DOTALL)


def listed(parts: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    texts = list(parts)
    return "; ".join(texts[:SHOWN]) + (f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")
