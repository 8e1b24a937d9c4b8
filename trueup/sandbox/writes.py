"""Create, replace, patch and apply: from a request to a new version of an object, or to a refusal.

Every write, of people and of controllers, goes this way: read as the server's types would, find out who owns what, prepare, check,
put. Nothing here waits, so a write is a transaction.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from trueup.sandbox import managed, prepare, validate
from trueup.sandbox.decode import Reading, Unreadable, blank, decode, misfits
from trueup.sandbox.defaults import fill_custom, fill_defaults
from trueup.sandbox.definitions import faults, pruned
from trueup.sandbox.kinds import Kinds, Resource
from trueup.sandbox.managed import Managers, Writer
from trueup.sandbox.patch import Inapplicable, json_patch, merge_patch, strategic_merge
from trueup.sandbox.paths import Options, Target
from trueup.sandbox.schema import Fields, named
from trueup.sandbox.status import (
    Cause,
    Refused,
    already_exists,
    bad_request,
    conflict,
    invalid,
    unnamed_error,
    unsupported_media_type,
)
from trueup.sandbox.store import Document, Store

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
META = Fields(known={"metadata": named("meta.v1.ObjectMeta")}, always=("metadata",))
CONDITIONAL = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("coordination.k8s.io", "Lease"),
    ("policy", "PodDisruptionBudget"),
}
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(slots=True)
class Answer:
    """What a write answers: 200 or 201, the object, and warnings for the client."""

    code: int
    document: Document
    warnings: list[str] = field(default_factory=list)


def timestamp() -> str:
    """Now, as the API writes times."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Writes:
    """All writes to one store."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self._store = store
        self._kinds = kinds

    def create(self, target: Target, body: Any, options: Options) -> Answer:
        """POST of a new object."""
        resource = target.resource
        answer = Answer(201, {})
        document = self._read(resource, _object(resource, body), options, answer)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        _set_namespace(target, metadata)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = prepare.generated_name(metadata["generateName"])
            if (resource.group, resource.kind) == ("", "Namespace"):
                metadata["labels"]["kubernetes.io/metadata.name"] = metadata["name"]
        named = Target(resource, target.namespace, metadata.get("name", ""))
        if self._store.get(resource.collection, target.namespace, named.name) is not None:
            raise already_exists(resource.plural, resource.group, named.name)
        managers = managed.parse(metadata.pop("managedFields", None))
        managers = managed.update(resource.type, self._blank(resource), document, managers, _writer(named, options))
        answer.document = self._put_new(named, document, managers, options)
        return answer

    def replace(self, target: Target, body: Any, options: Options) -> Answer:
        """PUT of a whole object."""
        resource = target.resource
        answer = Answer(200, {})
        document = self._read(resource, _object(resource, body), options, answer)
        live = self._live(target)
        is_conditional = resource.is_custom or (resource.group, resource.kind) in CONDITIONAL
        if is_conditional and not document["metadata"].get("resourceVersion"):
            cause = validate.wrong("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid(resource.plural, resource.group, target.name, [cause])
        uid = document["metadata"].get("uid")
        if uid and uid != live["metadata"]["uid"]:
            raise _uid_conflict(target, uid, live)
        answer.document = self._updated(target, live, document, options)
        return answer

    def patch(self, target: Target, content_type: str, patch: Any, options: Options) -> Answer:
        """PATCH other than apply."""
        resource = target.resource
        if options.is_forced is not None:
            cause = validate.forbidden("force", "may not be specified for non-apply patch")
            raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
        if content_type == STRATEGIC and resource.is_custom:
            accepted = f"{JSON_PATCH}, {MERGE}, {APPLY}"
            raise unsupported_media_type(
                f"the body of the request was in an unknown format - accepted media types include: {accepted}"
            )
        live = self._live(target)
        answer = Answer(200, {})
        merged = patched(resource, content_type, live, patch)
        document = self._read(resource, _object(resource, merged), options, answer, is_patch=True)
        uid = document["metadata"].get("uid", live["metadata"]["uid"])
        if uid != live["metadata"]["uid"]:
            raise invalid(resource.kind, resource.group, target.name, [validate.wrong("metadata.uid", uid, "field is immutable")])
        answer.document = self._updated(target, live, document, options)
        return answer

    def apply(self, target: Target, applied: Any, options: Options) -> Answer:
        """Server-side apply, which creates what is not there."""
        resource = target.resource
        if not options.has_manager:
            raise invalid("PatchOptions", "meta.k8s.io", "", [validate.required("fieldManager", "is required for apply patch")])
        applied = _applied(target, applied)
        live = self._store.get(resource.collection, target.namespace, target.name)
        if live is None and target.subresource:
            raise target.missing()
        if errors := list(misfits(resource.type, applied)):
            listed = errors[0] if len(errors) == 1 else "errors:\n" + "\n".join(f"  {error}" for error in errors)
            where = applied["metadata"].get("namespace", "")
            raise unnamed_error(f"failed to create typed patch object ({where}/{target.name}; {_gvk(applied)}): {listed}")
        if live is None:
            return self._apply_new(target, applied, options)
        return Answer(200, self._applied_over(target, live, applied, options))

    def _apply_new(self, target: Target, applied: Document, options: Options) -> Answer:
        resource = target.resource
        metadata = applied["metadata"]
        if uid := metadata.get("uid"):
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise conflict(resource.plural, resource.group, target.name, why)
        merged, managers = managed.apply(resource.type, {}, applied, {}, _writer(target, options))
        document = self._converted(resource, merged)
        _set_namespace(target, document["metadata"])
        return Answer(201, self._put_new(target, document, managers, options))

    def _applied_over(self, target: Target, live: Document, applied: Document, options: Options) -> Document:
        resource = target.resource
        wanted = applied["metadata"].get("resourceVersion")
        if wanted and wanted != live["metadata"]["resourceVersion"]:
            raise conflict(resource.plural, resource.group, target.name, MODIFIED)
        if (uid := applied["metadata"].get("uid")) and uid != live["metadata"]["uid"]:
            raise _uid_conflict(target, uid, live)
        managers = managed.parse(live["metadata"].get("managedFields"))
        plain = self._plain(resource, live)
        _check_versions(self._kinds, resource, managers)
        if not managers:
            first = Writer(managed.BEFORE_FIRST_APPLY, resource.api_version, timestamp())
            managers = managed.update(resource.type, self._blank(resource), plain, {}, first)
        merged, managers = managed.apply(resource.type, plain, applied, managers, _writer(target, options))
        document = plain if merged is plain else self._converted(resource, merged)
        return self._put_over(target, live, document, managers, options)

    def _updated(self, target: Target, live: Document, document: Document, options: Options) -> Document:
        resource = target.resource
        metadata = document["metadata"]
        if metadata.get("name") != target.name:
            raise bad_request(
                f"the name of the object ({metadata.get('name', '')}) does not match the name on the URL ({target.name})"
            )
        _set_namespace(target, metadata)
        if metadata.get("resourceVersion", live["metadata"]["resourceVersion"]) != live["metadata"]["resourceVersion"]:
            raise conflict(resource.plural, resource.group, target.name, MODIFIED)
        given = metadata.pop("managedFields", None)
        managers = managed.parse(live["metadata"].get("managedFields"))
        if not target.subresource and given is not None:
            is_wiped = given in ([], [{}])
            managers = {} if is_wiped else (managed.parse(given) or managers)
        if managers:  # without any, ownership begins anew with the next apply
            plain = self._plain(resource, live)
            managers = managed.update(resource.type, plain, document, managers, _writer(target, options))
        return self._put_over(target, live, document, managers, options)

    def _put_new(self, target: Target, document: Document, managers: Managers, options: Options) -> Document:
        resource = target.resource
        prepare.prepare_create(resource, document, timestamp())
        self._check_namespace(target)
        self._check(resource, document, None)
        if (resource.group, resource.kind) == ("", "Service"):
            prepare.allocate(self._store, document, None)
        _set_managers(document, managers)
        return document if options.is_dry_run else self._store.put(resource.collection, document)

    def _put_over(self, target: Target, live: Document, document: Document, managers: Managers, options: Options) -> Document:
        resource = target.resource
        document = {**document, "metadata": {**document["metadata"]}}
        document["metadata"].pop("managedFields", None)
        document = prepare.prepare_update(resource, target.subresource, live, document)
        if (resource.group, resource.kind) == ("", "Service"):
            document["spec"] = copy.deepcopy(document["spec"])
            prepare.allocate(self._store, document, live)
        self._check(resource, document, live)
        _set_managers(document, managers)
        document["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        if is_same(live, document):
            return live
        if options.is_dry_run:
            return document
        if (
            document["metadata"].get("deletionTimestamp")
            and not document["metadata"].get("finalizers")
            and not _is_namespace(resource)
        ):
            self._store.remove(resource.collection, document)
            return document
        return self._store.put(resource.collection, document)

    def _read(self, resource: Resource, body: Document, options: Options, answer: Answer, *, is_patch: bool = False) -> Document:
        """A body as the server's types read it, with defaults; unknown fields become warnings or a refusal."""
        reading = Reading()
        try:
            document = self._typed(resource, body, reading)
        except Unreadable as error:
            raise _unhandled(resource, str(error)) from error
        if reading.unknown and options.validation == "Strict":
            listed = ", ".join(f'unknown field "{path}"' for path in reading.unknown)
            if is_patch:
                shown = orjson.dumps(body).decode()
                raise invalid("", "", "", [validate.wrong("patch", shown, f"strict decoding error: {listed}")])
            raise _unhandled(resource, f"strict decoding error: {listed}")
        if options.validation in ("", "Warn"):
            answer.warnings += [f'unknown field "{path}"' for path in reading.unknown]
        return document

    def _typed(self, resource: Resource, body: Document, reading: Reading) -> Document:
        if resource.validation is None:
            document: Document = decode(resource.type, body, reading)
            document |= {"kind": resource.kind, "apiVersion": resource.api_version}
            fill_defaults(resource.group, document)
            return document
        document = pruned(resource.validation, body, reading.unknown)
        metadata = decode(META, {"metadata": body.get("metadata") or {}}, reading)["metadata"]
        document = fill_custom(resource.type, _without_nulls(document))
        return {**document, "kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}

    def _converted(self, resource: Resource, merged: Document) -> Document:
        """A merged document as the server's types print it."""
        try:
            return self._typed(resource, merged, Reading())
        except Unreadable as error:
            text = f"unable to convert unstructured object to {_gvk(merged)}: error decoding from json: {error}"
            where = f"{merged['metadata'].get('namespace', '')}/{merged['metadata'].get('name', '')}; {_gvk(merged)}"
            raise unnamed_error(f"failed to convert new object ({where}) to proper version: {text}") from error

    def _live(self, target: Target) -> Document:
        live = self._store.get(target.resource.collection, target.namespace, target.name)
        if live is None:
            raise target.missing()
        return live

    def _plain(self, resource: Resource, live: Document) -> Document:
        """The live object without its managed fields, at the version of the request."""
        metadata = {name: value for name, value in live["metadata"].items() if name != "managedFields"}
        return {**live, "apiVersion": resource.api_version, "metadata": metadata}

    def _blank(self, resource: Resource) -> Document:
        return {"metadata": {}} if resource.is_custom else blank(resource.type)

    def _check(self, resource: Resource, document: Document, live: Document | None) -> None:
        causes = list(validate.check_object(resource, document)) if live is None or not _same_content(live, document) else []
        if live is not None:
            causes += validate.check_change(resource, live, document)
        if resource.validation is not None:
            causes += faults(resource.validation, document)
        if causes:
            raise invalid(resource.kind, resource.group, document["metadata"].get("name", ""), causes)

    def _check_namespace(self, target: Target) -> None:
        if not target.resource.is_namespaced:
            return
        namespace = self._store.get(("", "namespaces"), "", target.namespace)
        if namespace is None:
            raise Target(self._kinds.of("", "namespaces"), name=target.namespace).missing()
        if namespace["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
            cause = Cause("NamespaceTerminating", f"namespace {target.namespace} is being terminated", "metadata.namespace")
            raise target.forbidden(why, (cause,))


def patched(resource: Resource, content_type: str, live: Document, patch: Any) -> Any:
    """The live object with a patch of this content type on it."""
    match content_type:
        case "application/json-patch+json":
            if not isinstance(patch, list):
                kind = "string" if isinstance(patch, str) else "object"
                raise bad_request(
                    f"error decoding patch: json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp"
                )
            try:
                return json_patch(live, [step for step in patch if isinstance(step, dict)])
            except Inapplicable as error:
                message = "the server rejected our request due to an error in our request"
                raise Refused(422, "Invalid", message, {}) from error
        case "application/merge-patch+json" | "application/strategic-merge-patch+json" if not isinstance(patch, dict):
            raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
        case "application/merge-patch+json":
            return merge_patch(live, patch)
        case _:
            return strategic_merge(resource.type, live, patch)


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


def _writer(target: Target, options: Options) -> Writer:
    resource = target.resource
    ignored = prepare.ignored_fields(resource, target.subresource)
    is_forced = bool(options.is_forced)
    return Writer(options.manager, resource.api_version, timestamp(), target.subresource, is_forced=is_forced, ignored=ignored)


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


def _applied(target: Target, applied: Any) -> Document:
    """The applied document, if it is one for this target."""
    resource = target.resource
    if applied is not None and not isinstance(applied, dict):
        kind = "array" if isinstance(applied, list) else "string"
        into = "Go value of type map[string]interface {}"
        raise bad_request(
            f"error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into {into}"
        )
    applied = applied or {}
    if (applied.get("apiVersion"), applied.get("kind")) != (resource.api_version, resource.kind):
        raise bad_request(f"invalid object type: {_gvk(applied)}")
    metadata = applied.get("metadata") or {}
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
    return {**applied, "metadata": metadata}


def _gvk(document: Mapping[str, Any]) -> str:
    version = str(document.get("apiVersion", ""))
    return f"{version if '/' in version else '/' + version}, Kind={document.get('kind', '')}"


def _unhandled(resource: Resource, why: str) -> Refused:
    return bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}')


def _uid_conflict(target: Target, uid: str, live: Document) -> Refused:
    resource = target.resource
    why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {live['metadata']['uid']}"
    return conflict(resource.plural, resource.group, target.name, why)


def _set_namespace(target: Target, metadata: dict[str, Any]) -> None:
    given = metadata.get("namespace", "")
    if not target.resource.is_namespaced:
        metadata.pop("namespace", None)
    elif given not in ("", target.namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        metadata["namespace"] = target.namespace


def _set_managers(document: Document, managers: Managers) -> None:
    document["metadata"].pop("managedFields", None)
    if managers:
        document["metadata"]["managedFields"] = managed.printed(managers)


def _check_versions(kinds: Kinds, resource: Resource, managers: Managers) -> None:
    """A custom resource cannot be applied while somebody owns fields at a version that is served no more."""
    if resource.is_custom:
        served = {each.api_version for each in kinds if each.collection == resource.collection}
        if stale := next((entry.api_version for entry in managers.values() if entry.api_version not in served), None):
            raise unnamed_error(f"request to convert CR to an invalid group/version: {stale}")


def _is_namespace(resource: Resource) -> bool:
    return (resource.group, resource.kind) == ("", "Namespace")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(child) for name, child in value.items() if child is not None}
    return value
