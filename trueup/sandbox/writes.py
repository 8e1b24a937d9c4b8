"""Create, replace, patch and apply: from a request to a new version of an object, or to a refusal.

Every write, of people and of controllers, goes this way: read as the server's types would (`reading`), find out who owns what
(`managed`), prepare, check, put (`put`). Nothing here waits, so a write is a transaction.
"""

from dataclasses import dataclass, field
from typing import Any

from trueup.sandbox import managed, prepare, reading, validate
from trueup.sandbox.kinds import Kinds, Resource
from trueup.sandbox.managed import Managers, Writer
from trueup.sandbox.patch import APPLY, JSON_PATCH, MERGE, STRATEGIC, patched
from trueup.sandbox.paths import Options, Target
from trueup.sandbox.put import Draft, put_new, put_over, set_namespace
from trueup.sandbox.scale import replicas_of
from trueup.sandbox.status import already_exists, bad_request, conflict, invalid, unnamed_error, unsupported_media_type
from trueup.sandbox.store import Document, Store
from trueup.sandbox.views import at_version

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


class Writes:
    """All writes to one store."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self._store = store
        self._kinds = kinds

    def create(self, target: Target, body: Any, options: Options) -> Answer:
        """POST of a new object."""
        resource = target.resource
        answer = Answer(201, {})
        document = reading.read(resource, body, options.validation, answer.warnings)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        set_namespace(target, metadata)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = prepare.generated_name(metadata["generateName"])
            if (resource.group, resource.kind) == ("", "Namespace"):
                metadata["labels"]["kubernetes.io/metadata.name"] = metadata["name"]
        named = Target(resource, target.namespace, metadata.get("name", ""))
        if self._store.get(resource.collection, target.namespace, named.name) is not None:
            raise already_exists(resource.plural, resource.group, named.name)
        metadata.pop("managedFields", None)
        managers = managed.update(resource.type, reading.empty(resource), document, {}, _writer(named, options))
        answer.document = put_new(self._store, self._kinds, named, Draft(document, managers), is_dry_run=options.is_dry_run)
        return answer

    def replace(self, target: Target, body: Any, options: Options) -> Answer:
        """PUT of a whole object."""
        resource = target.resource
        answer = Answer(200, {})
        document = reading.read(resource, body, options.validation, answer.warnings)
        live = self._live(target)
        is_conditional = resource.is_custom or (resource.group, resource.kind) in CONDITIONAL
        if is_conditional and not document["metadata"].get("resourceVersion"):
            cause = validate.wrong("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid(resource.plural, resource.group, target.name, [cause])
        uid = document["metadata"].get("uid")
        if uid and uid != live["metadata"]["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {live['metadata']['uid']}"
            raise conflict(resource.plural, resource.group, target.name, why)
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
        merged = patched(resource, content_type, at_version(resource, live), patch)
        document = reading.read(resource, merged, options.validation, answer.warnings, is_patch=True)
        _check_uid(target, live, document["metadata"])
        if merged["metadata"].get("managedFields") == []:  # says that they are to be forgotten, which reading it does not keep
            document["metadata"]["managedFields"] = []
        answer.document = self._updated(target, live, document, options)
        return answer

    def apply(self, target: Target, body: Any, options: Options) -> Answer:
        """Server-side apply, which creates what is not there."""
        resource = target.resource
        if not options.has_manager:
            raise invalid("PatchOptions", "meta.k8s.io", "", [validate.required("fieldManager", "is required for apply patch")])
        live = self._store.get(resource.collection, target.namespace, target.name)
        if live is None and target.subresource:
            raise target.missing()
        applied = reading.applied(target, body)
        if live is None:
            return self._apply_new(target, applied, options)
        return Answer(200, self._applied_over(target, live, applied, options))

    def _apply_new(self, target: Target, applied: Document, options: Options) -> Answer:
        resource = target.resource
        if uid := applied["metadata"].get("uid"):
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise conflict(resource.plural, resource.group, target.name, why)
        merged, managers = managed.apply(resource.type, {}, applied, {}, _writer(target, options))
        document = reading.converted(resource, merged)
        set_namespace(target, document["metadata"])
        return Answer(201, put_new(self._store, self._kinds, target, Draft(document, managers), is_dry_run=options.is_dry_run))

    def _applied_over(self, target: Target, live: Document, applied: Document, options: Options) -> Document:
        resource = target.resource
        wanted = applied["metadata"].get("resourceVersion")
        if wanted and wanted != live["metadata"]["resourceVersion"]:
            raise conflict(resource.plural, resource.group, target.name, MODIFIED)
        managers = managed.parse(live["metadata"].get("managedFields"))
        plain = _plain(resource, live)
        _check_versions(self._kinds, resource, managers)
        if not managers:
            first = Writer(managed.BEFORE_FIRST_APPLY, resource.api_version, prepare.timestamp())
            managers = managed.update(resource.type, reading.empty(resource), plain, {}, first)
        merged, managers = managed.apply(resource.type, plain, applied, managers, _writer(target, options))
        document = plain if merged is plain else reading.converted(resource, merged)
        _check_uid(target, live, applied["metadata"])
        return put_over(self._store, target, live, Draft(document, managers), is_dry_run=options.is_dry_run)

    def _updated(self, target: Target, live: Document, document: Document, options: Options) -> Document:
        resource = target.resource
        metadata = document["metadata"]
        if metadata.get("name") != target.name:
            raise bad_request(
                f"the name of the object ({metadata.get('name', '')}) does not match the name on the URL ({target.name})"
            )
        set_namespace(target, metadata)
        if metadata.get("resourceVersion", live["metadata"]["resourceVersion"]) != live["metadata"]["resourceVersion"]:
            raise conflict(resource.plural, resource.group, target.name, MODIFIED)
        given = metadata.pop("managedFields", None)
        managers = managed.parse(live["metadata"].get("managedFields"))
        if not target.subresource and given is not None:
            is_wiped = given in ([], [{}])
            managers = {} if is_wiped else (managed.parse(given) or managers)
        if managers:  # without any, ownership begins anew with the next apply
            plain = _plain(resource, live)
            managers = managed.update(resource.type, plain, document, managers, _writer(target, options))
        if target.subresource == "scale" and not replicas_of(target, document):
            managers.pop(managed.updater(_writer(target, options)), None)  # a Scale of 0 is written without the field
        return put_over(self._store, target, live, Draft(document, managers), is_dry_run=options.is_dry_run)

    def _live(self, target: Target) -> Document:
        live = self._store.get(target.resource.collection, target.namespace, target.name)
        if live is None:
            raise target.missing()
        return live


def _plain(resource: Resource, live: Document) -> Document:
    """The live object without its managed fields, at the version of the request."""
    metadata = {name: value for name, value in live["metadata"].items() if name != "managedFields"}
    return {**live, "apiVersion": resource.api_version, "metadata": metadata}


def _check_uid(target: Target, live: Document, metadata: Document) -> None:
    if (uid := metadata.get("uid") or live["metadata"]["uid"]) != live["metadata"]["uid"]:
        cause = validate.wrong("metadata.uid", uid, "field is immutable")
        raise invalid(target.resource.kind, target.resource.group, target.name, [cause])


def _check_versions(kinds: Kinds, resource: Resource, managers: Managers) -> None:
    """A custom resource cannot be applied while somebody owns fields at a version that is served no more."""
    if resource.is_custom:
        served = {each.api_version for each in kinds if each.collection == resource.collection}
        if stale := next((entry.api_version for entry in managers.values() if entry.api_version not in served), None):
            raise unnamed_error(f"request to convert CR to an invalid group/version: {stale}")


def _writer(target: Target, options: Options) -> Writer:
    resource = target.resource
    ignored = prepare.ignored_fields(resource, target.subresource)
    is_forced = bool(options.is_forced)
    now = prepare.timestamp()
    return Writer(options.manager, resource.api_version, now, target.subresource, is_forced=is_forced, ignored=ignored)
