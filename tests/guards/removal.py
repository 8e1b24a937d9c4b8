"""The guards of deletions when an application is gone."""

from tests.guards.guard import Guard

_REMOVAL = "reconciler/plan/removal.py"

REMOVAL = (
    Guard(
        "gone-without-a-word",
        "an application that went without a deletion policy leaves its objects until a person approves", _REMOVAL,
        "if unmeant and doomed:", "if False:",
        ("reconciler/plan/test_removal.py::test_what_nobody_asked_for_is_held",),
    ),
    Guard(
        "approved-removal", "an approval of a removal is one of what was shown, and of what is left of that", _REMOVAL,
        "if set(doomed) <= set(approved):", "if approved:",
        ("reconciler/plan/test_removal.py::test_an_approval_is_one_of_what_was_shown",),
    ),
    Guard(
        "last-hooks", "nothing is deleted while the last hooks of an application that is gone fail", "reconciler/sync/remove.py",
        '        if error := next((result.error for result in hooks if result.error), ""):\n',
        '        if error := "":\n',
        ("e2e/test_farewell.py::test_one_that_fails_keeps_everything_until_the_application_is_let_go",),
    ),
    Guard(
        "last-hooks-unknown", "whoever has last hooks that nobody can run any more is held", "jobs/holder/farewells.py",
        "return UNKNOWN if declared is None and self._has_some(name)", "return UNKNOWN if False",
        ("e2e/test_farewell.py::test_of_a_file_that_went_while_nobody_looked_nothing_is_deleted_without_them_unless_somebody_approves",),
    ),
    Guard(
        "let-go-meanwhile", "an application that was let go while its last hooks ran keeps its objects", "jobs/holder/farewells.py",
        "if was_leaving and await self._was_let_go(name):", "if False:",
        ("e2e/test_farewell.py::test_one_that_ends_after_the_deadline_deletes_nothing_any_more",),
    ),
    Guard(
        "removal-keeps", "what is deliberately left stays when its application goes", _REMOVAL,
        "    if step.action is Action.SKIP:\n        return step\n", "",
        ("reconciler/plan/test_removal.py::test_what_is_deliberately_left_stays",),
    ),
    Guard(
        "removal-is-one", "`trueup.dev/delete: never` is asked for when an application goes", _REMOVAL,
        ", is_removal=True", "",
        ("reconciler/plan/test_removal.py::test_what_is_deliberately_left_stays",),
    ),
    Guard(
        "removal-guards", "the other guards hold when an application goes", _REMOVAL,
        "if hold.guard not in MEANINGLESS]", "if False]",
        ("reconciler/plan/test_removal.py::test_the_other_guards_hold",),
    ),
)  # fmt: skip
"""What becomes of the objects of an application that is gone."""
