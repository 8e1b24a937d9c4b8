"""Kubernetes objects as Trueup sees them: what they are called, what was rendered, what metadata says of the live one.

Only values. A parsed Kubernetes document never travels bare: rendered, it rides in a `Manifest`; live, only its metadata
travels, as `LiveMetadata`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self, TypeAlias

import orjson

from reconciler.model.hooks import Hook
from reconciler.model.options import PLAIN, ObjectOptions

Document: TypeAlias = dict[str, Any]
"""One parsed Kubernetes object."""

FieldSet: TypeAlias = Mapping[str, Any]
"""A parsed fieldsV1, or one node of it."""

FieldPath: TypeAlias = tuple[str | int, ...]
"""Map keys and list indexes from the top of a document, e.g. `("spec", "ports", 0, "nodePort")`."""


def format_path(path: FieldPath) -> str:
    """Print a path as people write it: `spec.ports[0].nodePort`, `containers[name=web]`; keys with dots stand in brackets."""
    text = ""
    for part in path:
        if isinstance(part, str) and part.startswith("["):
            text += part
        elif isinstance(part, int) or "." in part or "/" in part:
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """An object's identity: group, kind, namespace, name. Never the version, which is a view of the same object.

    See https://github.com/kubernetes-sigs/cli-utils, `pkg/object/objmetadata.go`, for why.
    """

    group: str
    """Empty for the core group."""
    kind: str
    namespace: str
    """Empty for objects of the cluster."""
    name: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The identity of a document that has `apiVersion`, `kind` and `metadata.name`."""
        metadata = document["metadata"]
        group, _, _ = str(document["apiVersion"]).rpartition("/")
        return cls(group, document["kind"], metadata.get("namespace") or "", metadata["name"])

    @classmethod
    def parse(cls, identity: str) -> Self:
        """Read what `identity` printed.

        Raises:
            ValueError: when the text has another shape.
        """
        gvk, separator, name = identity.partition(":")
        group, slash, kind = gvk.rpartition("/")
        namespace, slash_of_name, bare = name.rpartition("/")
        if not (separator and slash and slash_of_name and kind and bare):
            raise ValueError(f"not an object identity: {identity!r}")
        return cls(group, kind, namespace, bare)

    @property
    def identity(self) -> str:
        """`group/kind:namespace/name`, with every part present: `apps/Deployment:shop/web`, `/Namespace:/shop`."""
        return f"{self.group}/{self.kind}:{self.namespace}/{self.name}"

    def __str__(self) -> str:
        """For people: `shop/Deployment/web`, `ClusterRole/admin`, `shop/Certificate.cert-manager.io/web`."""
        custom = "." in self.group and not self.group.endswith(".k8s.io")
        kind = f"{self.kind}.{self.group}" if custom else self.kind
        return "/".join(part for part in (self.namespace, kind, self.name) if part)


@dataclass(frozen=True, slots=True)
class Kind:
    """One served version of a kind, as discovery tells it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    has_status: bool = False
    """Whether the kind has a status subresource; then `status` is nobody's to declare."""
    has_scale: bool = False

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of its subresource.

        Without a namespace, a namespaced kind's path is the collection over all namespaces.
        """
        parts = ["/apis" if self.group else "/api", self.api_version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


class Kinds:
    """What a cluster serves, preferred version first; empty groups mean that their discovery failed.

    Args:
        served: every served version of every kind, preferred versions first.
        failed: groups whose discovery failed: what is missing there is unknown, not absent.
        version: the server's version, e.g. `v1.37.2`; part of what a render depends on.
    """

    def __init__(self, served: Iterable[Kind], *, failed: Iterable[str] = (), version: str = "") -> None:
        self._by_kind: dict[tuple[str, str], list[Kind]] = {}
        for kind in served:
            self._by_kind.setdefault((kind.group, kind.kind), []).append(kind)
        self.failed = frozenset(failed)
        self.version = version

    def __iter__(self) -> Iterator[Kind]:
        """The preferred version of every kind."""
        return (versions[0] for versions in self._by_kind.values())

    @cached_property
    def api_versions(self) -> tuple[str, ...]:
        """What Helm calls so: the preferred versions, with and without every kind, in their order."""
        return tuple(sorted({kind.api_version for kind in self} | {f"{kind.api_version}/{kind.kind}" for kind in self}))

    @property
    def is_complete(self) -> bool:
        """Whether every group answered; nothing may be pruned otherwise."""
        return not self.failed

    def find(self, group: str, kind: str, version: str | None = None) -> Kind | None:
        """The given served version of a kind, or its preferred one; None when the cluster does not serve it."""
        versions = self._by_kind.get((group, kind), [])
        return next((served for served in versions if version in (None, served.version)), None)


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document as a renderer made it, before it is normalised."""

    document: Document
    source: str
    """Where it stands, for messages: `apps/web/deployment.yaml, line 12`."""


@dataclass(frozen=True)
class Manifest:
    """One object as rendered, normalised and stamped: exactly what an apply sends."""

    key: ObjectKey
    api_version: str
    body: bytes
    """The apply request's body: canonical JSON (sorted keys), with our labels and annotations in it."""
    digest: str
    """`v1:` + hash of the desired document; stands in the annotation `trueup.dev/applied` of the body."""
    source: str = ""
    """Where it was rendered from, for messages: `apps/web/deployment.yaml, document 2`."""
    wave: int = 0
    hook: Hook | None = None
    """None: an ordinary object."""
    options: ObjectOptions = PLAIN

    @cached_property
    def document(self) -> Document:
        """The body, parsed; treat as read-only."""
        document: Document = orjson.loads(self.body)
        return document

    @property
    def version(self) -> str:
        """The version part of `api_version`."""
        return self.api_version.rpartition("/")[2]

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the document."""
        return self.document["metadata"].get("annotations") or {}


@dataclass(frozen=True, slots=True)
class ManagerEntry:
    """One entry of `metadata.managedFields`."""

    manager: str
    operation: str
    """`Apply` or `Update`."""
    subresource: str
    api_version: str
    time: str
    """RFC 3339, as the server wrote it; empty when the client wiped it."""
    fields: FieldSet


@dataclass(frozen=True, slots=True)
class LiveMetadata:
    """The metadata of a live object, from a metadata-only answer."""

    key: ObjectKey
    api_version: str
    uid: str
    resource_version: str
    generation: int
    """0 for kinds that do not count generations."""
    deleting: bool
    finalizers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    managers: tuple[ManagerEntry, ...] = ()
    owners: tuple[str, ...] = ()
    """uids of its ownerReferences."""

    @classmethod
    def of(cls, document: Mapping[str, Any], kind: Kind) -> Self:
        """Read an object or PartialObjectMetadata of a known kind (metadata-only answers do not name their kind)."""
        metadata = document["metadata"]
        return cls(
            key=ObjectKey(kind.group, kind.kind, metadata.get("namespace") or "", metadata["name"]),
            api_version=kind.api_version,
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
            generation=metadata.get("generation", 0),
            deleting="deletionTimestamp" in metadata,
            finalizers=tuple(metadata.get("finalizers") or ()),
            labels=metadata.get("labels") or {},
            annotations=metadata.get("annotations") or {},
            managers=tuple(_entry(entry) for entry in metadata.get("managedFields") or ()),
            owners=tuple(owner.get("uid", "") for owner in metadata.get("ownerReferences") or ()),
        )


def _entry(entry: Mapping[str, Any]) -> ManagerEntry:
    return ManagerEntry(
        manager=entry.get("manager", ""),
        operation=entry.get("operation", ""),
        subresource=entry.get("subresource", ""),
        api_version=entry.get("apiVersion", ""),
        time=entry.get("time", ""),
        fields=entry.get("fieldsV1") or {},
    )
