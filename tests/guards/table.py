"""Every guard of a deletion, and those of drift: where each stands, what stands there without it, which tests fail then."""

from tests.guards.cascade import CASCADE
from tests.guards.fields import FIELDS_OF_OBJECTS
from tests.guards.guard import Guard
from tests.guards.removal import REMOVAL

_PRUNE = "reconciler/plan/prune.py"
_CLAIM = "reconciler/plan/claim.py"
_STEPS = "reconciler/plan/steps.py"
_DECIDE = "reconciler/sync/decide.py"
_PASSAGE = "reconciler/sync/passage.py"
_DELETING = "reconciler/sync/prune.py"
_INDEX = "reconciler/kube/owned.py"
_REPORT = "reconciler/sync/report.py"

_UNIT = "reconciler/plan/test_prune.py::"
_WHOSE = "reconciler/plan/test_claim.py::test_whose_an_object_is"
_GIT, _HELD = "e2e/test_prune_git.py::", "e2e/test_prune_guards.py::"
_OWNER, _STALE = "e2e/test_prune_owner.py::", "e2e/test_prune_stale.py::"

WHAT_GOES = (
    Guard(
        "desired-by-nobody", "what any application desires is no candidate", _PRUNE,
        "if not owned.deleting and not request.is_desired(key)}", "if not owned.deleting}",
        (f"{_GIT}test_what_left_git_is_deleted_and_nothing_else", f"{_UNIT}test_what_is_no_candidate"),
    ),
    Guard(
        "going-already", "what is being deleted is not deleted again", _PRUNE,
        "if not owned.deleting and not request.is_desired(key)}", "if not request.is_desired(key)}",
        (f"{_UNIT}test_what_is_no_candidate[going already]",),
    ),
    Guard(
        "same-object-another-group", "an object that is desired under another group's name is the same object", _PRUNE,
        "if owned.uid not in desired}", "}",
        (f"{_UNIT}test_what_is_no_candidate[desired under another group's name]",),
    ),
    Guard(
        "partial-discovery", "nothing is deleted while the cluster does not tell all that it serves", _PRUNE,
        "if not kinds.is_complete:", "if False:",
        (f"{_UNIT}test_nothing_is_deleted_while_the_cluster_does_not_tell_what_it_serves",),
    ),
    Guard(
        "kind-not-served", "nothing is deleted of a kind that is not served now", _PRUNE,
        "if kinds.find(key.group, key.kind) is None:", "if False:",
        (f"{_UNIT}test_an_object_whose_kind_is_not_served_now_is_left",),
    ),
    Guard(
        "kept-by-people", "`trueup.dev/prune: never` (and `disabled`) is left", _PRUNE,
        "if owned.prune == PruneRule.NEVER else", "if False else",
        (f"{_HELD}test_what_people_keep_is_left", f"{_UNIT}test_what_people_keep_is_left_and_not_counted"),
    ),
    Guard(
        "outlives-its-application", "`trueup.dev/delete: never` is left when the application goes", _PRUNE,
        "if request.is_removal and owned.outlives:", "if False:",
        (f"{_UNIT}test_what_outlives_its_application_is_left_when_that_goes_and_only_then",),
    ),
    Guard(
        "pruning-is-off", "an application with `prune: false` deletes nothing", _STEPS,
        "if not request.application.sync.prune:", "if False:",
        (f"{_HELD}test_an_application_that_does_not_prune_deletes_nothing",),
    ),
    Guard(
        "wanted-later", "what another application will want, once it is synced to its commit, is no candidate", _DECIDE,
        "bool(desired.declared_by(key)) or key in foreseen", "bool(desired.declared_by(key))",
        (f"{_OWNER}test_an_object_that_moves_to_an_application_that_is_synced_later_stays",),
    ),
)  # fmt: skip
"""What is a candidate at all."""

HELD = (
    Guard(
        "empty-render", "an application that renders to nothing is held", _PRUNE,
        "if request.renders_nothing:", "if False:",
        (f"{_HELD}test_an_emptied_directory_is_held", f"{_HELD}test_a_directory_that_vanished_is_held"),
    ),
    Guard(
        "most-of-application", "half or more, and more than three, of an application is held", _PRUNE,
        "if len(keys) > MOST and len(keys) * 2 >= has:", "if False:",
        (f"{_HELD}test_most_of_an_application_is_held", f"{_HELD}test_everything_under_another_name_is_held"),
    ),
    Guard(
        "half-is-most", "exactly half is most: after everything got another name there are as many new objects as old", _PRUNE,
        "len(keys) * 2 >= has:", "len(keys) * 2 > has:",
        (f"{_HELD}test_everything_under_another_name_is_held_also_when_the_new_objects_are_there_already",),
    ),
    Guard(
        "hooks-are-no-objects", "what hooks have left does not make a set look small", _PRUNE,
        "sum(1 for owned in request.mine.values() if not owned.is_hook)", "len(request.mine)",
        (f"{_UNIT}test_what_hooks_have_left_stays_while_the_others_are_held",),
    ),
    Guard(
        "destination-moved", "objects that a moved destination leaves behind are held", _PRUNE,
        "& request.left_behind):", "& frozenset()):",
        ("e2e/test_removal.py::test_a_moved_destination_deletes_nothing_by_itself",),
    ),
    Guard(
        "job-limit", "more than twenty deletions in one job are held", _PRUNE,
        "if in_job > JOB_LIMIT:", "if False:",
        (f"{_HELD}test_most_of_an_application_is_held[twenty-one in one job]", f"{_UNIT}test_the_guards"),
    ),
    Guard(
        "job-share", "more than 5 % of what the cluster has of ours is held", _PRUNE,
        "if in_job > SHARE_FLOOR and in_job > owned * JOB_SHARE:", "if False:",
        (f"{_UNIT}test_the_guards",),
    ),
    Guard(
        "deletions-of-others", "the limit counts the deletions of all applications of a job", _PRUNE,
        "len(keys) + request.deletions_in_job", "len(keys)",
        (f"{_UNIT}test_the_guards", f"{_HELD}test_deletions_of_all_applications_of_a_commit_are_counted_together"),
    ),
    Guard(
        "deletions-of-others-told", "each application of a job is told of the deletions of the others", _PASSAGE,
        "self.unit.deletions_beside(self._deletions)", "0",
        (f"{_HELD}test_deletions_of_all_applications_of_a_commit_are_counted_together",),
    ),
    *(
        Guard(
            f"takes-data-along-{kind.lower()}", f"a {kind} is held unless it says `trueup.dev/prune: allow`", _PRUNE,
            f'        ("{group}", "{kind}"),\n', "",
            (test,),
        )
        for group, kind, test in (
            ("", "Namespace", f"{_HELD}test_what_takes_data_along_is_held[a Namespace-without leave]"),
            ("", "PersistentVolume", f"{_HELD}test_what_takes_data_along_is_held[a volume-without leave]"),
            ("", "PersistentVolumeClaim", f"{_HELD}test_what_takes_data_along_is_held[a claim-without leave]"),
            ("apiextensions.k8s.io", "CustomResourceDefinition", f"{_UNIT}test_what_takes_data_along_is_held[definition]"),
        )
    ),
    Guard(
        "hook-with-data", "what a hook has left is held too where its kind takes data along", _PRUNE,
        "owned.is_hook and (owned.key.group, owned.key.kind) not in PROTECTED", "owned.is_hook",
        (f"{_UNIT}test_a_hook_that_takes_data_along_is_guarded_all_the_same",),
    ),
    Guard(
        "confirm", "`trueup.dev/prune: confirm` is held", _PRUNE,
        "if confirmed:", "if False:",
        (
            f"{_UNIT}test_what_asks_for_an_approval_is_held",
            "e2e/test_modes.py::test_a_deletion_that_asks_for_an_approval_is_held",
        ),
    ),
    Guard(
        "whole-set", "a guard that refuses one object holds all of the set", _PRUNE,
        "_step(Action.HOLD, owned, holds[0].reason) for owned",
        "_step(Action.HOLD if any(owned.key in h.keys for h in holds) else Action.DELETE, owned, holds[0].reason) for owned",
        (f"{_UNIT}test_a_guard_of_one_object_holds_the_whole_set",),
    ),
    Guard(
        "held-is-not-deleted", "what is held is not deleted", _DELETING,
        "if doomed.holds:", "if False:",
        (f"{_HELD}test_an_emptied_directory_is_held",),
    ),
    Guard(
        "only-deletions-delete", "what is left deliberately is not deleted", _DELETING,
        "for step in doomed.steps if step.action is Action.DELETE]", "for step in doomed.steps]",
        (f"{_HELD}test_what_people_keep_is_left",),
    ),
    Guard(
        "approved-set", "an approval is one of exactly the set that was shown", _PRUNE,
        "request.approved == digest_of(doomed)", "request.approved",
        (
            f"{_HELD}test_only_the_approved_set_is_deleted_and_only_once",
            f"{_HELD}test_an_approval_of_less_than_is_held_by_now_deletes_nothing",
        ),
    ),
)  # fmt: skip
"""What is held until a person approves it."""

WHOSE = (
    Guard(
        "our-label", "an object without our label is not ours", _CLAIM,
        "    if live.labels.get(INSTANCE) != instance.id:\n        return Claim(ClaimState.UNRELATED)\n", "",
        (f"{_WHOSE}",),
    ),
    Guard(
        "label-in-our-entry", "a label that somebody else wrote is no proof", _CLAIM,
        'holds_label = entry is not None and f"f:{INSTANCE}" in entry.fields.get("f:metadata", {}).get("f:labels", {})',
        "holds_label = entry is not None",
        (f"{_WHOSE}[the label is not in our entry]",),
    ),
    Guard(
        "our-entry", "without our entry in managedFields an object is not ours", _CLAIM,
        "if not holds_label or owner is None", "if owner is None",
        (
            f"{_OWNER}test_a_wiped_record_of_fields_is_no_proof_of_ownership",
            f"{_OWNER}test_what_somebody_made_anew_under_its_name_is_left",
            _WHOSE,
        ),
    ),
    Guard(
        "our-apply", "an Update under our name is somebody else's", _CLAIM,
        ' and e.operation == "Apply"', "",
        (f"{_WHOSE}[an Update under our name]",),
    ),
    Guard(
        "our-main-entry", "an entry for a subresource is no proof", _CLAIM,
        " and not e.subresource", "",
        (f"{_WHOSE}[only our status]",),
    ),
    Guard(
        "our-manager", "an entry of another manager is no proof", _CLAIM,
        "if e.manager == manager and ", "if ",
        (_WHOSE, "reconciler/plan/test_claim.py::test_two_instances_do_not_see_each_others_objects"),
    ),
    Guard(
        "names-this-object", "the owner annotation names this very object", _CLAIM,
        " or owner[1] != live.key:", ":",
        (f"{_OWNER}test_a_copy_under_another_name_is_left", _WHOSE),
    ),
    Guard(
        "names-somebody", "without an owner annotation an object is not ours", _CLAIM,
        " or owner is None or owner[1] != live.key:", " or (owner and owner[1] != live.key):",
        (_WHOSE,),
    ),
    Guard(
        "let-go", "what is let go loses all three witnesses", _CLAIM,
        "if entry is not ours]", "]",
        ("contract/test_writer.py::test_what_is_let_go_keeps_its_content_and_nothing_of_us",),
    ),
    Guard(
        "changed-hands", "what another application owns by now is not among what this one owns", _INDEX,
        "        if known is not None and known.owned.application != owned.application:\n            self._release(known.owned)\n",
        "",
        ("reconciler/kube/test_owned.py::test_what_changed_hands_is_no_longer_among_what_its_first_owner_has",),
    ),
    Guard(
        "declared-by-two", "an object that two applications declare stalls both", _DECIDE,
        "    environment.desired.refuse_conflicts(request.name)\n", "",
        (f"{_OWNER}test_an_object_that_two_declare_stalls_both_and_is_left",),
    ),
)  # fmt: skip
"""Whose an object is."""

BEFORE = (
    Guard(
        "refused-before", "nothing is deleted when an object was refused", _REPORT,
        "not (self.errors or self.deferred or self.unhealthy or self.unreached)",
        "True",
        (f"{_HELD}test_nothing_is_deleted_when_the_server_refused_an_object",),
    ),
    Guard(
        "deferred-before", "nothing is deleted while an object waits for its kind", _REPORT,
        "not (self.errors or self.deferred or self.unhealthy or self.unreached)",
        "True",
        (f"{_HELD}test_nothing_is_deleted_while_a_kind_is_not_served",),
    ),
    Guard(
        "unhealthy-before", "nothing is deleted while the new is not healthy", _REPORT,
        "not (self.errors or self.deferred or self.unhealthy or self.unreached)",
        "not (self.errors or self.deferred or self.unreached)",
        (f"{_HELD}test_nothing_is_deleted_while_the_new_is_not_healthy",),
    ),
    Guard(
        "unreadable", "nothing is deleted while an application of the commit cannot be rendered", _PASSAGE,
        "if self.unit.unreadable and self._deletions:", "if False:",
        (f"{_GIT}test_what_another_application_of_the_push_may_want_is_left_when_that_cannot_be_rendered",),
    ),
    Guard(
        "rendered-in-the-dark", "nothing is deleted by what was rendered before the cluster told all that it serves", _PASSAGE,
        "if not self.unit.was_told and self._deletions:", "if False:",
        (f"{_HELD}test_nothing_is_deleted_by_what_was_rendered_before_the_cluster_told_what_it_serves",),
    ),
    Guard(
        "all-applied", "nothing is deleted before all applications of the commit have applied", _PASSAGE,
        "        await self.unit.all_applied(self.vigil.preempted, has_deletions=self._deletions > 0)\n", "",
        (f"{_HELD}test_nothing_is_deleted_before_every_application_of_the_commit_has_applied",),
    ),
    Guard(
        "newer-commit", "nothing is deleted for a commit that was overtaken meanwhile", _PASSAGE,
        "        if self._is_preempted:\n            return\n        if is_end", "        if is_end",
        (f"{_HELD}test_nothing_is_deleted_for_a_commit_that_was_overtaken_meanwhile",),
    ),
    Guard(
        "partial-sync", "a sync of single objects deletes nothing", _PASSAGE,
        "        if self.only:\n            return\n        if self.unit", "        if self.unit",
        (f"{_HELD}test_a_sync_of_single_objects_deletes_nothing",),
    ),
    Guard(
        "hooks-of-an-end", "nothing is deleted when a hook before the deletion failed", _PASSAGE,
        "        if self.course.is_good:\n            vigil, others", "        if True:\n            vigil, others",
        ("e2e/test_hooks.py::test_a_last_hook_that_fails_keeps_everything",),
    ),
    Guard(
        "path-never-was", "a path that never was is an error, not an empty application", _DECIDE,
        "isinstance(source, PathMissing) and _owns_something(target.name, environment)", "isinstance(source, PathMissing)",
        (f"{_HELD}test_a_directory_that_never_was_is_refused",),
    ),
    Guard(
        "watches-known", "nothing is deleted while a watch is not synced", _DELETING,
        "if not self.environment.cluster.index.is_synced:", "if False:",
        (f"{_HELD}test_nothing_is_deleted_while_a_watch_is_not_synced",),
    ),
    Guard(
        "higher-wave-gone", "what is of a higher wave is gone before the next is deleted", _DELETING,
        "if late := await self._still_there(deletion_place(wave[0].key, wave[0].wave)):", "if late := '':",
        (
            "e2e/test_waves.py::test_what_is_of_a_higher_wave_is_gone_before_the_next_is_deleted",
            "e2e/test_waves.py::test_what_does_not_go_in_time_keeps_lower_waves_and_says_what_it_waits_for",
        ),
    ),
    Guard(
        "reverse-order", "what depends goes before what it depends on", "reconciler/plan/order.py",
        "(deletion_place(owned.key, owned.wave), -rank(owned.key), owned.key)",
        "(deletion_place(owned.key, owned.wave), rank(owned.key), owned.key)",
        (f"{_UNIT}test_deletions_go_in_the_reverse_order_of_applying",),
    ),
)  # fmt: skip
"""What must have gone well before."""

STALE = (
    Guard(
        "unchanged", "only the object as it was seen is deleted: its resourceVersion is a precondition", _DELETING,
        "                resource_version=step.resource_version,\n", "",
        (f"{_STALE}test_what_was_given_away_since_it_was_seen_is_left",),
    ),
    Guard(
        "same-object", "only the very object that was seen is deleted: its uid is a precondition", "reconciler/kube/client.py",
        '{"uid": uid} | (', "{} | (",
        ("contract/test_writer.py::test_what_was_made_anew_under_its_name_is_not_deleted",),
    ),
    Guard(
        "decided-again", "after a conflict it is decided again, from what is there by now", _DELETING,
        "            doomed = doomed_by(self._request())\n",
        "            doomed = doomed if results or _ else doomed_by(self._request())\n",
        (f"{_STALE}test_what_was_only_touched_since_it_was_seen_is_deleted_at_the_second_try",),
    ),
    Guard(
        "propagation", "a propagation policy is always named, so that no pods stay behind", "reconciler/kube/client.py",
        '            "propagationPolicy": propagation,\n', "",
        ("contract/test_writer.py::test_what_a_job_made_goes_with_it",),
    ),
    Guard(
        "older-list", "a list from the past takes nothing from what is known since", _INDEX,
        "and key not in seen and is_older:", "and key not in seen:",
        ("reconciler/kube/test_owned.py::test_a_list_from_the_past_takes_nothing_away",),
    ),
    Guard(
        "older-event", "an event from before our own write changes nothing", _INDEX,
        "known.owned.uid == live.uid and number(live.resource_version) < number(known.owned.resource_version):", "False:",
        ("reconciler/kube/test_owned.py::test_an_event_from_before_our_write_is_forgotten",),
    ),
    Guard(
        "older-deletion", "the end of an older object of that name is not the end of the one that is there", _INDEX,
        "known.owned.uid == live.uid and number(known.owned.resource_version) <= number(live.resource_version)", "True",
        ("reconciler/kube/test_owned.py::test_the_end_of_an_older_object_is_not_the_end_of_a_newer_one",),
    ),
    Guard(
        "listed-first", "a kind is known only when it was listed whole", _INDEX,
        "                self._synced[identity] = asyncio.Event()\n",
        "                self._synced[identity] = asyncio.Event()\n                self._synced[identity].set()\n",
        ("reconciler/kube/test_owned.py::test_what_is_owned_is_known_only_when_every_kind_was_listed",),
    ),
)  # fmt: skip
"""A view that is behind."""

FIELDS = (
    ("What is a candidate", WHAT_GOES),
    ("What is held until a person approves it", HELD),
    ("What would go along", CASCADE),
    ("When an application is gone", REMOVAL),
    ("Whose an object is", WHOSE),
    ("What must have gone well before", BEFORE),
    ("A view that is behind", STALE),
    ("Whose a field is", FIELDS_OF_OBJECTS),
)

GUARDS = tuple(guard for _, guards in FIELDS for guard in guards)
