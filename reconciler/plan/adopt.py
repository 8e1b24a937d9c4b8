"""An object is there that we did not make: whether it is taken over, from whom, and which of their fields become ours.

Taken over means that from then on it is as in Git says, and that what leaves Git leaves the object too: what the tools before us
held is made ours first, so that the one apply that follows changes content once, and pods restart only where Git differs.
"""

from dataclasses import dataclass

from reconciler.errors import NotAllowed, Waiting
from reconciler.model.declared import Instance
from reconciler.model.objects import Document, FieldPath, FieldSet, LiveMetadata, ManagerEntry, Manifest, format_path
from reconciler.model.options import ApplyMode
from reconciler.model.policy import AdoptPolicy, ForeignPolicy
from reconciler.plan.claim import ClaimState, claim
from reconciler.plan.fieldset import held_at, split
from reconciler.plan.foreign import Tolerance, divided
from reconciler.plan.ignore import field_leaves, left_to_others
from reconciler.plan.tools import is_cluster, is_known

SHOWN = 3
"""So many fields are named in a refusal, the others counted."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """An object that may be taken over."""

    manifest: Manifest
    tolerance: Tolerance
    makers: tuple[str, ...]
    """Whose it was, as far as the server says."""
    is_ours: bool = False
    """It is Owned already; it was only not known yet."""

    @property
    def reason(self) -> str:
        """For people: why it is applied."""
        return "not as desired" if self.is_ours else f"taken over from {', '.join(self.makers) or 'nobody'}"

    def choose(self, entry: ManagerEntry) -> tuple[FieldSet, FieldSet]:
        """The fields of an entry that become ours, and those that stay with it."""
        is_whole = self.manifest.options.apply is ApplyMode.REPLACE
        if self.is_ours or not (is_known(entry.manager) or (is_whole and not is_cluster(entry.manager))):
            return {}, entry.fields
        taken, left = divided(entry, self.manifest, self.tolerance)
        if is_whole or self.tolerance.of(self.manifest) in (None, ForeignPolicy.REMOVE):
            return taken, left
        document = self.manifest.document
        return split(entry.fields, [tuple(map(str, leaf)) for leaf in field_leaves(document)], document)


def adoption(manifest: Manifest, live: LiveMetadata, instance: Instance, policy: AdoptPolicy, tolerance: Tolerance) -> Adoption:
    """How an object that is there already is taken over.

    Raises:
        NotAllowed: when the policy forbids it, naming who holds what, and what to do.
        Waiting: when it is being deleted.
    """
    if live.deleting:
        told = f"; it waits for its finalizers {', '.join(live.finalizers)}" if live.finalizers else ""
        raise Waiting(f"{manifest.key} is being deleted{told}; created again when it is gone")
    makers = tuple(dict.fromkeys(entry.manager for entry in live.managers if _is_maker(entry, instance)))
    if claim(live, instance).state is ClaimState.OWNED:
        return Adoption(manifest, tolerance, makers, is_ours=True)
    if policy is AdoptPolicy.NEVER:
        by = f", made by {', '.join(makers)}" if makers else ""
        raise NotAllowed(
            f"apply {manifest.key}: it is there already{by}, and spec.sync.adopt is never; delete it, or allow to take it over"
        )
    if policy is AdoptPolicy.KNOWN and (held := _strangers_fields(manifest, live, instance, tolerance)):
        raise NotAllowed(
            f"apply {manifest.key}: it is there already, and others hold its fields: {_listed(held)}; set spec.sync.adopt: always "
            "to take them, or leave the object to them"
        )
    return Adoption(manifest, tolerance, makers)


def _strangers_fields(
    manifest: Manifest, live: LiveMetadata, instance: Instance, tolerance: Tolerance
) -> list[tuple[FieldPath, str]]:
    """The desired fields that are held by somebody unknown, and who that is; not those that are left to others anyway."""
    strangers = [e for e in live.managers if not is_known(e.manager) and e.manager != instance.manager]
    if not strangers:
        return []
    left = frozenset(left_to_others(manifest, live, instance.manager, tolerance.rules))
    document: Document = manifest.document
    held = {
        (at, entry.manager): None
        for entry in strangers
        for leaf in field_leaves(document)
        if (at := held_at(entry.fields, document, leaf)) and at not in left
    }
    return list(held)


def _is_maker(entry: ManagerEntry, instance: Instance) -> bool:
    return not entry.subresource and not is_cluster(entry.manager) and entry.manager != instance.manager


def _listed(held: list[tuple[FieldPath, str]]) -> str:
    shown = ", ".join(f"{format_path(path)} (held by {manager})" for path, manager in held[:SHOWN])
    return shown if len(held) <= SHOWN else f"{shown} and {len(held) - SHOWN} more"
