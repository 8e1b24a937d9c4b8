"""From a body to a document as the server's types would print it, or to a refusal in the server's words.

A body of a create, replace or patch is read with defaults; a merged document of an apply is converted the same way, after its types
were checked. Nothing here knows the store.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from trueup.sandbox import validate
from trueup.sandbox.decode import Reading, Unreadable, blank, decode, misfits
from trueup.sandbox.defaults import fill_custom, fill_defaults
from trueup.sandbox.definitions import pruned, without_nulls
from trueup.sandbox.kinds import Resource
from trueup.sandbox.paths import Target
from trueup.sandbox.schema import Fields, named
from trueup.sandbox.status import Refused, bad_request, invalid, unnamed_error
from trueup.sandbox.store import Document

META = Fields(known={"metadata": named("meta.v1.ObjectMeta")}, always=("metadata",))


def read(resource: Resource, body: Any, validation: str, warnings: list[str], *, is_patch: bool = False) -> Document:
    """A body as the server's types read it, with defaults; unknown fields become warnings or a refusal.

    Args:
        resource: what it has to be an object of.
        body: the parsed body, or the live object with a patch on it.
        validation: `Strict`, `Warn` (also when empty) or `Ignore`.
        warnings: where warnings are added.
        is_patch: whether it was a patch, which is refused in other words.
    """
    reading = Reading()
    try:
        whole = _object(resource, body)
        document = _typed(resource, without_nulls(resource.validation, whole) if resource.validation else whole, reading)
    except Unreadable as error:
        raise _unhandled(resource, str(error)) from error
    if reading.unknown and validation == "Strict":
        listed = ", ".join(f'unknown field "{path}"' for path in reading.unknown)
        if is_patch:
            shown = orjson.dumps(body).decode()
            raise invalid("", "", "", [validate.wrong("patch", shown, f"strict decoding error: {listed}")])
        raise _unhandled(resource, f"strict decoding error: {listed}")
    if validation in ("", "Warn"):
        warnings += [f'unknown field "{path}"' for path in reading.unknown]
    return document


def converted(resource: Resource, merged: Document) -> Document:
    """A merged document as the server's types print it."""
    try:
        return _typed(resource, merged, Reading())
    except Unreadable as error:
        how = "error decoding from json: " if "base64" in str(error) else ""
        text = f"unable to convert unstructured object to {_gvk(merged)}: {how}{error}"
        where = f"{merged['metadata'].get('namespace', '')}/{merged['metadata'].get('name', '')}; {_gvk(merged)}"
        raise unnamed_error(f"failed to convert new object ({where}) to proper version: {text}") from error


def empty(resource: Resource) -> Document:
    """What stands for an object before it is created."""
    return {"metadata": {}} if resource.is_custom else blank(resource.type)


def applied(target: Target, body: Any) -> Document:
    """An applied document, if it is one for this target.

    Raises:
        Refused: 400 when it is not, 500 when it does not fit its type.
    """
    document = _applied(target, body)
    if errors := list(misfits(target.resource.type, document)):
        listed = errors[0] if len(errors) == 1 else "errors:\n" + "\n".join(f"  {error}" for error in errors)
        where = document["metadata"].get("namespace", "")
        raise unnamed_error(f"failed to create typed patch object ({where}/{target.name}; {_gvk(document)}): {listed}")
    return document


def _applied(target: Target, body: Any) -> Document:
    resource = target.resource
    if body is not None and not isinstance(body, dict):
        kind = "array" if isinstance(body, list) else "string"
        into = "Go value of type map[string]interface {}"
        raise bad_request(
            f"error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into {into}"
        )
    body = body or {}
    if (body.get("apiVersion"), body.get("kind")) != (resource.api_version, resource.kind):
        raise bad_request(f"invalid object type: {_gvk(body)}")
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name", ""), str):
        raise bad_request("metadata must be an object with a name")
    if not metadata.get("name"):
        raise bad_request(f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided")
    if metadata["name"] != target.name:
        raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})")
    if metadata.get("namespace") and metadata["namespace"] != target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    return {**body, "metadata": metadata}


def _object(resource: Resource, body: Any) -> Document:
    """The body as an object of this resource."""
    if not isinstance(body, dict):
        what = "array" if isinstance(body, list) else type(body).__name__
        why = f"couldn't get version/kind; json parse error: json: cannot unmarshal {what} into Go value of type struct"
        raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind}): {why}")
    kind, version = body.get("kind", resource.kind), body.get("apiVersion", resource.api_version)
    if kind != resource.kind or (version != resource.api_version and not isinstance(version, str)):
        last = str(version).rpartition("/")[2]
        raise bad_request(f'{kind} in version "{last}" cannot be handled as a {resource.kind}: no kind "{kind}" matches')
    if version != resource.api_version:
        why = f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        raise bad_request(why)
    if body.get("metadata") is not None and not isinstance(body["metadata"], dict):
        raise _unhandled(resource, f"json: cannot unmarshal into Go struct field {resource.kind}.metadata of type v1.ObjectMeta")
    return body


def _typed(resource: Resource, body: Document, reading: Reading) -> Document:
    if resource.validation is None:
        document: Document = decode(resource.type, body, reading)
        document |= {"kind": resource.kind, "apiVersion": resource.api_version}
        fill_defaults(resource.group, document)
        return document
    document = pruned(resource.validation, body, reading.unknown)
    metadata = decode(META, {"metadata": body.get("metadata") or {}}, reading)["metadata"]
    document = fill_custom(resource.type, document)
    return {**document, "kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}


def _gvk(document: Mapping[str, Any]) -> str:
    version = str(document.get("apiVersion", ""))
    return f"{version if '/' in version else '/' + version}, Kind={document.get('kind', '')}"


def _unhandled(resource: Resource, why: str) -> Refused:
    return bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}')
