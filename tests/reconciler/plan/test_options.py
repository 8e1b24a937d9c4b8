"""What people say of one object, in our annotations and in those of other tools; docs/migration.md has the same table."""

from pathlib import Path

import pytest

from reconciler.model.options import PLAIN, ApplyMode, ObjectOptions, PruneRule
from reconciler.model.policy import ForeignPolicy
from reconciler.plan import options
from reconciler.plan.options import in_our_words, mistakes, options_of

MIGRATION = Path(__file__).parents[3] / "docs" / "migration.md"
ARGO, FLUX, HELM = "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.sh/"
SYNC = f"{ARGO}sync-options"


def test_marks_that_ask_for_nothing_of_the_apply_are_known():
    assert not list(mistakes({"trueup.dev/substitute": "disabled", "trueup.dev/masked": "data.a"}))


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        ({}, PLAIN),
        ({"team": "front"}, PLAIN),
        ({"trueup.dev/owner": "x", "trueup.dev/applied": "v1:x"}, PLAIN),
        ({"trueup.dev/apply": "merge"}, PLAIN),
        ({"trueup.dev/apply": "if-absent"}, ObjectOptions(apply=ApplyMode.IF_ABSENT)),
        ({"trueup.dev/apply": "replace"}, ObjectOptions(apply=ApplyMode.REPLACE)),
        ({"trueup.dev/apply": "ignore"}, ObjectOptions(apply=ApplyMode.IGNORE)),
        ({"trueup.dev/prune": "never"}, ObjectOptions(prune=PruneRule.NEVER)),
        ({"trueup.dev/prune": "disabled"}, ObjectOptions(prune=PruneRule.NEVER)),
        ({"trueup.dev/prune": "allow"}, ObjectOptions(prune=PruneRule.ALLOW)),
        ({"trueup.dev/prune": "confirm"}, ObjectOptions(prune=PruneRule.CONFIRM)),
        ({"trueup.dev/delete": "never"}, ObjectOptions(outlives=True)),
        ({"trueup.dev/force": "recreate"}, ObjectOptions(recreate=True)),
        ({"trueup.dev/foreign": "report"}, ObjectOptions(foreign=ForeignPolicy.REPORT)),
        ({"trueup.dev/wave": "-3"}, ObjectOptions(wave=-3)),
        ({"trueup.dev/hook": "pre-sync", "trueup.dev/hook-delete": "succeeded", "trueup.dev/hook-timeout": "5m"},
         ObjectOptions(is_hook=True)),
    ],
)  # fmt: skip
def test_our_annotations(annotations, found):
    assert options_of(annotations, {}) == found


THEIRS = {
    f"{SYNC}: Prune=false": ({"trueup.dev/prune": "never"}),
    f"{SYNC}: Prune=confirm": ({"trueup.dev/prune": "confirm"}),
    f"{SYNC}: Delete=false": ({"trueup.dev/delete": "never"}),
    f"{SYNC}: Delete=confirm": ({"trueup.dev/delete": "never"}),
    f"{SYNC}: Replace=true": ({"trueup.dev/apply": "replace"}),
    f"{SYNC}: Force=true": ({"trueup.dev/force": "recreate"}),
    f"{SYNC}: Force=true, Replace=true": ({"trueup.dev/force": "recreate", "trueup.dev/apply": "replace"}),
    f"{SYNC}: Prune=true,Replace=false,Force=false": ({}),
    f"{SYNC}: ServerSideApply=true": ({}),
    f"{SYNC}: SkipDryRunOnMissingResource=true": ({}),
    f"{SYNC}: Validate=false": ({}),
    f"{SYNC}: ApplyOutOfSyncOnly=true": ({}),
    f"{SYNC}: PruneLast=true": ({}),
    f"{SYNC}: RespectIgnoreDifferences=true": ({}),
    f"{ARGO}compare-options: IgnoreExtraneous": ({}),
    f"{ARGO}compare-options: ServerSideDiff=true": ({}),
    f"{ARGO}sync-wave: 5": ({"trueup.dev/wave": "5"}),
    f"{ARGO}sync-wave: -5": ({"trueup.dev/wave": "-5"}),
    f"{ARGO}sync-wave: soon": ({}),
    f"{ARGO}hook: PreSync": ({"trueup.dev/hook": "pre-sync"}),
    f"{ARGO}hook: PostSync": ({"trueup.dev/hook": "post-sync"}),
    f"{ARGO}hook: SyncFail": ({"trueup.dev/hook": "sync-failed"}),
    f"{ARGO}hook: PreDelete": ({"trueup.dev/hook": "pre-delete"}),
    f"{ARGO}hook: PreSync,PostSync": ({"trueup.dev/hook": "pre-sync,post-sync"}),
    f"{ARGO}hook: Sync": ({"trueup.dev/force": "recreate"}),
    f"{ARGO}hook: Skip": ({"trueup.dev/apply": "ignore"}),
    f"{ARGO}hook: PostDelete": ({"trueup.dev/apply": "ignore"}),
    f"{ARGO}hook-delete-policy: HookSucceeded": ({"trueup.dev/hook-delete": "succeeded"}),
    f"{ARGO}hook-delete-policy: HookFailed": ({"trueup.dev/hook-delete": "failed"}),
    f"{ARGO}hook-delete-policy: BeforeHookCreation": ({"trueup.dev/hook-delete": "before-creation"}),
    f"{HELM}hook: pre-install": ({"trueup.dev/hook": "pre-sync"}),
    f"{HELM}hook: pre-install,pre-upgrade": ({"trueup.dev/hook": "pre-sync"}),
    f"{HELM}hook: post-install": ({"trueup.dev/hook": "post-sync"}),
    f"{HELM}hook: post-upgrade": ({"trueup.dev/hook": "post-sync"}),
    f"{HELM}hook: pre-delete": ({"trueup.dev/hook": "pre-delete"}),
    f"{HELM}hook: post-delete": ({"trueup.dev/apply": "ignore"}),
    f"{HELM}hook: pre-rollback": ({"trueup.dev/apply": "ignore"}),
    f"{HELM}hook: test": ({"trueup.dev/apply": "ignore"}),
    f"{HELM}hook: crd-install": ({}),
    f"{HELM}resource-policy: keep": ({"trueup.dev/prune": "never", "trueup.dev/delete": "never"}),
    f"{FLUX}prune: disabled": ({"trueup.dev/prune": "never"}),
    f"{FLUX}ssa: Override": ({}),
    f"{FLUX}ssa: Merge": ({"trueup.dev/foreign": "report"}),
    f"{FLUX}ssa: IfNotPresent": ({"trueup.dev/apply": "if-absent"}),
    f"{FLUX}ssa: Ignore": ({"trueup.dev/apply": "ignore"}),
    f"{FLUX}force: enabled": ({"trueup.dev/force": "recreate"}),
    f"{FLUX}force: disabled": ({}),
    f"{FLUX}reconcile: disabled": ({"trueup.dev/apply": "ignore"}),
}
"""What other tools call it, and what it is in our words."""


@pytest.mark.parametrize("written", THEIRS)
def test_annotations_of_other_tools_in_our_words(written):
    name, _, word = written.partition(": ")
    assert in_our_words({name: word}, {}) == THEIRS[written]


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        pytest.param({f"{HELM}hook": "pre-install", f"{HELM}hook-weight": "-5", f"{HELM}hook-delete-policy": "hook-succeeded,hook-failed"},
                     {"trueup.dev/hook": "pre-sync", "trueup.dev/wave": "-5", "trueup.dev/hook-delete": "succeeded,failed"}, id="helm"),
        pytest.param({f"{HELM}hook-weight": "5"}, {}, id="a weight without a hook"),
        pytest.param({f"{ARGO}hook": "PostSync", f"{HELM}hook": "pre-install", f"{HELM}hook-weight": "5"}, {"trueup.dev/hook": "post-sync"},
                     id="argo before helm"),
        pytest.param({SYNC: "Prune=false", "trueup.dev/prune": "allow"}, {"trueup.dev/prune": "allow"}, id="ours wins"),
        pytest.param({SYNC: "Replace=true", f"{FLUX}ssa": "IfNotPresent"}, {"trueup.dev/apply": "if-absent"},
                     id="the one that changes least"),
        pytest.param({SYNC: "Prune=confirm", f"{FLUX}prune": "disabled"}, {"trueup.dev/prune": "never"}, id="the one that deletes least"),
        pytest.param({SYNC: " prune=FALSE , Nonsense "}, {"trueup.dev/prune": "never"}, id="leniently"),
        pytest.param({f"{ARGO}tracking-id": "x", f"{ARGO}sync-options": "", f"{HELM}chart": "x"}, {}, id="what asks for nothing"),
    ],
)  # fmt: skip
def test_several_annotations_together(annotations, words):
    assert in_our_words(annotations, {}) == words


def test_flux_reads_labels_too():
    assert options_of({}, {f"{FLUX}prune": "disabled"}) == ObjectOptions(prune=PruneRule.NEVER)


def test_on_a_live_object_a_word_without_meaning_counts_as_none_but_nothing_is_deleted_without_asking():
    assert options_of({"trueup.dev/apply": "sometimes", "trueup.dev/wave": "soon"}, {}) == PLAIN
    assert options_of({"trueup.dev/prune": "nevr"}, {}).prune is PruneRule.CONFIRM


@pytest.mark.parametrize(
    ("name", "word", "told"),
    [
        ("apply", "patch", "annotation trueup.dev/apply is 'patch'; write if-absent, ignore, merge, replace"),
        ("prune", "false", "annotation trueup.dev/prune is 'false'; write allow, confirm, disabled, never"),
        ("delete", "no", "annotation trueup.dev/delete is 'no'; write never"),
        ("force", "true", "annotation trueup.dev/force is 'true'; write recreate"),
        ("foreign", "leave", "annotation trueup.dev/foreign is 'leave'; write ignore, remove, report"),
        ("wave", "1.5", "annotation trueup.dev/wave is '1.5' and must be a whole number; write e.g. '1'"),
        ("aply", "merge", "annotation trueup.dev/aply is none that Trueup knows; is it trueup.dev/apply?"),
        ("colour", "blue", "annotation trueup.dev/colour is none that Trueup knows; take it out"),
    ],
)
def test_a_mistake_in_ours_is_named(name, word, told):
    assert list(mistakes({f"trueup.dev/{name}": word})) == [told]


def test_nothing_is_said_against_what_has_a_meaning():
    words = {name: words[0] for name, words in options.WORDS.items()}
    assert list(mistakes({**words, "trueup.dev/wave": "7", "trueup.dev/hook": "pre-sync", "team": "x", SYNC: "Nonsense"})) == []


UNTOLD = {f"{ARGO}sync-wave: soon", f"{ARGO}sync-wave: -5", f"{FLUX}force: disabled"}


@pytest.mark.parametrize("written", [one for one in THEIRS if "," not in one and one not in UNTOLD])
def test_the_page_about_migration_has_every_row(written):
    name, _, word = written.partition(": ")
    cells = [line.split(" | ") for line in MIGRATION.read_text().splitlines() if line.startswith(f"| `{name}: ")]
    rows = [right for left, *right in cells if f"`{written}`" in left or f"`{word}`" in left]
    assert rows, f"docs/migration.md says nothing of {written}"
    for mark, ours in THEIRS[written].items():
        assert f"`{mark}: {ours}`" in rows[0][0], f"docs/migration.md does not say that {written} is {mark}: {ours}"
