"""The guards of what the cluster deletes along with an object."""

from tests.guards.guard import Guard

_CASCADE = "reconciler/plan/cascade.py"
_RECREATE = "reconciler/sync/recreate.py"
_UNIT = "reconciler/plan/test_cascade.py::test_what_would_go_along"
_STALE = "e2e/test_prune_stale.py::"

CASCADE = (
    Guard(
        "takes-along", "an object that would take along what is to stay is held, whatever it says of itself", "reconciler/plan/prune.py",
        "(*_holds(request, doomed), *_taking_along(request, going))", "tuple(_holds(request, doomed))",
        ("reconciler/plan/test_prune.py::test_what_would_take_along_what_is_to_stay_is_held",),
    ),
    Guard(
        "in-its-namespace", "a Namespace takes along what is in it", _CASCADE,
        "(namespaces.get(key.namespace), ", "(None, ",
        (f"{_UNIT}[in a namespace, of another application]", f"{_UNIT}[in a namespace, of the same one, and left]"),
    ),
    Guard(
        "of-its-kind", "a CustomResourceDefinition takes along what is of its kind", _CASCADE,
        "defined.get((key.group, key.kind))", "None",
        (f"{_UNIT}[of a kind]",),
    ),
    Guard(
        "names-its-owner", "an object takes along what names it as its owner", _CASCADE,
        ", *map(owners.get, one.owners))", ")",
        (f"{_UNIT}[made from it]", f"{_UNIT}[made from it and another]"),
    ),
    Guard(
        "anew-takes-along", "what would take along what is to stay is not made anew either", _RECREATE,
        "going = [owned] if (owned := index.owned.get(key)) else []", "going = []",
        (f"{_STALE}test_what_an_operator_made_from_an_object_keeps_that_from_being_made_anew",),
    ),
    Guard(
        "anew-still-ours", "what went to somebody else is not deleted to be made anew", _RECREATE,
        "if claim(LiveMetadata.of(document, kind), environment.instance).application != application.name:", "if False:",
        (f"{_STALE}test_what_was_given_away_since_its_change_was_refused_is_not_deleted_to_be_made_anew",),
    ),
)  # fmt: skip
"""What would go along with an object that goes."""
