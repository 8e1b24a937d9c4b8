"""Who owns which field: `metadata.managedFields` through applies and updates.

`apply` and `update` are what the server does with ownership when an object is applied (server-side apply) or written in any other
way. They decide; writing is somebody else's. Rules: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and
https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/merge, and where those are silent a real API server was asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from trueup.sandbox import fields as sets
from trueup.sandbox.fields import Tree
from trueup.sandbox.schema import Type
from trueup.sandbox.status import Cause, Refused
from trueup.sandbox.typed import Comparison, compare, field_set, merge, remove

APPLY, UPDATE = "Apply", "Update"
BEFORE_FIRST_APPLY = "before-first-apply"
UNTRACKED = ("f:apiVersion", "f:kind")
UNTRACKED_METADATA = tuple(
    f"f:{name}"
    for name in (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    )
)
# https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/fieldmanager.go
MOST_UPDATE_MANAGERS = 10


@dataclass(frozen=True, slots=True)
class Manager:
    """Whose entry it is. An applier keeps its entry across versions, so its version is not part of this."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """The fields of one manager, the version they are written in, and when they last changed (RFC 3339, seconds)."""

    fields: Tree
    api_version: str
    time: str


Managers: TypeAlias = dict[Manager, Entry]


@dataclass(frozen=True, slots=True)
class Writer:
    """One write: who, through which subresource, at which version, when, and which fields it may not touch."""

    name: str
    api_version: str
    time: str
    subresource: str = ""
    is_forced: bool = False
    ignored: Tree | None = None


def parse(entries: Sequence[Mapping[str, Any]] | None) -> Managers:
    """Read `metadata.managedFields`; entries that cannot be read are an empty set, as the server forgives them."""
    managers: Managers = {}
    for entry in entries or ():
        fields = entry.get("fieldsV1")
        operation, version = entry.get("operation", ""), entry.get("apiVersion", "")
        if operation not in (APPLY, UPDATE) or not isinstance(fields, dict):
            return {}
        key = _key(entry.get("manager", ""), operation, version, entry.get("subresource", ""))
        managers[key] = Entry(fields, version, entry.get("time", ""))
    return managers


def printed(managers: Managers) -> list[dict[str, Any]]:
    """`metadata.managedFields` in the server's order: appliers first, then by time and name."""
    order = sorted(managers.items(), key=lambda pair: (pair[0].operation, pair[1].time, pair[0].name, pair[1].api_version))
    return [_entry(manager, entry) for manager, entry in order]


def _entry(manager: Manager, entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {"manager": manager.name, "operation": manager.operation, "apiVersion": entry.api_version}
    if entry.time:
        shown["time"] = entry.time
    shown |= {"fieldsType": "FieldsV1", "fieldsV1": sets.in_order(entry.fields)}
    return shown | ({"subresource": manager.subresource} if manager.subresource else {})


def apply(kind: Type, live: Any, applied: Any, managers: Managers, writer: Writer) -> tuple[Any, Managers]:
    """Merge an applied document into the live one; both without managedFields.

    Returns the new document (`live` itself when nothing changes) and the new managers.

    Raises:
        Refused: 409 that names every manager and field in the way, unless the writer forces.
    """
    me = _key(writer.name, APPLY, "", writer.subresource)
    last = managers.get(me)
    mine = _tracked(field_set(kind, applied), writer)
    managers = {**managers, me: Entry(mine, writer.api_version, writer.time)}
    merged = merge(kind, live, applied)
    if last and not sets.is_subset(last.fields, mine):
        merged = _without_dropped(kind, merged, managers, last.fields)
    managers = _taken_from_others(managers, me, compare(kind, live, merged), writer)
    if not mine:
        managers.pop(me, None)
    elif merged == live:  # the time tells when the object changed, not when somebody asked
        managers[me] = Entry(mine, writer.api_version, last.time if last else "")
    return (live if merged == live else merged), managers


def update(kind: Type, live: Any, new: Any, managers: Managers, writer: Writer) -> Managers:
    """The managers after a create, replace or patch turned `live` into `new`; whoever changes a field owns it."""
    me = updater(writer)
    difference = compare(kind, live, new)
    changed = _tracked(sets.union(difference.added, difference.modified), writer)
    before = managers.get(me)
    managers = _taken_from_others(managers, me, difference, replace(writer, is_forced=True))
    kept = sets.difference(before.fields, difference.removed) if before else {}
    mine = sets.union(kept, changed)
    if not mine:
        managers.pop(me, None)
    elif before is None or mine != before.fields:
        managers[me] = Entry(mine, writer.api_version, writer.time)
    return _capped(managers)


def updater(writer: Writer) -> Manager:
    """Whose entry an update by this writer goes to."""
    return _key(writer.name, UPDATE, writer.api_version, writer.subresource)


def _key(name: str, operation: str, version: str, subresource: str) -> Manager:
    return Manager(name, operation, "" if operation == APPLY else version, subresource)


def _tracked(tree: Tree, writer: Writer) -> Tree:
    """The set without what nobody owns: identity, and fields that this writer's request does not change."""
    result = {element: node for element, node in tree.items() if element not in UNTRACKED}
    metadata = result.get("f:metadata")
    if metadata is not None:
        kept = {element: node for element, node in metadata.items() if element not in UNTRACKED_METADATA and element != "."}
        if kept:
            result["f:metadata"] = kept
        else:
            del result["f:metadata"]
    return _without_below(result, writer.ignored) if writer.ignored else result


def _without_below(tree: Tree, ignored: Tree) -> Tree:
    """The set without the ignored paths and everything below them."""
    result: Tree = {}
    for element, node in tree.items():
        below = ignored.get(element)
        if below is None:
            result[element] = node
        elif below and (kept := _without_below(node, below)):
            result[element] = kept
    return result


def _taken_from_others(managers: Managers, me: Manager, difference: Comparison, writer: Writer) -> Managers:
    changed = sets.union(difference.added, difference.modified)
    if writer.ignored:
        changed = _without_below(changed, writer.ignored)
    if not changed and not difference.removed:
        return dict(managers)
    conflicts = {
        manager: overlap
        for manager, entry in managers.items()
        if manager != me and (overlap := sets.intersection(entry.fields, changed))
    }
    if conflicts and not writer.is_forced:
        raise _conflicts(conflicts, managers)
    result: Managers = {}
    for manager, entry in managers.items():
        fields = entry.fields
        if manager != me:
            fields = sets.difference(fields, conflicts.get(manager, {}))
            fields = sets.difference(fields, difference.removed)
        if fields or manager == me:
            result[manager] = entry if fields == entry.fields else replace(entry, fields=fields)
    return result


def _conflicts(conflicts: Mapping[Manager, Tree], managers: Managers) -> Refused:
    named = sorted((_described(manager, managers[manager]), list(sets.paths(tree))) for manager, tree in conflicts.items())
    causes = [Cause("FieldManagerConflict", f"conflict with {who}", path) for who, paths in named for path in paths]
    count = "1 conflict" if len(causes) == 1 else f"{len(causes)} conflicts"
    if len(causes) == 1:
        text = f"conflict with {named[0][0]}: {named[0][1][0]}"
    else:
        text = "\n".join(f"conflicts with {who}:\n{_bullets(paths)}" for who, paths in named)
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    return Refused(409, "Conflict", f"Apply failed with {count}: {text}", {"causes": listed})


def _bullets(paths: Iterable[str]) -> str:
    return "\n".join(f"- {path}" for path in paths)


def _described(manager: Manager, entry: Entry) -> str:
    text = f'"{manager.name}"'
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    if manager.operation == UPDATE:
        text += f" using {entry.api_version}"
    return text


def _without_dropped(kind: Type, merged: Any, managers: Managers, last: Tree) -> Any:
    """Take out what the applier named last time and names no more, save what any manager owns now."""
    owned: Tree = {}
    for entry in managers.values():
        owned = sets.union(owned, entry.fields)
    everything = sets.with_named_fields(field_set(kind, merged), kind)
    dropped = sets.with_named_fields(last, kind)
    pruned = remove(kind, merged, dropped)
    kept = sets.union(_named_set(kind, pruned), sets.with_named_fields(owned, kind))
    pruned = remove(kind, merged, sets.difference(everything, kept))
    gone = sets.difference(everything, _named_set(kind, pruned))
    return remove(kind, merged, sets.intersection(gone, dropped)) or {}


def _named_set(kind: Type, value: Any) -> Tree:
    return sets.with_named_fields(field_set(kind, value), kind) if value else {}


def _capped(managers: Managers) -> Managers:
    """At most ten managers that update; the oldest are put together under one name."""
    updates = sorted(
        (manager for manager in managers if manager.operation == UPDATE and not manager.subresource),
        key=lambda manager: managers[manager].time,
    )
    excess = len(updates) - MOST_UPDATE_MANAGERS
    if excess <= 0:
        return managers
    oldest = updates[: excess + 1]
    together: Tree = {}
    for manager in oldest:
        together = sets.union(together, managers[manager].fields)
    first = managers[oldest[-1]]
    result = {manager: entry for manager, entry in managers.items() if manager not in oldest}
    result[_key("ancient-changes", UPDATE, first.api_version, "")] = replace(first, fields=together)
    return result
