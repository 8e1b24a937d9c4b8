"""What all payloads have in common: JSON that may be anything, and models that name only what is used."""

import re
from typing import TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from receiver.providers.event import Ignored

ZEROS = frozenset({"0" * 40, "0" * 64})
"""The commit of a ref that is not there."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/(?:heads|tags)/[^\x00-\x20~^:?*\[\\\x7f]*")

T = TypeVar("T", bound="Payload")


class Payload(BaseModel):
    """A part of a payload; fields that are not named are nobody's business."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


def read(body: bytes, model: type[T]) -> T | Ignored:
    """The payload as its model, or why it is not understood."""
    try:
        return model.model_validate(orjson.loads(body))  # refuses NaN, and surrogates that could not be stored
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        return Ignored(f"payload not understood: {where}: {first['msg']}")
    except (ValueError, RecursionError) as error:
        return Ignored(f"payload is no JSON: {str(error)[:100]}")


def is_commit(text: str) -> bool:
    """Whether a text is a full commit hash."""
    return _COMMIT.fullmatch(text) is not None


def is_ref(text: str) -> bool:
    """Whether a text is a branch's or tag's full name that git would accept."""
    return len(text) < 1000 and ".." not in text and _REF.fullmatch(text) is not None
