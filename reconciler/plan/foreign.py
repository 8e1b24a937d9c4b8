"""Fields that others hold beside ours: which are taken out, which are left, and how they are taken out without touching content.

A field goes when nobody owns it any more. So what is to go is first made ours, by rewriting `managedFields`, and the apply that
follows, which does not name it, removes it. Taken over are the fields of tools in people's hands; of an object that is applied as a
whole, those of everybody but Kubernetes itself. What an ignore rule names stays with whoever holds it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.model.objects import FieldSet, LiveMetadata, ManagerEntry, Manifest
from reconciler.model.options import ApplyMode
from reconciler.model.patterns import FieldPattern, Part
from reconciler.model.policy import ForeignPolicy, IgnoreRule
from reconciler.plan.claim import our_entry
from reconciler.plan.fieldset import less, split, union
from reconciler.plan.ignore import rules_about
from reconciler.plan.marks import APPLIED
from reconciler.plan.tools import is_cluster, is_people

RESTART = "f:kubectl.kubernetes.io/restartedAt"
"""A request to restart, whichever tool made it: left where it is, since taking it out would restart once more."""

PROMISES = tuple(FieldPattern.parse(path) for path in ("metadata.finalizers", "metadata.ownerReferences"))
"""Whoever holds these has yet to clean something up: left also in what is applied as a whole."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What others may do to an object."""

    foreign: ForeignPolicy | None = None
    """About fields beside ours; None: `remove` for people's tools, `report` for all others."""
    rules: tuple[IgnoreRule, ...] = ()
    """Of the application and of the instance."""

    def of(self, manifest: Manifest) -> ForeignPolicy | None:
        """What is done about fields beside ours, as the object itself or else its application says."""
        return manifest.options.foreign or self.foreign


STRICT = Tolerance()


def intruders(manifest: Manifest, live: LiveMetadata, manager: str, tolerance: Tolerance) -> tuple[ManagerEntry, ...]:
    """The entries of which fields are to be taken out, each with no other fields; those of subresources never."""
    ours = our_entry(live, manager)
    found = (
        replace(entry, fields=take(entry, manifest, tolerance)[0])
        for entry in live.managers
        if entry is not ours and not entry.subresource
    )
    return tuple(entry for entry in found if entry.fields)


def take(entry: ManagerEntry, manifest: Manifest, tolerance: Tolerance) -> tuple[FieldSet, FieldSet]:
    """Of an entry beside ours the fields that are to go, and those that stay with it."""
    is_whole = manifest.options.apply is ApplyMode.REPLACE
    is_meant = is_people(entry.manager) or (is_whole and not is_cluster(entry.manager))
    is_wanted = is_whole or tolerance.of(manifest) in (None, ForeignPolicy.REMOVE)
    return divided(entry, manifest, tolerance) if is_meant and is_wanted else ({}, entry.fields)


def divided(entry: ManagerEntry, manifest: Manifest, tolerance: Tolerance) -> tuple[FieldSet, FieldSet]:
    """The fields of an entry that may be taken out, and those that are left to it."""
    rules = [rule for rule in rules_about(manifest.key, tolerance.rules) if rule.is_by(entry.manager)]
    patterns: list[Sequence[Part]] = [pattern.parts for rule in rules for pattern in rule.patterns]
    if manifest.options.apply is ApplyMode.REPLACE:
        patterns += [pattern.parts for pattern in PROMISES]
    fields = less(entry.fields, RESTART)
    left, taken = split(fields, patterns, manifest.document) if patterns else ({}, fields)
    return taken, left


def taken_over(
    raw: Sequence[Mapping[str, Any]],
    live: LiveMetadata,
    manifest: Manifest,
    manager: str,
    choose: Callable[[ManagerEntry], tuple[FieldSet, FieldSet]],
) -> list[Mapping[str, Any]]:
    """The managedFields in which what is to go is ours; the same as before when nothing is.

    Args:
        raw: `metadata.managedFields` as the server said.
        live: the same, parsed.
        manifest: what is desired.
        manager: our field manager; it gets an entry where it has none.
        choose: of an entry the fields that are taken, and those that stay with it.
    """
    ours = our_entry(live, manager)
    taken: list[FieldSet] = []
    kept: list[Mapping[str, Any]] = []
    for entry, written in zip(live.managers, raw, strict=True):
        fields, left = choose(entry) if entry is not ours and not entry.subresource else ({}, entry.fields)
        if not fields:
            kept.append(written)
            continue
        taken.append(fields)
        if left:
            kept.append({**written, "fieldsV1": left})
    if not taken:
        return list(raw)
    if ours is None:
        first = {"manager": manager, "operation": "Apply", "apiVersion": manifest.api_version, "fieldsType": "FieldsV1"}
        return [*kept, {**first, "time": max(e.time for e in live.managers), "fieldsV1": union({}, taken)}]
    mine = raw[live.managers.index(ours)]
    return [{**written, "fieldsV1": union(ours.fields, taken)} if written is mine else written for written in kept]


def unmarked(annotations: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """The part of a JSON patch that says of an object that its content is not what was applied last.

    It goes with `taken_over`: whoever dies between that and the apply leaves an object that is seen to be unfinished.
    """
    path = f"/metadata/annotations/{APPLIED.replace('/', '~1')}"
    return [{"op": "replace", "path": path, "value": ""}] if annotations.get(APPLIED) else []
