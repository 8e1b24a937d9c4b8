"""From rendered documents to manifests: normalised, placed, stamped, hashed. The same document is hashed, applied and checked."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from reconciler.errors import InvalidManifest
from reconciler.model.declared import Instance, Name
from reconciler.model.objects import Document, Kinds, Manifest, ObjectKey, RawDocument
from reconciler.plan.content import content_digest
from reconciler.plan.hookmarks import hook_of
from reconciler.plan.marks import APPLICATION, APPLIED, DELETION, INSTANCE, OWNER, RUN, application_label, owner_text
from reconciler.plan.masked import is_masked
from reconciler.plan.normalise import check_values, checked, expand, is_secret, normalise
from reconciler.plan.options import in_our_words, may_be_nameless, options_of


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes a document an application's."""

    instance: Instance
    application: Name
    namespace: str
    """For namespaced objects that name none; empty: each must name its own."""
    seal_key: bytes
    """Keys the hashes of Secrets."""
    goes_along: bool = False
    """Whether its objects say that they are deleted with it."""


@dataclass(frozen=True, slots=True)
class _Definition:
    """What a CustomResourceDefinition of the same set says of its kind."""

    namespaced: bool
    with_status: frozenset[str]
    """The versions that have a status subresource."""


_Definitions = Mapping[tuple[str, str], _Definition]


def prepare(documents: Sequence[RawDocument], stamp: Stamp, kinds: Kinds) -> tuple[Manifest, ...]:
    """The manifests of an application, in the order of its documents.

    A kind that the cluster does not serve is kept: a definition in the same set may bring it, and says how it is placed. Of a kind
    that nobody knows the namespace is taken as written, else it is the application's; once it is served, it is placed anew.

    Raises:
        InvalidManifest: naming the file, the object and the field, and what to write instead.
    """
    raws = tuple(_named(tuple(expand(documents)), stamp))
    definitions = _definitions(raws)
    manifests: dict[ObjectKey, Manifest] = {}
    for raw in raws:
        manifest = _prepare_one(raw, stamp, kinds, definitions)
        if twin := manifests.get(manifest.key):
            raise InvalidManifest(f"{manifest.key} is declared twice: in {twin.source} and in {raw.source}; keep one of them")
        manifests[manifest.key] = manifest
    return tuple(manifests.values())


def _named(raws: Sequence[RawDocument], stamp: Stamp) -> Iterator[RawDocument]:
    """The documents, hooks with a generateName given a name that is another one for every content of the set.

    An ordinary object needs a name, by which it is found again.
    """
    content = ""
    for raw in raws:
        metadata = raw.document.get("metadata")
        prefix = metadata.get("generateName") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not isinstance(prefix, str) or not may_be_nameless(metadata):
            yield raw
            continue
        content = content or content_digest(raws, stamp.seal_key)[:10]
        named = {name: value for name, value in metadata.items() if name != "generateName"} | {"name": prefix + content}
        yield RawDocument({**raw.document, "metadata": named}, raw.source)


def is_built_in(group: str) -> bool:
    """Whether Kubernetes itself defines the kinds of a group."""
    return "." not in group or group.endswith(".k8s.io")


def _prepare_one(raw: RawDocument, stamp: Stamp, kinds: Kinds, definitions: _Definitions) -> Manifest:
    document = checked(raw)
    namespaced, has_status = _nature(document, kinds, definitions)
    _place(document, raw, stamp, namespaced)
    key = ObjectKey.of(document)
    check_values(document, key, raw.source)
    normalise(document, has_status=has_status)
    _stamp(document, key, stamp)
    digest = _digest(document, stamp.seal_key)
    document["metadata"]["annotations"][APPLIED] = digest
    body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    annotations, labels = document["metadata"]["annotations"], document["metadata"]["labels"]
    options, hook = options_of(annotations, labels), hook_of(in_our_words(annotations, labels))
    return Manifest(key, document["apiVersion"], body, digest, raw.source, options.wave, hook, options)


def _nature(document: Document, kinds: Kinds, definitions: _Definitions) -> tuple[bool | None, bool]:
    """Whether the kind has namespaces (None: nobody knows), and whether its status is the server's.

    Of a kind that is built in and not served, status is never declared; of another unknown one it may be an ordinary field.
    """
    group, _, version = document["apiVersion"].rpartition("/")
    name = document["kind"]
    if kind := kinds.find(group, name, version):
        return kind.namespaced, kind.has_status
    if definition := definitions.get((group, name)):
        return definition.namespaced, version in definition.with_status
    if kind := kinds.find(group, name):
        return kind.namespaced, kind.has_status
    return None, is_built_in(group)


def _place(document: Document, raw: RawDocument, stamp: Stamp, namespaced: bool | None) -> None:  # noqa: FBT001 - three-valued
    metadata = document["metadata"]
    if namespaced is False:
        metadata.pop("namespace", None)
    elif not metadata.get("namespace"):
        metadata.pop("namespace", None)
        if stamp.namespace:
            metadata["namespace"] = stamp.namespace
        elif namespaced:
            raise InvalidManifest(
                f"{raw.source}: {document['kind']} {metadata['name']}: metadata.namespace is missing; "
                "name one there or in the Application's spec.destination.namespace"
            )


def _stamp(document: Document, key: ObjectKey, stamp: Stamp) -> None:
    metadata = document["metadata"]
    labels = {INSTANCE: stamp.instance.id, APPLICATION: application_label(stamp.application)}
    metadata["labels"] = metadata.get("labels", {}) | labels
    metadata["annotations"] = metadata.get("annotations", {}) | {OWNER: owner_text(stamp.application, key)}
    for name in (APPLIED, RUN, DELETION):
        metadata["annotations"].pop(name, None)
    metadata["annotations"] |= {DELETION: "prune"} if stamp.goes_along else {}


def _digest(document: Document, seal_key: bytes) -> str:
    """`v1:` + hash of the canonical JSON; keyed for what nobody may see, so that nobody can try values against it."""
    text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    is_keyed = is_secret(document) or is_masked(document)
    raw = hmac.digest(seal_key, text, "blake2b")[:16] if is_keyed else hashlib.blake2b(text, digest_size=16).digest()
    return f"v1:{raw.hex()}"


def _definitions(raws: Sequence[RawDocument]) -> _Definitions:
    """What the set defines itself; whatever is wrong with a definition is said when it is prepared, or by the server."""
    found = {}
    for raw in raws:
        spec = raw.document.get("spec")
        if raw.document.get("kind") != "CustomResourceDefinition" or not isinstance(spec, dict):
            continue
        names, versions = spec.get("names"), spec.get("versions")
        kind = names.get("kind") if isinstance(names, dict) else None
        with_status = (
            frozenset(str(v.get("name")) for v in versions or () if _has_status(v)) if isinstance(versions, list) else ()
        )
        found[str(spec.get("group")), str(kind)] = _Definition(spec.get("scope") != "Cluster", frozenset(with_status))
    return found


def _has_status(version: object) -> bool:
    subresources = version.get("subresources") if isinstance(version, dict) else None
    return isinstance(subresources, dict) and "status" in subresources
