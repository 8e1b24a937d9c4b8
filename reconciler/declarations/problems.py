"""Mistakes in declarations, told so that a person can mend them: file, line, field, what is wrong and what was probably meant."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]

_MESSAGES = {
    "missing": "is missing",
    "string_type": "must be text; quote it",
    "string_pattern_mismatch": "must be lower-case letters, digits, `-` and `.`, as names in Kubernetes are",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list; begin each entry with `- `",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}
"""By pydantic's type of error: https://docs.pydantic.dev/latest/errors/validation_errors/"""


MOST_FIELDS = 6
"""That are named of a mapping."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    file: str
    line: int
    field: str
    """As people write it: `spec.sources[0].git.path`; empty for the whole file or document."""
    message: str

    def __str__(self) -> str:
        """`shop.yaml:12: spec.url: …`."""
        return f"{self.file}:{self.line}: {f'{self.field}: ' if self.field else ''}{self.message}"


def mistakes(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Path, str]]:
    """The path and the message of every mistake that validation found; what is wrong only for what is in it is left out."""
    details = error.errors(include_url=False)
    paths = [tuple(detail["loc"]) for detail in details]
    for detail, path in zip(details, paths, strict=True):
        if not any(other[: len(path)] == path and other != path for other in paths):
            yield path, _message(detail, path, model)


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _message(detail: Mapping[str, Any], path: Path, model: type[BaseModel]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return f"is no field here; {_meant(str(path[-1]), _fields_at(model, path[:-1]))}"
        case "enum" | "literal_error":
            choices = [choice.strip("'") for choice in context["expected"].replace(" or ", ", ").split(", ")]
            return f"{str(detail['input'])[:100]!r} is not possible; {_meant(str(detail['input']), choices)}"
        case "model_type" if path:
            return f"must be a mapping; its fields are {', '.join(_fields_at(model, path)[:MOST_FIELDS])}"
        case "too_short":
            return f"needs at least {context['min_length']} entry"
        case "too_long" | "string_too_long":
            return f"is longer than {context['max_length']}"
    message: str = _MESSAGES.get(kind) or detail["msg"]
    return message.removeprefix("Value error, ")


def _meant(found: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(found, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """The fields that may stand at a path of a declaration."""
    current = model
    for part in path:
        if isinstance(part, str):
            fields = current.model_fields.items()
            annotation = next((field.annotation for name, field in fields if part in (name, field.alias)), None)
            current = next(_models_in(annotation), current)
    return [field.alias or name for name, field in current.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)
