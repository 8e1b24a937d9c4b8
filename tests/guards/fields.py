"""What drift is read by: the rules that tell whose a field is."""

from tests.guards.guard import Guard

FIELDS_OF_OBJECTS = tuple(
    Guard(name, says, "reconciler/plan/ownership.py", old, new, (f"reconciler/plan/test_ownership.py::{test}",))
    for name, says, old, new, test in (
        ("empty-list", "an empty list that somebody filled is lost", "if value != [] or theirs:", "if value != []:",
         "test_an_empty_list_is_lost_when_somebody_else_holds_it"),
        ("emptied-map", "what was in a map that we hold, and is not, is lost", 'if "." in node and isinstance(value, dict):',
         "if False:", "test_lost"),
        ("exact-keys-first", "an item that names all its keys chooses first", "for exact in (True, False):", "for exact in (False,):",
         "test_lost"),
        ("one-item-each", "an entry in the record of fields is of one item only", "                free.remove(element)\n", "", "test_lost"),
        ("members-as-json", "members of a set are compared as values, not as text", "json.loads(element[2:])", "element[3:-1]", "test_lost"),
    )
)  # fmt: skip
"""Whose a field is."""
