"""What all payloads have in common: JSON that may be anything, and models that name only what is used."""

import re
from typing import TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from receiver.providers.event import Ignored

ZEROS = frozenset({"0" * 40, "0" * 64})
"""The commit of a ref that is not there."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

LONGEST_NAME = 100
"""Of an event or a person, as far as it is kept."""

LONGEST_REF = 1000
"""A ref is a file's name to git, which no file system takes longer."""

_ODD = re.compile(r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]")

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
    """Whether a text is a branch's or tag's full name that git would accept: https://git-scm.com/docs/git-check-ref-format."""
    return (
        text.startswith(("refs/heads/", "refs/tags/"))
        and len(text) < LONGEST_REF
        and not any(part in text for part in ("..", "@{"))
        and not text.endswith(".")
        and all(part and part[0] != "." and not part.endswith(".lock") for part in text.split("/"))
        and not _ODD.search(text)
    )
