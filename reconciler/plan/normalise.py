"""From a document as somebody wrote it to the one that is hashed, applied and checked; mistakes are named with their mend.

What the API server sets itself is dropped, since nobody can own it; `stringData` becomes `data`, since a change of the one is not
seen in the other; null means "not set" and is left out. All found on a real API server. Mistakes that the server answers with 500,
or with words that help nobody, are found here. No message shows a value: it may be a secret.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from reconciler.errors import InvalidManifest
from reconciler.model.objects import Document, ObjectKey, RawDocument, format_path
from reconciler.plan.marks import PREFIX
from reconciler.plan.options import mistakes

SERVER_SET = frozenset(
    {"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion",
     "selfLink", "uid"}
)  # fmt: skip
"""Fields of metadata that only the server writes."""

BOOKKEEPING = frozenset({"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"})
"""Annotations that come along when somebody exports a live object; their writers would fight us for them, and the first one
would carry a Secret's values."""

TEXTS: Mapping[str, Mapping[str, bool]] = {
    "Secret": {"data": True, "stringData": False},
    "ConfigMap": {"data": False, "binaryData": True},
}
"""Fields that map names to texts, and whether the texts are base64; the server answers other values with 500."""

_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_API_VERSION = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*/)?[A-Za-z0-9]+")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TYPES = {dict: "a mapping", list: "a list", bool: "true or false", int: "a number", float: "a number"}


def expand(documents: Sequence[RawDocument]) -> Iterator[RawDocument]:
    """The documents with every List taken apart.

    Raises:
        InvalidManifest: when an item is no object.
    """
    for raw in documents:
        items = raw.document.get("items")
        if str(raw.document.get("kind", "")).endswith("List") and isinstance(items, list):
            for number, item in enumerate(items, start=1):
                if not isinstance(item, dict):
                    raise InvalidManifest(f"{raw.source}: item {number} of the List is {_type(item)} and must be an object")
                yield from expand([RawDocument(item, f"{raw.source}, item {number}")])
        else:
            yield raw


def checked(raw: RawDocument) -> Document:
    """A copy of the document without nulls, that certainly has an apiVersion, a kind and a usable name.

    Raises:
        InvalidManifest: naming source, object and field, and the mend.
    """
    try:
        document: Document = _without_nulls(orjson.loads(orjson.dumps(raw.document)))
    except orjson.JSONEncodeError as error:
        raise InvalidManifest(f"{raw.source}: cannot be written as JSON: {error}; change that value") from error
    for field, pattern, example in (("apiVersion", _API_VERSION, "apps/v1"), ("kind", _KIND, "Deployment")):
        value = document.get(field)
        if not value:
            raise InvalidManifest(f"{raw.source}: {field} is missing; every object needs one, e.g. `{field}: {example}`")
        if not isinstance(value, str) or not pattern.fullmatch(value):
            shown = repr(value[:100]) if isinstance(value, str) else _type(value)
            raise InvalidManifest(f"{raw.source}: {field} is {shown}, which is none; write one such as `{field}: {example}`")
    _check_identity(document, raw.source)
    return document


def check_values(document: Document, key: ObjectKey, source: str) -> None:
    """Labels, annotations and the values of Secrets and ConfigMaps are texts, and our annotations have a meaning.

    Raises:
        InvalidManifest: naming source, object and field, and the mend; never the value, which may be a secret.
    """
    what, metadata = f"{source}: {key}", document["metadata"]
    for field in ("labels", "annotations"):
        _check_texts(metadata, ("metadata", field), what)
    _check_words(document, what)
    texts = TEXTS.get(document["kind"], {}) if document["apiVersion"] == "v1" else {}
    for field, is_base64 in texts.items():
        _check_texts(document, (field,), what)
        for name, value in document.get(field, {}).items():
            if is_base64 and not _is_base64(value):
                plain = "stringData" if field == "data" else "data"
                path = format_path((field, name))
                raise InvalidManifest(f"{what}: {path} is not base64; encode it, or write it as it is under {plain}")


def normalise(document: Document, *, has_status: bool) -> None:
    """Take out of a document of checked values what is the server's, and give a Secret's values their one place."""
    metadata = document["metadata"]
    for name in SERVER_SET & metadata.keys():
        del metadata[name]
    for name in BOOKKEEPING & metadata.get("annotations", {}).keys():
        del metadata["annotations"][name]
    if has_status:
        document.pop("status", None)
    if is_secret(document):
        _merge_string_data(document)


def is_secret(document: Document) -> bool:
    """Whether this is a Secret, whose values are shown to nobody."""
    return (document.get("apiVersion"), document.get("kind")) == ("v1", "Secret")


def _check_identity(document: Document, source: str) -> None:
    what = f"{source}: {document['kind']}"
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        is_there = f"is {_type(metadata)} and must be a mapping" if metadata else "is missing"
        raise InvalidManifest(f"{what}: metadata {is_there}; give the object a metadata.name")
    name = metadata.get("name")
    if not name and "generateName" in metadata:
        raise InvalidManifest(f"{what}: metadata.generateName makes a new object at every sync; use metadata.name")
    if not isinstance(name, str) or not name:
        raise InvalidManifest(f"{what}: metadata.name is missing or no text; give the object a name")
    # https://github.com/kubernetes/kubernetes, apimachinery `pkg/api/validation/path/name.go`
    if name in (".", "..") or "/" in name or "%" in name:
        raise InvalidManifest(f"{what} {name}: metadata.name may be neither . nor .. and contain neither / nor %; choose another")
    namespace = metadata.get("namespace")
    if namespace is not None and not (isinstance(namespace, str) and (not namespace or _NAMESPACE.fullmatch(namespace))):
        raise InvalidManifest(
            f"{what} {name}: metadata.namespace is no namespace; use at most 63 lower-case letters, digits and dashes"
        )


def _check_words(document: Document, what: str) -> None:
    """A misspelt annotation of ours must not be taken for none. What our own kinds carry is told by their schema."""
    if not document["apiVersion"].startswith(PREFIX):
        for mistake in mistakes(document["metadata"].get("annotations", {})):
            raise InvalidManifest(f"{what}: {mistake}")


def _check_texts(holder: Document, path: tuple[str, ...], what: str) -> None:
    """Whether the last field of a path, where the holder has it, maps names to texts."""
    values = holder.get(path[-1], {})
    if not isinstance(values, dict):
        raise InvalidManifest(f"{what}: {format_path(path)} is {_type(values)} and must be a mapping")
    for name, value in values.items():
        if not isinstance(value, str):
            raise InvalidManifest(f"{what}: {format_path((*path, name))} is {_type(value)} and must be text; quote it")


def _type(value: object) -> str:
    return _TYPES.get(type(value), "nothing" if value is None else "text")


def _is_base64(text: str) -> bool:
    """As Go's decoder sees it, which skips line ends."""
    try:
        base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        return False
    return True


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _merge_string_data(secret: Document) -> None:
    """As the server does it: `stringData` wins over `data`."""
    plain = secret.pop("stringData", {})
    if plain:
        encoded = {name: base64.b64encode(value.encode()).decode() for name, value in plain.items()}
        secret["data"] = {**secret.get("data", {}), **encoded}
