"""Declarations as custom resources: each is read by itself, and one that is wrong takes no other out of force. Pure.

Who may declare an Application in a namespace may have it touch that namespace of this cluster and no more, unless the settings say
otherwise; Trueup's own namespace is its operators', and files are too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from pydantic import ValidationError

from reconciler.declarations.check import faults
from reconciler.declarations.problems import dotted, mistakes
from reconciler.declarations.schema import DOCUMENTS
from reconciler.model.declared import EVERYTHING, HOME, Allowance, Application, Declarations, Name, Repository
from reconciler.model.objects import Document
from reconciler.settings import AllowanceSettings

FINALIZER = "trueup.dev/prune"
"""Keeps an Application that is deleted until its objects are."""

ResourceKey: TypeAlias = tuple[str, Name]
"""Kind and name."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A Repository or an Application as it stands in the cluster."""

    kind: str
    name: Name
    uid: str
    version: str
    """Its resourceVersion."""
    generation: int
    finalizers: tuple[str, ...]
    deleted_at: str
    """RFC 3339; empty while nobody deletes it."""
    status: Document
    value: Repository | Application | None
    """None when it cannot be understood."""
    mistakes: tuple[str, ...] = ()

    @property
    def key(self) -> ResourceKey:
        """Kind and name."""
        return self.kind, self.name

    @property
    def declaration(self) -> tuple[object, ...]:
        """What of it is declared: while this stays the same, nothing was declared otherwise."""
        return self.uid, self.generation, bool(self.deleted_at)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is in force, and what is wrong with the rest."""

    declarations: Declarations
    problems: Mapping[ResourceKey, tuple[str, ...]]
    """Each names its field."""


def read(document: Document, kind: str) -> Resource:
    """One live object."""
    metadata = document["metadata"]
    value, found = _value(document, kind)
    return Resource(
        kind=kind,
        name=Name(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        generation=metadata["generation"],
        finalizers=tuple(metadata.get("finalizers") or ()),
        deleted_at=metadata.get("deletionTimestamp", ""),
        status=document.get("status") or {},
        value=value,
        mistakes=found,
    )


def accept(resources: Iterable[Resource], beside: Declarations, allowed: Callable[[str], Allowance]) -> Accepted:
    """Everything that is in force.

    Args:
        resources: all there are.
        beside: what files declare: they come first, and are in force already.
        allowed: what Applications of a namespace may touch.
    """
    problems: dict[ResourceKey, tuple[str, ...]] = {}
    repositories, applications = dict(beside.repositories), {}
    leaving: dict[Name, Application] = {}
    for resource in resources:
        value = resource.value
        if resource.deleted_at:
            if isinstance(value, Application) and FINALIZER in resource.finalizers:
                leaving[value.name] = replace(value, allowance=allowed(value.name.namespace))
        elif found := resource.mistakes or _twin(resource, beside):
            problems[resource.key] = found
        elif isinstance(value, Repository):
            repositories[value.name] = value
        elif isinstance(value, Application):
            applications[value.name] = replace(value, allowance=allowed(value.name.namespace))
    refused = _sift(applications, repositories, beside.applications)
    problems |= {("Application", name): found for name, found in refused.items()}
    everything = replace(
        beside,
        repositories=repositories,
        applications={**beside.applications, **applications},
        leaving={name: value for name, value in leaving.items() if name not in beside.applications},
        refused=frozenset(name for kind, name in problems if kind == "Application" and name not in beside.applications),
    )
    return Accepted(everything, problems)


def allowance_of(namespace: str, settings: Mapping[str, AllowanceSettings], *, is_resource: bool) -> Allowance:
    """What Applications that are declared in a namespace may touch."""
    entry = settings.get(namespace) or next((e for glob, e in settings.items() if fnmatchcase(namespace, glob)), None)
    if entry is None and (namespace == HOME or not is_resource):
        return EVERYTHING
    entry = entry or AllowanceSettings()
    return Allowance((namespace, *entry.namespaces), entry.kinds, entry.clusters, entry.cluster_objects)


def renamed_to(gone: Application, live: Iterable[Application]) -> Name | None:
    """The application that has what another had, sources and destination: it is the same one under another name."""
    return next((other.name for other in live if (other.sources, other.destination) == (gone.sources, gone.destination)), None)


def _value(document: Document, kind: str) -> tuple[Repository | Application | None, tuple[str, ...]]:
    metadata, model = document["metadata"], DOCUMENTS[kind]
    declared = {
        "apiVersion": document.get("apiVersion"),
        "kind": kind,
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "spec": document.get("spec"),
    }
    try:
        value = model.model_validate(declared).value()
    except ValidationError as error:
        return None, tuple(_told(path, message) for path, message in mistakes(error, model))
    return (replace(value, generation=metadata["generation"]) if isinstance(value, Application) else value), ()


def _twin(resource: Resource, beside: Declarations) -> tuple[str, ...]:
    known: Mapping[Name, Any] = beside.repositories if resource.kind == "Repository" else beside.applications
    return ("metadata.name: a file declares it already, and files come first",) if resource.name in known else ()


def _sift(
    applications: dict[Name, Application], repositories: Mapping[Name, Repository], beside: Mapping[Name, Application]
) -> Mapping[Name, tuple[str, ...]]:
    """Take out what cannot be in force, and then what depends on it, until all that is left can."""
    refused: dict[Name, tuple[str, ...]] = {}
    while True:
        everybody = {**beside, **applications}
        bad = {name: found for name, a in applications.items() if (found := _faults(a, repositories, everybody))}
        if not bad:
            return refused
        refused |= bad
        for name in bad:
            del applications[name]


def _faults(
    application: Application, repositories: Mapping[Name, Repository], applications: Mapping[Name, Application]
) -> tuple[str, ...]:
    found = [_told(path, message) for path, message in faults(application, repositories, applications)]
    destination, allowance = application.destination, application.allowance
    if not _is_allowed(destination.cluster, allowance.clusters):
        found.append(
            _told(("spec", "destination", "cluster"), f"{application.name.namespace} may not deploy to {destination.cluster}")
        )
    if destination.namespace and not _is_allowed(destination.namespace, allowance.namespaces):
        message = f"{application.name.namespace} may not deploy to namespace {destination.namespace}"
        found.append(_told(("spec", "destination", "namespace"), message))
    return tuple(found)


def _is_allowed(text: str, globs: Sequence[str] | None) -> bool:
    return globs is None or any(fnmatchcase(text, glob) for glob in globs)


def _told(path: tuple[str | int, ...], message: str) -> str:
    return f"{dotted(path)}: {message}"
