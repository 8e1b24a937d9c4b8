"""The resources that are served: the built-in ones of the table, and those that definitions added."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from trueup.sandbox.schema import Type, named, table
from trueup.sandbox.status import NoSuchPath, Refused, no_such_resource

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a custom resource keeps what `/scale` shows, as field names from the top."""

    replicas: tuple[str, ...] = ("spec", "replicas")
    status_replicas: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource at one version. `validation` is the OpenAPI schema of a custom resource, None for built-in kinds."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    is_namespaced: bool
    type: Type
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    validation: dict[str, Any] | None = None
    columns: tuple[dict[str, Any], ...] = ()
    scale: ScalePaths = field(default_factory=ScalePaths)
    list_kind: str = ""

    @property
    def api_version(self) -> str:
        """As in `apiVersion`: `apps/v1`, `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def collection(self) -> tuple[str, str]:
        """What all versions of the resource share in the store."""
        return self.group, self.plural

    @property
    def is_custom(self) -> bool:
        """Was it added by a definition?"""
        return self.validation is not None


class Kinds:
    """All resources that are served now."""

    def __init__(self) -> None:
        self._resources: dict[tuple[str, str, str], Resource] = {}
        for resource in built_in():
            self.add(resource)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """One resource by its place in the path."""
        return self._resources.get((group, version, plural))

    def of(self, group: str, plural: str) -> Resource:
        """A resource at any version that is served."""
        return next(resource for resource in self if resource.collection == (group, plural))

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """One resource by what its objects say of themselves."""
        return next((r for r in self if r.kind == kind and r.api_version == api_version), None)

    def has_group(self, group: str, version: str = "") -> bool:
        """Is anything served there?"""
        return any(r.group == group and version in ("", r.version) for r in self)

    def unserved(self, group: str) -> Refused:
        """404 for a path of this group that leads nowhere; the API server knows its own groups by name."""
        is_built_in = any(resource.group == group and not resource.is_custom for resource in self)
        return no_such_resource() if is_built_in else NoSuchPath()

    def add(self, resource: Resource) -> None:
        """Serve it from now on."""
        self._resources[resource.group, resource.version, resource.plural] = resource

    def replace(self, collection: tuple[str, str], resources: Iterable[Resource]) -> None:
        """Serve exactly these versions of a resource."""
        for key in [key for key, resource in self._resources.items() if resource.collection == collection]:
            del self._resources[key]
        for resource in resources:
            self.add(resource)


def built_in() -> Iterator[Resource]:
    """The resources of the table."""
    for row in table()["resources"]:
        yield Resource(
            group=row["group"],
            version=row["version"],
            kind=row["kind"],
            plural=row["plural"],
            singular=row["singular"],
            is_namespaced=row["namespaced"],
            type=named(row["type"]),
            short_names=tuple(row["short"]),
            categories=tuple(row["categories"]),
            subresources=tuple(row["subresources"]),
            list_kind=f"{row['kind']}List",
        )
