"""Makes values of `model` out of JSON again: frozen dataclasses, tuples, and what JSON knows. Nothing is checked: we wrote it ourselves.

Pydantic does the same, and takes 30 MB of each child's memory for it.
"""

import types
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints


def revive(kind: Any, value: Any) -> Any:
    """A value of a type, from what `orjson` read of what it wrote."""
    if value is None:
        return None
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        made: Any = kind
        return made(**{one.name: revive(hints[one.name], value[one.name]) for one in fields(kind)})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        inner = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(revive(one, entry) for one, entry in zip(inner, value, strict=True))
    if origin in (Union, types.UnionType):
        return revive(next(argument for argument in arguments if argument is not type(None)), value)
    return value if kind in (str, int, float, bool) or origin is not None else kind(value)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
