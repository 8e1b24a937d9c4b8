"""Lists in pages: selectors, `limit` and `continue`.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from trueup.sandbox.paths import Target
from trueup.sandbox.selectors import Matches, fields_match, labels_match
from trueup.sandbox.status import Cause, Refused, bad_request, invalid
from trueup.sandbox.store import Document, Store

TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results."
)

TOO_OLD_LIST = "The resourceVersion for the provided list is too old."


def selected(target: Target, query: Mapping[str, str]) -> Matches:
    """A test for both selectors and for the name in the path."""
    resource = target.resource
    tests = [
        test
        for test in (
            labels_match(query.get("labelSelector", "")),
            fields_match(query.get("fieldSelector", ""), resource.collection, resource.kind),
        )
        if test is not None
    ]
    if target.name:
        tests.append(lambda document: document["metadata"]["name"] == target.name)
    return lambda document: all(test(document) for test in tests)


def page(store: Store, target: Target, query: Mapping[str, str]) -> tuple[list[Document], dict[str, Any]]:
    """One page of a collection and the list's metadata.

    Raises:
        Refused: 400 for a query that cannot be read, 410 for a continuation that is too old.
    """
    revision, start = _start(store, query)
    matches = selected(target, query)
    is_filtered = bool(query.get("labelSelector") or query.get("fieldSelector"))
    limit = 0 if query.get("resourceVersion") == "0" and "continue" not in query else _number(query, "limit")
    documents = [
        document
        for document in store.at(revision, target.resource.collection, target.namespace)
        if matches(document) and _key(document) > start
    ]
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if 0 < limit < len(documents):
        last = documents[limit - 1]
        token = orjson.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": "/".join(_key(last))})
        metadata["continue"] = base64.urlsafe_b64encode(token).decode().rstrip("=")
        if not is_filtered:
            metadata["remainingItemCount"] = len(documents) - limit
        documents = documents[:limit]
    return documents, metadata


def revision_of(query: Mapping[str, str]) -> int | None:
    """The resource version of a query; None when it names none.

    Raises:
        Refused: 400 when it is no number.
    """
    text = query.get("resourceVersion", "")
    if not text:
        return None
    if not text.isdecimal() or not text.isascii():
        why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f"invalid resource version: {why}")
    return int(text)


def _start(store: Store, query: Mapping[str, str]) -> tuple[int, tuple[str, str]]:
    asked = revision_of(query)
    if query.get("continue"):
        return _continued(store, query["continue"])
    if asked is not None and asked > store.revision:
        details = {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }
        raise Refused(504, "Timeout", f"Timeout: Too large resource version: {asked}, current: {store.revision}", details)
    if query.get("resourceVersionMatch") == "Exact":
        return _exactly(store, asked), ("", "")
    return store.revision, ("", "")


def _exactly(store: Store, revision: int | None) -> int:
    """The revision of a list as it was then."""
    if not revision:
        text = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise invalid("ListOptions", "meta.k8s.io", "", [Cause("FieldValueForbidden", text, "resourceVersionMatch")])
    if not store.is_current(revision):
        raise Refused(410, "Expired", TOO_OLD_LIST)
    return revision


def _continued(store: Store, token: str) -> tuple[int, tuple[str, str]]:
    try:
        place = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = place["start"].partition("/")
        revision = int(place["rv"])
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    if not store.is_current(revision):
        raise Refused(410, "Expired", TOO_OLD)
    return revision, (namespace, name)


def _key(document: Document) -> tuple[str, str]:
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "0") or "0"
    if not text.lstrip("-").isdecimal():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)
