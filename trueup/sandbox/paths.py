"""What a request is about: its path and its query, taken apart.

Paths: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trueup.sandbox.kinds import Kinds, Resource
from trueup.sandbox.status import Cause, NoSuchPath, Refused, bad_request, forbidden, invalid, not_found

LONGEST_MANAGER = 128
VALIDATIONS = ("", "Ignore", "Strict", "Warn")
PROPAGATIONS = ("Foreground", "Background", "Orphan")
TRUE = ("1", "true", "True")


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (`name` is empty) or one object, perhaps one of its subresources."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def missing(self) -> Refused:
        """404 for this object."""
        return not_found(self.resource.plural, self.resource.group, self.name)

    def forbidden(self, why: str, causes: tuple[Cause, ...] = ()) -> Refused:
        """403 for this object."""
        return forbidden(self.resource.plural, self.resource.group, self.name, why, causes)


def parse_path(kinds: Kinds, path: str) -> Target:
    """The target of a path below `/api/v1/` or `/apis/GROUP/VERSION/`.

    Raises:
        Refused: 404 when nothing is served there.
    """
    match [part for part in path.split("/") if part]:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            raise NoSuchPath
    match rest:
        case ["namespaces", namespace, plural, *tail] if _is_namespaced(kinds, group, version, plural):
            pass
        case [plural, *tail]:
            namespace = ""
        case _:
            raise kinds.unserved(group)
    resource = kinds.find(group, version, plural)
    if resource is None or len(tail) > 2:
        raise kinds.unserved(group)
    name, subresource = (*tail, "", "")[:2]
    if name and resource.is_namespaced and not namespace:
        raise kinds.unserved(group)
    if subresource and subresource not in resource.subresources:
        raise kinds.unserved(group)
    return Target(resource, namespace, name, subresource)


def _is_namespaced(kinds: Kinds, group: str, version: str, plural: str) -> bool:
    resource = kinds.find(group, version, plural)
    return resource is not None and resource.is_namespaced


@dataclass(frozen=True, slots=True)
class Options:
    """How a write is to be done."""

    manager: str
    has_manager: bool = False
    is_dry_run: bool = False
    is_forced: bool | None = None
    validation: str = ""


def parse_options(query: Mapping[str, str], user_agent: str, kind: str) -> Options:
    """Read the query of a write; `kind` is the options' own kind, such as `PatchOptions`, for messages.

    Raises:
        Refused: 400 or 422 for values that are not known.
    """
    causes = []
    dry_run = query.get("dryRun")
    if dry_run not in (None, "All"):
        causes.append(_unsupported("dryRun", f'["{dry_run}"]', '"All"'))
    validation = query.get("fieldValidation", "")
    if validation not in VALIDATIONS:
        causes.append(_unsupported("fieldValidation", f'"{validation}"', ", ".join(f'"{each}"' for each in VALIDATIONS)))
    manager = query.get("fieldManager", "")
    if len(manager) > LONGEST_MANAGER:
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {LONGEST_MANAGER} bytes", "fieldManager"))
    if causes:
        raise invalid(kind, "meta.k8s.io", "", causes)
    force = query.get("force")
    return Options(
        manager=manager or user_agent.partition("/")[0][:LONGEST_MANAGER] or "unknown",
        has_manager=bool(manager),
        is_dry_run=dry_run is not None,
        is_forced=None if force is None else force in TRUE,
        validation=validation,
    )


@dataclass(frozen=True, slots=True)
class Deletion:
    """How a deletion is to be done."""

    is_dry_run: bool = False
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    grace_seconds: int | None = None


def parse_deletion(query: Mapping[str, str], body: Any) -> Deletion:
    """Read the query and the DeleteOptions of a deletion; the body wins.

    Raises:
        Refused: 400 or 422 for values that are not known.
    """
    if body is not None and not isinstance(body, dict):
        raise bad_request("the body of a deletion must be DeleteOptions")
    given = body or {}
    if given.get("kind", "DeleteOptions") != "DeleteOptions":
        raise bad_request(f"the object provided is unrecognized (must be of type DeleteOptions): {given['kind']}")
    propagation = given.get("propagationPolicy") or query.get("propagationPolicy", "")
    if propagation and propagation not in PROPAGATIONS:
        supported = ", ".join(f'"{each}"' for each in (*PROPAGATIONS, "nil"))
        raise invalid("DeleteOptions", "meta.k8s.io", "", [_unsupported("propagationPolicy", f'"{propagation}"', supported)])
    dry_run = given.get("dryRun") or ([query["dryRun"]] if "dryRun" in query else [])
    if dry_run not in ([], ["All"]):
        raise invalid("DeleteOptions", "meta.k8s.io", "", [_unsupported("dryRun", str(dry_run).replace("'", '"'), '"All"')])
    preconditions = given.get("preconditions") or {}
    return Deletion(
        is_dry_run=bool(dry_run),
        propagation=propagation,
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
    )


def _unsupported(field: str, value: str, supported: str) -> Cause:
    return Cause("FieldValueNotSupported", f"Unsupported value: {value}: supported values: {supported}", field)
