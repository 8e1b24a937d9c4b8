"""What a check run tells: every application once, whatever people wrote, and the lines that are wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.records import HoldRecord, JobKind, JobRecord, JobState, ObjectHealthRecord, StepRecord, SyncRecord
from jobs.report import MOST_ANNOTATIONS, SUMMARY_BYTES, Annotation, annotation_of, report_of
from reconciler.model.outcome import Action, HealthStatus, SyncState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(*syncs, kind=JobKind.PUSH, age=0, message=""):
    moment = NOW - timedelta(seconds=age)
    return JobRecord(id=f"j{age}", kind=kind, state=JobState.FAILED, message=message, created=moment, updated=moment, syncs=syncs)


def synced(name="trueup/web", state=SyncState.SUCCEEDED, **more):
    more = {"health": HealthStatus.HEALTHY, **more}
    return SyncRecord(application=name, cluster="in-cluster", revision="main@sha1:abc", state=state, **more)


def step(action=Action.UPDATE, name="shop/Deployment/web", error=""):
    return StepRecord(action=action, object=name, identity=name, reason="it differs", error=error)


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("app/web.yaml, line 5: did not find expected node content", ("app/web.yaml", 5)),
        ("trueup/web: app/web.yaml, line 5: no", ("app/web.yaml", 5)),
        ("3 of 4 applications healthy; web: app/a b.yaml, line 5: no", ("b.yaml", 5)),
        ("ConfigMap/x is declared twice: in a.yaml, line 1 and in b.yaml, line 9; keep one", ("a.yaml", 1)),
        ("app: helm: Error: execution error at (shop/templates/cm.yaml:6:12): no", ("app/templates/cm.yaml", 6)),
        ("trueup/web: .: helm: template: shop/templates/_x.tpl:3: bad", ("templates/_x.tpl", 3)),
        ("app: helm: app/charts/sub/templates/x.yaml:5:15\n  executing: nil pointer", ("app/charts/sub/templates/x.yaml", 5)),
        ("charts/web: helm: parse error at (charts/web/templates/cm.yaml:6): no", ("charts/web/templates/cm.yaml", 6)),
        ('.: helm: parse error at (./templates/cm.yaml:6): function "b" not defined', ("templates/cm.yaml", 6)),
        ("app: helm: app/templates/cm.yaml, line 1: what it renders is no YAML: yaml: line 6: no", ("app/templates/cm.yaml", 1)),
        ("app/crds/a.yaml (rendered by helm), line 2: did not find", ("app/crds/a.yaml", 1)),
        ("app: kustomize: MalformedYAMLError: yaml: line 4: in File: cm.yaml", None),
        ("web: ImagePullBackOff", None),
        ("../../etc/passwd, line 1: no", None),
        ("/etc/passwd, line 1: no", None),
        ("app/web.yaml, line 0: no", None),
        ("", None),
    ],
)
def test_the_line_that_is_wrong(message, found):
    assert annotation_of(message) == (Annotation(*found, message) if found else None)


def test_each_application_is_told_of_by_its_newest_sync():
    failed = synced(state=SyncState.FAILED, message="app/web.yaml, line 5: no")
    report = report_of([job(failed, age=9), job(synced(steps=(step(),), kept=3)), job(synced("trueup/api", kept=1), age=5)])
    assert report.annotations == ()
    assert report.summary.splitlines()[:4] == [
        "| application | sync | health | objects |",
        "|---|---|---|---|",
        "| `trueup/api` | succeeded | Healthy | 1 unchanged |",
        "| `trueup/web` | succeeded | Healthy | 1 changed, 3 unchanged |",
    ]
    assert "- update `shop/Deployment/web`" in report.summary
    assert "**`trueup/api`**" not in report.summary


def test_what_is_wrong_is_told_with_its_objects():
    sync = synced(
        state=SyncState.HELD,
        message="2 deletions are held",
        health=HealthStatus.DEGRADED,
        steps=(step(error="app/web.yaml, line 1: apply: no"), step(Action.CREATE, "shop/Secret/x")),
        unhealthy=(ObjectHealthRecord(object="shop/Pod/web-1", status=HealthStatus.DEGRADED, reason="ImagePullBackOff"),),
        holds=(HoldRecord(guard="half", reason="more than half", objects=("shop/ConfigMap/a",)),),
        notices=("an image has no digest",),
    )
    lines = report_of([job(sync)]).summary.splitlines()
    assert "| `trueup/web` | held | Degraded | 1 created, 0 unchanged |" in lines
    assert "**`trueup/web`** `2 deletions are held`" in lines
    assert "- update `shop/Deployment/web`: `app/web.yaml, line 1: apply: no`" in lines
    assert "- not healthy: `shop/Pod/web-1`: `ImagePullBackOff`" in lines
    assert "- held: `more than half`: `shop/ConfigMap/a`" in lines
    assert "- note: `an image has no digest`" in lines


def test_errors_of_objects_are_annotations_each_once():
    steps = [step(name=f"o{number}", error=f"app/{number}.yaml, line {number + 1}: no") for number in range(60)]
    sync = synced(state=SyncState.FAILED, message=steps[0].error, steps=(*steps, steps[0]))
    found = report_of([job(sync)]).annotations
    assert len(found) == MOST_ANNOTATIONS
    assert found[:2] == (Annotation("app/0.yaml", 1, steps[0].error), Annotation("app/1.yaml", 2, steps[1].error))


def test_a_job_that_came_to_no_sync_is_annotated_too():
    report = report_of([job(message="app/web.yaml, line 5: no")])
    assert (report.summary, [found.line for found in report.annotations]) == ("", [5])


@pytest.mark.parametrize("kind", [JobKind.DIFF, JobKind.DRIFT, JobKind.PARTIAL, JobKind.PAUSE])
def test_jobs_that_say_nothing_of_the_commit_are_left_out(kind):
    assert report_of([job(synced(), kind=kind)]).summary == ""


@pytest.mark.parametrize("text", ["`@all` <img src=x> [a](http://x)", "a|b\n\n# c", "```\n@all"])
def test_what_people_wrote_means_nothing_to_markdown(text):
    (line,) = [
        line for line in report_of([job(synced(state=SyncState.FAILED, message=text))]).summary.splitlines() if "**" in line
    ]
    inside = line.removeprefix("**`trueup/web`** `").removesuffix("`")
    assert "`" not in inside
    assert line.endswith("`")


def test_a_summary_fits():
    steps = tuple(step(name=f"shop/ConfigMap/{'x' * 200}{number}") for number in range(500))
    report = report_of([job(*(synced(f"trueup/web{number}", steps=steps) for number in range(50)))])
    assert len(report.summary.encode()) < 65_000
    assert "- and 450 more" in report.summary
    assert report.summary.endswith("More is told by the job.")
    many = report_of([job(*(synced(f"trueup/{'x' * 60}{number}") for number in range(2000)))])
    assert len(many.summary.encode()) < SUMMARY_BYTES + 100
