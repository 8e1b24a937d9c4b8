"""The last part of every write: prepare a document, check it, and put it into the store, or refuse it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trueup.sandbox import managed, prepare
from trueup.sandbox.definitions import faults
from trueup.sandbox.kinds import Kinds, Resource
from trueup.sandbox.managed import Managers
from trueup.sandbox.paths import Target
from trueup.sandbox.status import Cause, bad_request, invalid
from trueup.sandbox.store import Document, Store
from trueup.sandbox.validate_changes import check_change
from trueup.sandbox.validate_kinds import check_object


@dataclass(frozen=True, slots=True)
class Draft:
    """What a write would make of an object, and who would own what of it."""

    document: Document
    managers: Managers


def put_new(store: Store, kinds: Kinds, target: Target, draft: Draft, *, is_dry_run: bool) -> Document:
    """Put an object that was not there.

    Raises:
        Refused: 404 or 403 for its namespace, 422 for what is wrong with it.
    """
    resource, document = target.resource, draft.document
    prepare.prepare_create(resource, document, prepare.timestamp())
    _check_namespace(store, kinds, target)
    _check(resource, document, None)
    if _is_service(resource):
        prepare.allocate(store, document, None)
    _set_managers(document, draft.managers)
    return document if is_dry_run else store.put(resource.collection, document)


def put_over(store: Store, target: Target, live: Document, draft: Draft, *, is_dry_run: bool) -> Document:
    """Put an object over a living one; nothing is written when nothing changes.

    Raises:
        Refused: 422 for what is wrong with it or may not change.
    """
    resource = target.resource
    document = {**draft.document, "metadata": {**draft.document["metadata"]}}
    document["metadata"].pop("managedFields", None)
    document = prepare.prepare_update(resource, target.subresource, live, document)
    if _is_service(resource):
        document["spec"] = copy.deepcopy(document["spec"])
        prepare.allocate(store, document, live)
    _check(resource, document, live)
    _set_managers(document, draft.managers)
    document["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    if is_same(live, document):
        return live
    if is_dry_run:
        return document
    if _is_over(resource, document["metadata"]):
        store.remove(resource.collection, document)
        return document
    return store.put(resource.collection, document)


def set_namespace(target: Target, metadata: dict[str, Any]) -> None:
    """Place an object where the path says.

    Raises:
        Refused: 400 when it says otherwise.
    """
    given = metadata.get("namespace", "")
    if not target.resource.is_namespaced:
        metadata.pop("namespace", None)
    elif given not in ("", target.namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        metadata["namespace"] = target.namespace


def is_same(a: Document, b: Document) -> bool:
    """Is there nothing to write? Times in managed fields do not count by themselves."""
    if a == b:
        return True
    return _same_content(a, b) and _timeless(a) == _timeless(b)


def _same_content(a: Document, b: Document) -> bool:
    keys = a.keys() | b.keys()
    if any(a.get(key) != b.get(key) for key in keys if key != "metadata"):
        return False
    return _without_entries(a["metadata"]) == _without_entries(b["metadata"])


def _without_entries(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name not in ("managedFields", "resourceVersion")}


def _timeless(document: Document) -> list[dict[str, Any]]:
    entries = document["metadata"].get("managedFields") or ()
    timeless = [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
    return sorted(
        timeless, key=lambda entry: (entry["operation"], entry["manager"], entry.get("subresource", ""), entry["apiVersion"])
    )


def _check(resource: Resource, document: Document, live: Document | None) -> None:
    causes = list(check_object(resource, document)) if live is None or not _same_content(live, document) else []
    if live is not None:
        causes += check_change(resource, live, document)
    if resource.validation is not None:
        causes += faults(resource.validation, document)
    if causes:
        raise invalid(resource.kind, resource.group, document["metadata"].get("name", ""), causes)


def _check_namespace(store: Store, kinds: Kinds, target: Target) -> None:
    if not target.resource.is_namespaced:
        return
    namespace = store.get(("", "namespaces"), "", target.namespace)
    if namespace is None:
        raise Target(kinds.of("", "namespaces"), name=target.namespace).missing()
    if namespace["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
        cause = Cause("NamespaceTerminating", f"namespace {target.namespace} is being terminated", "metadata.namespace")
        raise target.forbidden(why, (cause,))


def _is_over(resource: Resource, metadata: Mapping[str, Any]) -> bool:
    """Was it waiting for its finalizers, and are they gone now? A namespace waits for its content."""
    is_namespace = (resource.group, resource.kind) == ("", "Namespace")
    return bool(metadata.get("deletionTimestamp")) and not metadata.get("finalizers") and not is_namespace


def _is_service(resource: Resource) -> bool:
    return (resource.group, resource.kind) == ("", "Service")


def _set_managers(document: Document, managers: Managers) -> None:
    document["metadata"].pop("managedFields", None)
    if managers:
        document["metadata"]["managedFields"] = managed.printed(managers)
