"""What is done to each object, and why."""

from dataclasses import replace

import pytest

from reconciler.model.intent import HookRun
from reconciler.model.objects import Kind, Kinds
from reconciler.model.outcome import Action, Drift, DriftKind, FieldDrift, Plan, Revision, Step, Unrecorded
from reconciler.model.policy import DriftPolicy
from reconciler.plan.hooks import by_key
from reconciler.plan.steps import PlanRequest, awaited, conflict, describe, explained, is_end, namespaces_of_hooks, plan
from tests.reconciler.plan.made import KINDS, OTHER, SHOP, application, document, key, manifest, owned

WEB = manifest(document(data={"colour": "blue"}))
REVISION = Revision("refs/heads/main", "a" * 40)
SCALED = Drift(WEB.key, DriftKind.CHANGED, (FieldDrift("spec.replicas", "kubectl"),))
UNVERIFIABLE = Drift(WEB.key, DriftKind.UNVERIFIABLE, (FieldDrift("spec.odd"),))
IN_STEP = owned(WEB.key, applied=WEB.digest)


def request(*entries, manifests=(WEB,), kinds=KINDS, desired=(), unrecorded=(), **sync):
    everything = {one.key for one in manifests} | set(desired)
    return PlanRequest(
        application=application(**sync),
        revision=REVISION,
        manifests=tuple(manifests),
        owned={one.key: one for one in entries},
        mine={one.key: one for one in entries if one.application == SHOP},
        is_desired=everything.__contains__,
        kinds=kinds,
        unrecorded=dict(unrecorded),
    )


def only_step(*entries, **facts):
    (step,) = plan(request(*entries, **facts)).steps
    return step


def with_fields(entry, **fields):
    return type(entry)(**{name: getattr(entry, name) for name in entry.__slots__} | fields)


@pytest.mark.parametrize(
    ("entry", "policy", "action", "force", "reason"),
    [
        pytest.param(None, "repair", Action.CREATE, False, "not there", id="not there: without force"),
        pytest.param(IN_STEP, "repair", Action.KEEP, False, "as desired", id="in step: no request"),
        pytest.param(with_fields(IN_STEP, applied="v1:old"), "repair", Action.UPDATE, True, "content changed", id="older content"),
        pytest.param(with_fields(IN_STEP, drift=(SCALED,)), "repair", Action.UPDATE, True, "spec.replicas changed by kubectl",
                     id="drift, repaired"),
        pytest.param(with_fields(IN_STEP, drift=(SCALED,)), "report", Action.SKIP, False,
                     "spec.replicas changed by kubectl; left, since spec.sync.drift is report", id="drift, reported"),
        pytest.param(with_fields(IN_STEP, drift=(SCALED,)), "ignore", Action.KEEP, False, "drift is ignored", id="drift, ignored"),
        pytest.param(with_fields(IN_STEP, drift=(SCALED,), applied="v1:old"), "report", Action.UPDATE, True, "content changed",
                     id="drift and older content: content wins"),
        pytest.param(with_fields(IN_STEP, drift=(UNVERIFIABLE,)), "repair", Action.SKIP, True,
                     "spec.odd not kept by the server", id="what the server does not keep is never sent again"),
        pytest.param(with_fields(IN_STEP, deleting=True), "repair", Action.DEFER, False,
                     "is being deleted; created again when it is gone", id="going"),
        pytest.param(with_fields(IN_STEP, application=OTHER), "repair", Action.UPDATE, True, "moves here from trueup/other",
                     id="moved"),
    ],
)  # fmt: skip
def test_what_is_done_to_an_object(entry, policy, action, force, reason):
    step = only_step(*([entry] if entry else []), drift=DriftPolicy(policy))
    assert (step.action, step.force, step.reason) == (action, force, reason)
    assert (step.key, step.manifest) == (WEB.key, WEB)


@pytest.mark.parametrize(
    ("seen", "policy", "action", "force", "reason"),
    [
        pytest.param(Unrecorded(WEB.digest), "repair", Action.KEEP, False, "as desired when its values were last looked at", id="in step"),
        pytest.param(Unrecorded("v1:old"), "repair", Action.UPDATE, True, "content changed", id="older content"),
        pytest.param(Unrecorded(WEB.digest, (SCALED,)), "repair", Action.UPDATE, True, "spec.replicas changed by kubectl", id="drift"),
        pytest.param(Unrecorded(WEB.digest, (SCALED,)), "ignore", Action.KEEP, False, "drift is ignored", id="drift, ignored"),
    ],
)  # fmt: skip
def test_what_is_done_to_an_object_whose_api_keeps_no_record_of_fields(seen, policy, action, force, reason):
    step = only_step(unrecorded={WEB.key: seen}, drift=DriftPolicy(policy))
    assert (step.action, step.force, step.reason) == (action, force, reason)


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        pytest.param(Kinds([]), "the cluster does not serve v1 ConfigMap yet", id="not yet"),
        pytest.param(
            Kinds([Kind("", "v2", "ConfigMap", "configmaps", namespaced=True)]),
            "the cluster serves ConfigMap at v2, not at v1; change its apiVersion",
            id="at another version",
        ),
        pytest.param(Kinds([], failed=[""]), "the cluster did not tell what it serves of ", id="nobody knows"),
    ],
)
def test_a_kind_that_is_not_served_defers_its_object_only(kinds, reason):
    step = only_step(kinds=kinds)
    assert (step.action, step.reason) == (Action.DEFER, reason)


def test_a_plan_has_stages_in_order_and_deletions_after_them():
    namespace = manifest(document("v1", "Namespace", "shop"))
    gone = owned(key(name="gone"))
    found = plan(request(IN_STEP, gone, manifests=[WEB, namespace]))
    assert isinstance(found, Plan)
    assert (found.application, found.revision, found.holds) == (SHOP, REVISION, ())
    assert [[step.key.kind for step in stage] for stage in found.stages] == [["Namespace"], ["ConfigMap"]]
    assert [(step.action, step.key) for step in found.deletions] == [(Action.DELETE, gone.key)]


def test_nothing_is_deleted_where_pruning_is_off():
    assert plan(request(IN_STEP, owned(key(name="gone")), prune=False)).deletions == ()


def test_what_a_guard_refuses_is_in_the_plan():
    found = plan(request(*[owned(key(name=f"gone-{number}")) for number in range(5)]))
    assert [hold.guard for hold in found.holds] == ["most-of-application"]
    assert found.held_digest != ""


def marked(name, phases, kind="Job", api_version="batch/v1"):
    return manifest(document(api_version, kind, name, metadata={"annotations": {"trueup.dev/hook": phases}}))


def hooks_in(*entries, past=(), hooks=(), **facts):
    found = plan(replace(request(*entries, **facts), hooks=tuple(hooks), content="now", past=by_key(past)))
    return [(step.action, step.reason, step.key.name) for step in found.hooks]


def test_a_plan_has_the_hooks_that_run_when_all_goes_well():
    hooks = [
        marked("smoke", "post-sync"),
        marked("migrate", "pre-sync"),
        marked("cry", "sync-failed"),
        marked("bye", "pre-delete"),
    ]
    expected = [(Action.RUN, "pre-sync hook", "migrate"), (Action.RUN, "post-sync hook", "smoke")]
    assert hooks_in(IN_STEP, hooks=hooks) == expected
    ran = HookRun(hooks[1].key.identity, "now", "c" * 40, "2026", phase="pre-sync")
    assert hooks_in(IN_STEP, hooks=hooks, past=[ran]) == expected[1:]
    assert hooks_in(IN_STEP, hooks=hooks, past=[replace(ran, digest="before")]) == expected


def test_the_last_hooks_run_when_everything_is_deleted_and_not_while_that_is_held():
    bye, gone = marked("bye", "pre-delete"), owned(key(name="gone"))
    held = replace(request(gone, manifests=()), hooks=(bye,), content="now")
    assert plan(held).hooks == ()
    approved = plan(replace(held, approved=plan(held).held_digest))
    assert [step.reason for step in approved.hooks] == ["pre-delete hook"]
    assert is_end(approved)
    assert hooks_in(IN_STEP, gone, hooks=[bye]) == []


@pytest.mark.parametrize(
    ("entry", "digest", "action"),
    [
        pytest.param(None, "same", Action.KEEP, id="gone, and ran for this content"),
        pytest.param({"deleting": True}, "same", Action.KEEP, id="going, and ran for this content"),
        pytest.param(None, "another", Action.CREATE, id="gone, and ran for other content"),
        pytest.param({"applied": "v1:old"}, "another", Action.UPDATE, id="there, with other content"),
    ],
)
def test_a_job_that_is_gone_when_it_is_done_is_not_made_again(entry, digest, action):
    served = Kinds([*KINDS, Kind("batch", "v1", "Job", "jobs", namespaced=True, has_status=True)])
    once = manifest(document("batch/v1", "Job", "once", spec={"ttlSecondsAfterFinished": 0}), kinds=served)
    entries = [owned(once.key, **entry)] if entry is not None else []
    past = HookRun(once.key.identity, once.digest if digest == "same" else "v1:other", "c" * 40, "2026")
    (step,) = plan(replace(request(*entries, manifests=[once], kinds=served), past=by_key([past]))).steps
    assert step.action is action


def test_the_namespaces_of_hooks_are_made_before_all_else():
    served = Kinds([*KINDS, Kind("batch", "v1", "Job", "jobs", namespaced=True)])
    namespaces = [manifest(document("v1", "Namespace", name)) for name in ("shop", "elsewhere")]
    migrate = marked("migrate", "pre-sync")
    planned = plan(replace(request(manifests=[*namespaces, WEB], kinds=served), hooks=(migrate,), content="now"))
    needed = namespaces_of_hooks(planned)
    assert [step.key.name for step in needed.steps] == ["shop"]
    there = owned(namespaces[0].key, applied=namespaces[0].digest)
    planned = plan(replace(request(there, manifests=[*namespaces, WEB], kinds=served), hooks=(migrate,), content="now"))
    assert namespaces_of_hooks(planned) is None
    assert namespaces_of_hooks(plan(request(manifests=namespaces))) is None


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        pytest.param(DriftKind.MISSING, [], "was deleted", id="missing"),
        pytest.param(DriftKind.CHANGED, [("spec.a", "x"), ("spec.b", "w")], "spec.a, spec.b changed by w, x", id="changed"),
        pytest.param(DriftKind.CHANGED, [("spec.a", "")], "spec.a changed", id="by nobody knows whom"),
        pytest.param(DriftKind.FOREIGN, [("spec.a", "kubectl")], "spec.a put beside ours by kubectl", id="foreign"),
        pytest.param(DriftKind.UNVERIFIABLE, [("spec.a", "")], "spec.a not kept by the server", id="unverifiable"),
        pytest.param(
            DriftKind.CHANGED, [(f"spec.{n}", "x") for n in "abcdefg"], "spec.a, spec.b, spec.c, spec.d, spec.e and 2 more changed by x",
            id="many fields",
        ),
    ],
)  # fmt: skip
def test_a_finding_in_words(kind, fields, words):
    assert describe(Drift(WEB.key, kind, tuple(FieldDrift(path, manager) for path, manager in fields))) == words


def test_a_step_that_repairs_says_what_it_puts_back():
    step = explained(Step(Action.CREATE, WEB.key, "not there", WEB), (Drift(WEB.key, DriftKind.MISSING), SCALED))
    assert step.reason == "was deleted; spec.replicas changed by kubectl"
    assert step.drift == (Drift(WEB.key, DriftKind.MISSING), SCALED)


def test_a_step_that_is_left_says_why():
    step = explained(Step(Action.UPDATE, WEB.key, "content changed", WEB), (SCALED,), "trueup/shop is paused")
    assert (step.action, step.drift) == (Action.SKIP, (SCALED,))
    assert step.reason == "spec.replicas changed by kubectl; left, since trueup/shop is paused"


def test_a_conflict_names_the_object_and_both_applications():
    assert conflict(WEB.key, (OTHER, SHOP)) == (
        "shop/ConfigMap/web is declared by trueup/other and trueup/shop; "
        "take it out of all but one of them, or give it another name"
    )


def test_what_is_awaited_is_kinds_that_are_served_and_objects_that_are_gone():
    going = owned(WEB.key, deleting=True)
    widget = manifest(document("example.com/v1", "Widget", "w"), kinds=Kinds([]))
    found = awaited(
        plan(request(going, manifests=[WEB, widget], kinds=Kinds([k for k in KINDS if k.kind != "Widget"]))), {WEB.key: going}
    )
    assert found.kinds == {("example.com", "Widget", "v1")}
    assert found.objects == {WEB.key}
    assert not awaited(plan(request(IN_STEP)), {})


IF_ABSENT, IGNORED = (
    manifest(document(data={"colour": "blue"}, metadata={"annotations": {"trueup.dev/apply": word}}))
    for word in ("if-absent", "ignore")
)
OURS = owned(WEB.key, applied="v1:old", drift=(SCALED,))


@pytest.mark.parametrize(
    ("of", "entry", "others", "action", "reason"),
    [
        pytest.param(IF_ABSENT, None, (), Action.CREATE, "not there", id="if-absent: missing"),
        pytest.param(IF_ABSENT, OURS, (), Action.KEEP, "is there; trueup.dev/apply: if-absent", id="if-absent: made by us once"),
        pytest.param(IF_ABSENT, None, (WEB.key,), Action.KEEP, "is there; trueup.dev/apply: if-absent", id="if-absent: made by others"),
        pytest.param(IF_ABSENT, with_fields(OURS, application=OTHER), (), Action.KEEP, "is there; trueup.dev/apply: if-absent",
                     id="if-absent: of another application"),
        pytest.param(IF_ABSENT, with_fields(OURS, deleting=True), (WEB.key,), Action.DEFER,
                     "is being deleted; created again when it is gone", id="if-absent: going"),
        pytest.param(IGNORED, None, (), Action.KEEP, "trueup.dev/apply: ignore", id="ignore: not ours"),
        pytest.param(IGNORED, OURS, (), Action.RELEASE, "trueup.dev/apply: ignore; it stays as it is, and is ours no longer",
                     id="ignore: let go"),
        pytest.param(IGNORED, with_fields(OURS, application=OTHER), (), Action.KEEP, "trueup.dev/apply: ignore",
                     id="ignore: of another application"),
        pytest.param(IGNORED, with_fields(OURS, deleting=True), (), Action.KEEP, "trueup.dev/apply: ignore", id="ignore: going"),
    ],
)  # fmt: skip
def test_what_an_object_says_of_how_it_is_applied(of, entry, others, action, reason):
    facts = replace(request(*([entry] if entry else []), manifests=(of,)), others=frozenset(others))
    (step,) = plan(facts).steps
    assert (step.action, step.reason) == (action, reason)


def test_what_is_left_alone_is_not_deleted_either():
    assert plan(request(OURS, manifests=(IGNORED,))).deletions == ()
