"""The patches that are no apply: JSON patch (RFC 6902), JSON merge patch (RFC 7386), strategic merge patch.

Strategic merge patch:
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
Documents are never changed; every function returns a new one.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from trueup.sandbox.kinds import Resource
from trueup.sandbox.schema import UNTYPED, Fields, ListOf, Type
from trueup.sandbox.status import Refused, bad_request

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
DIRECTIVES = ("$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/")


class Inapplicable(Exception):
    """A JSON patch whose test failed, or whose path is not there."""


def patched(resource: Resource, content_type: str, live: Mapping[str, Any], patch: Any) -> Any:
    """The live object with a patch of this content type on it.

    Raises:
        Refused: 400 when it is no such patch, 422 when a JSON patch does not apply.
    """
    if content_type == JSON_PATCH:
        return _json_patched(live, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    return merge_patch(live, patch) if content_type == MERGE else strategic_merge(resource.type, live, patch)


def _json_patched(live: Mapping[str, Any], patch: Any) -> Any:
    if not isinstance(patch, list):
        kind = "string" if isinstance(patch, str) else "object"
        raise bad_request(f"error decoding patch: json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp")
    try:
        return json_patch(live, [step for step in patch if isinstance(step, dict)])
    except Inapplicable as error:
        message = "the server rejected our request due to an error in our request"
        raise Refused(422, "Invalid", message, {}) from error


def merge_patch(document: Any, patch: Any) -> Any:
    """JSON merge patch: null removes."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def json_patch(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """JSON patch.

    Raises:
        Inapplicable: a test failed or a path does not exist.
    """
    result = copy.deepcopy(document)
    for operation in operations:
        result = _operate(result, operation)
    return result


def _operate(document: Any, operation: Mapping[str, Any]) -> Any:
    path = _pointer(operation.get("path"))
    match operation.get("op"):
        case "add":
            return _set(document, path, copy.deepcopy(operation.get("value")), is_new=True)
        case "replace":
            _get(document, path)
            return _set(document, path, copy.deepcopy(operation.get("value")), is_new=False)
        case "remove":
            return _drop(document, path)
        case "test":
            if _get(document, path) != operation.get("value"):
                raise Inapplicable(f"testing path {operation['path']} value failed")
            return document
        case "copy":
            return _set(document, path, copy.deepcopy(_get(document, _pointer(operation.get("from")))), is_new=True)
        case "move":
            source = _pointer(operation.get("from"))
            value = _get(document, source)
            return _set(_drop(document, source), path, value, is_new=True)
        case other:
            raise Inapplicable(f"unexpected kind: {other}")


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise Inapplicable(f"not a path: {text!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _get(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        match document:
            case dict() if part in document:
                document = document[part]
            case list():
                document = document[_index(document, part, len(document) - 1)]
            case _:
                raise Inapplicable(f"path not found: {part}")
    return document


def _set(document: Any, path: Sequence[str], value: Any, *, is_new: bool) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    match parent:
        case dict():
            parent[path[-1]] = value
        case list() if is_new:
            parent.insert(len(parent) if path[-1] == "-" else _index(parent, path[-1], len(parent)), value)
        case list():
            parent[_index(parent, path[-1], len(parent) - 1)] = value
        case _:
            raise Inapplicable(f"path not found: {path[-1]}")
    return document


def _drop(document: Any, path: Sequence[str]) -> Any:
    if not path:
        raise Inapplicable("the whole document cannot be removed")
    _get(document, path)
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        del parent[_index(parent, path[-1], len(parent) - 1)]
    else:
        del parent[path[-1]]
    return document


def _index(items: Sequence[Any], part: str, highest: int) -> int:
    if not part.isdecimal() or int(part) > highest:
        raise Inapplicable(f"index out of range: {part} of {len(items)}")
    return int(part)


def strategic_merge(kind: Type, document: Any, patch: Any) -> Any:
    """Strategic merge patch: lists with a merge key are merged item by item."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    if patch.get("$patch") == "delete":
        return None
    result = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        result = {name: value for name, value in result.items() if name in patch["$retainKeys"]}
    for name, value in patch.items():
        if name.startswith(DIRECTIVES):
            continue
        merged = None if value is None else _strategic_field(_below(kind, name), result.get(name), value)
        if merged is None:
            result.pop(name, None)
        else:
            result[name] = merged
    _drop_from_primitive_lists(result, patch)
    _order_lists(kind, result, patch)
    return result


def _below(kind: Type, name: str) -> Type:
    child = kind.of(name) if isinstance(kind, Fields) else None
    return child or UNTYPED


def _strategic_field(kind: Type, present: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return strategic_merge(kind, present, value)
    if not isinstance(value, list) or not isinstance(kind, ListOf) or kind.merge is None:
        return value
    if not kind.merge:
        return [*(present or []), *(item for item in value if item not in (present or []))]
    return _strategic_items(kind, present if isinstance(present, list) else [], value)


def _strategic_items(kind: ListOf, present: Sequence[Any], patches: Sequence[Any]) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patches):
        return [item for item in patches if item.get("$patch") != "replace"]
    result = list(present)
    for patch in patches:
        key = patch.get(kind.merge) if isinstance(patch, dict) else None
        if key is None:
            raise Refused(500, "InternalError", f"map: {patch} does not contain declared merge key: {kind.merge}")
        at = next((i for i, item in enumerate(result) if isinstance(item, dict) and item.get(kind.merge) == key), None)
        merged = strategic_merge(kind.items, result[at] if at is not None else {}, patch)
        if at is None and merged is not None:
            result.append(merged)
        elif at is not None and merged is None:
            del result[at]
        elif at is not None:
            result[at] = merged
    return result


def _drop_from_primitive_lists(result: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for directive, values in patch.items():
        mark, _, name = directive.partition("/")
        if mark == "$deleteFromPrimitiveList" and isinstance(result.get(name), list):
            result[name] = [item for item in result[name] if item not in values]


def _order_lists(kind: Type, result: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for directive, order in patch.items():
        mark, _, name = directive.partition("/")
        if mark != "$setElementOrder" or not isinstance(result.get(name), list):
            continue
        below = _below(kind, name)
        key = below.merge if isinstance(below, ListOf) else None
        wanted = [item.get(key) if key and isinstance(item, dict) else item for item in order]
        places = {repr(value): place for place, value in enumerate(wanted)}
        result[name] = sorted(
            result[name],
            key=lambda item: places.get(repr(item.get(key) if key and isinstance(item, dict) else item), len(places)),
        )
