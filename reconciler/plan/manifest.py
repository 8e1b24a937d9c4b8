"""From rendered documents to manifests: normalised, placed, stamped, hashed. The same document is hashed, applied and checked.

What the API server sets itself is dropped, since nobody can own it; `stringData` becomes `data`, since a change of the one is not
seen in the other (both found on a real API server).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.errors import InvalidManifest
from reconciler.model.declared import Instance, Name
from reconciler.model.objects import Document, Kinds, Manifest, ObjectKey, RawDocument
from reconciler.plan.marks import APPLICATION, APPLIED, INSTANCE, OWNER, WAVE, application_label, owner_text

SERVER_SET = frozenset(
    {"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion",
     "selfLink", "uid"}
)  # fmt: skip
"""Fields of metadata that only the server writes."""

WITH_STATUS = frozenset({"", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "apiextensions.k8s.io"})
"""Groups whose kinds have a status subresource where they have a status at all; for a cluster that cannot be asked."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes a document an application's."""

    instance: Instance
    application: Name
    namespace: str
    """For namespaced objects that name none; empty: each must name its own."""
    seal_key: bytes
    """Keys the hashes of Secrets."""


def prepare(documents: Sequence[RawDocument], stamp: Stamp, kinds: Kinds) -> tuple[Manifest, ...]:
    """The manifests of an application, in the order of its documents.

    Raises:
        InvalidManifest: naming the file, the object and the field, and what to write instead.
    """
    scopes = _scopes_of_definitions(documents)
    manifests: dict[ObjectKey, Manifest] = {}
    for raw in documents:
        manifest = _prepare_one(raw, stamp, kinds, scopes)
        if twin := manifests.get(manifest.key):
            raise InvalidManifest(f"{manifest.key} is declared twice: in {twin.source} and in {raw.source}; keep one of them")
        manifests[manifest.key] = manifest
    return tuple(manifests.values())


def _prepare_one(raw: RawDocument, stamp: Stamp, kinds: Kinds, scopes: Mapping[tuple[str, str], bool]) -> Manifest:
    document = _checked(raw)
    group, _, version = document["apiVersion"].rpartition("/")
    kind = kinds.find(group, document["kind"], version)
    namespaced = kind.namespaced if kind else scopes.get((group, document["kind"]))
    has_status = kind.has_status if kind else group in WITH_STATUS
    normalised = _normalise(document, has_status=has_status)
    _place(normalised, raw, stamp, namespaced)
    key = ObjectKey.of(normalised)
    _stamp(normalised, key, stamp)
    digest = _digest(normalised, stamp.seal_key)
    normalised["metadata"]["annotations"][APPLIED] = digest
    body = orjson.dumps(normalised, option=orjson.OPT_SORT_KEYS)
    return Manifest(key, document["apiVersion"], body, digest, raw.source, _wave(normalised, raw, key))


def _checked(raw: RawDocument) -> Document:
    document = raw.document
    for name in ("apiVersion", "kind"):
        if not isinstance(document.get(name), str) or not document[name]:
            raise InvalidManifest(f"{raw.source}: {name} is missing; every object needs one, e.g. `{name}: …`")
    metadata = document.get("metadata")
    what = f"{raw.source}: {document['kind']}"
    if not isinstance(metadata, dict):
        raise InvalidManifest(f"{what}: metadata is missing; give the object a metadata.name")
    if "generateName" in metadata and not metadata.get("name"):
        raise InvalidManifest(f"{what}: metadata.generateName makes a new object at every sync; use metadata.name")
    if not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise InvalidManifest(f"{what}: metadata.name is missing or no text; give the object a name")
    for name in ("labels", "annotations"):
        for key, value in (_mapping(metadata.get(name), f"{what} {metadata['name']}: metadata.{name}")).items():
            if not isinstance(value, str):
                raise InvalidManifest(f"{what} {metadata['name']}: metadata.{name}.{key} is {value!r} and must be text; quote it")
    return document


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidManifest(f"{what} must be a mapping")
    return value


def _normalise(document: Document, *, has_status: bool) -> Document:
    """A copy without what is the server's, and without nulls, which mean "not set"."""
    normalised: Document = _without_nulls(document)
    metadata = {name: value for name, value in normalised["metadata"].items() if name not in SERVER_SET}
    normalised["metadata"] = metadata
    if has_status:
        normalised.pop("status", None)
    if (normalised["apiVersion"], normalised["kind"]) == ("v1", "Secret"):
        _merge_string_data(normalised)
    return normalised


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _merge_string_data(secret: Document) -> None:
    plain = secret.pop("stringData", None)
    if isinstance(plain, dict) and plain:
        encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
        secret["data"] = {**_mapping(secret.get("data"), "data"), **encoded}


def _place(document: Document, raw: RawDocument, stamp: Stamp, namespaced: bool | None) -> None:  # noqa: FBT001 - three-valued
    """Settle the namespace; of an unknown kind it is taken as written, else the application's."""
    metadata = document["metadata"]
    if namespaced is False:
        metadata.pop("namespace", None)
    elif not metadata.get("namespace"):
        if stamp.namespace:
            metadata["namespace"] = stamp.namespace
        elif namespaced:
            raise InvalidManifest(
                f"{raw.source}: {document['kind']} {metadata['name']}: metadata.namespace is missing; "
                "name one there or in the Application's spec.destination.namespace"
            )


def _stamp(document: Document, key: ObjectKey, stamp: Stamp) -> None:
    metadata = document["metadata"]
    metadata["labels"] = {
        **metadata.get("labels", {}),
        INSTANCE: stamp.instance.id,
        APPLICATION: application_label(stamp.application),
    }
    metadata["annotations"] = {**metadata.get("annotations", {}), OWNER: owner_text(stamp.application, key)}
    metadata["annotations"].pop(APPLIED, None)


def _digest(document: Document, seal_key: bytes) -> str:
    """`v1:` + hash of the canonical JSON; keyed for Secrets, so that nobody can try values against it."""
    text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    is_secret = (document["apiVersion"], document["kind"]) == ("v1", "Secret")
    raw = hmac.digest(seal_key, text, "sha256")[:16] if is_secret else hashlib.blake2b(text, digest_size=16).digest()
    return f"v1:{raw.hex()}"


def _wave(document: Document, raw: RawDocument, key: ObjectKey) -> int:
    text = document["metadata"]["annotations"].get(WAVE, "0")
    try:
        return int(text)
    except ValueError as error:
        raise InvalidManifest(f"{raw.source}: {key}: annotation {WAVE} is {text!r} and must be a whole number") from error


def _scopes_of_definitions(documents: Sequence[RawDocument]) -> dict[tuple[str, str], bool]:
    """Whether the kinds that are defined in the same set are namespaced."""
    scopes = {}
    for raw in documents:
        if raw.document.get("kind") == "CustomResourceDefinition" and isinstance(spec := raw.document.get("spec"), dict):
            names = spec.get("names")
            kind = names.get("kind") if isinstance(names, dict) else None
            scopes[str(spec.get("group")), str(kind)] = spec.get("scope") != "Cluster"
    return scopes
