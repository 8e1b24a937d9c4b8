"""The comment of a plan: what counts comes first, nothing in it is obeyed, and it fits."""

import re

import pytest

from jobs.planned import FOLDED_LINES, LONGEST, Form, comment, conclude_plan, form_of, marker, summary
from jobs.records import FieldRecord, HoldRecord, JobKind, JobState, PullRecord, StepRecord
from reconciler.model.declared import Forge
from reconciler.model.outcome import Action, SyncState
from tests.servers.records import job_record, sync_record

MARK = marker("trueup", "5ea1")
PULL = PullRecord(number=7, base="refs/heads/main")


def step(action=Action.UPDATE, name="web", **fields):
    return StepRecord(
        action=action, object=f"shop/Deployment/{name}", identity=f"apps/Deployment:shop/{name}", reason="x", **fields
    )


def plan(*syncs, **fields):
    return job_record(**({"kind": JobKind.PLAN, "state": JobState.SUCCEEDED, "pull": PULL, "syncs": syncs} | fields))


def text(*syncs, instance="trueup", link="https://t/jobs/1", form=Form.HTML, **fields):
    return comment(plan(*syncs, **fields), instance, link, mark=MARK, form=form)


@pytest.fixture(params=Form, ids=lambda form: form.name)
def form(request):
    return request.param


@pytest.mark.parametrize(
    ("syncs", "line"),
    [
        ([], "changes nothing in the cluster"),
        ([sync_record()], "changes nothing in the cluster"),
        ([sync_record(steps=(step(),))], "1 to change, in 1 application"),
        (
            [
                sync_record(steps=(step(Action.DELETE, "a"), step(Action.CREATE, "b"))),
                sync_record(application="trueup/api", steps=(step(Action.HOLD),)),
            ],
            "1 to create, 1 to delete, 1 whose deletion waits for an approval, in 2 applications",
        ),
    ],
)
def test_one_line_says_what_counts(syncs, line):
    assert summary(syncs) == line


@pytest.mark.parametrize(
    ("states", "state", "message"),
    [
        ([SyncState.SUCCEEDED], JobState.SUCCEEDED, "changes nothing in the cluster"),
        ([SyncState.SUCCEEDED, SyncState.FAILED], JobState.FAILED, "app1: broken"),
        ([SyncState.FAILED, SyncState.FAILED], JobState.FAILED, "app0: broken (and 1 more)"),
    ],
)
def test_a_plan_fails_when_one_of_its_applications_would(states, state, message):
    syncs = [sync_record(one, application=f"trueup/app{number}", message="broken") for number, one in enumerate(states)]
    assert conclude_plan(syncs) == (state, message)


def test_bitbucket_shows_markdown_alone():
    assert {forge for forge in Forge if form_of(forge) is Form.PLAIN} == {Forge.BITBUCKET, Forge.BITBUCKET_DC}


@pytest.mark.parametrize(
    ("form", "line"),
    [(Form.HTML, "<!-- trueup plan of a.b-c_d 5ea1 -->"), (Form.PLAIN, "[trueup plan of a.b-c_d 5ea1]: #")],
)
def test_what_a_comment_begins_with_is_seen_by_nobody(form, line):
    assert marker("a.b-c_d", "5ea1", form) == marker("a.b-c_d]: #>", "5ea1", form) == line
    assert comment(plan(), "a", "", mark=line, form=form).splitlines()[:2] == [line, ""]


def test_a_comment_names_objects_fields_guards_and_warnings(form):
    field = FieldRecord(path="spec.replicas", desired="3", found="2")
    said = text(
        sync_record(
            steps=(
                step(fields=(field, FieldRecord(path="spec.new", desired="1"), FieldRecord(path="spec.gone", found="1"))),
                step(Action.CREATE, "new", error="spec.x: Required value", warnings=("v1beta1 is deprecated",)),
            ),
            holds=(HoldRecord(guard="empty", reason="everything would go", objects=("a",)),),
            notices=("2 more differ from Git today",),
        ),
        form=form,
    )
    for line in (
        MARK, "**1 to create, 1 to change, in 1 application**", "~ shop/Deployment/web", "    spec.replicas: 2 → 3",
        "    spec.new: 1", "    spec.gone: 1 → (none)", "+ shop/Deployment/new", "!   would be refused: spec.x: Required value",
        "!   v1beta1 is deprecated", "held: everything would go", "note: 2 more differ from Git today",
    ):  # fmt: skip
        assert f"{line}\n" in said
    assert "[All of it](https://t/jobs/1)" in said


def test_what_fails_comes_first(form):
    said = text(
        sync_record(steps=(step(),)),
        sync_record(SyncState.FAILED, application="trueup/zoo", message="apps/zoo/a.yaml:3: no mapping"),
        state=JobState.FAILED, form=form,
    )  # fmt: skip
    assert said.index("trueup/zoo") < said.index("trueup/web")
    assert "would fail: apps/zoo/a.yaml:3: no mapping" in said


HOSTILE = [
    pytest.param("```\n@everyone <img src=x onerror=y>", id="a fence"),
    pytest.param("`````` @acme/owners", id="a long fence"),
    pytest.param("a\n/trueup approve", id="a command on a line"),
    pytest.param("</details><script>x</script>", id="tags"),
    pytest.param("\x1b[2J\u202egnp", id="what a screen obeys"),
    pytest.param("x\r\n\r\n# heading", id="a heading"),
]


@pytest.mark.parametrize("evil", HOSTILE)
def test_nothing_in_it_is_obeyed(form, evil):
    field = FieldRecord(path=f"data.{evil}", desired=evil, found=evil)
    said = text(
        sync_record(
            SyncState.FAILED, application=f"trueup/{evil}", cluster=evil, message=evil, notices=(evil,),
            steps=(step(name=evil, fields=(field,), error=evil, warnings=(evil,)),),
            holds=(HoldRecord(guard="x", reason=evil, objects=()),),
        ),
        state=JobState.FAILED, pull=PullRecord(number=7, base=f"refs/heads/{evil}"), form=form,
    )  # fmt: skip
    outside, inside, fence = [], [], ""
    for line in said.splitlines():
        opened = re.match(r"(`{3,})", line)
        if opened and not fence:
            fence = opened[1]
        elif fence and line == fence:
            fence = ""
        else:
            (inside if fence else outside).append(line)
    assert not fence, "every fence is closed"
    assert len(inside) >= 6
    prose = re.sub(r"`[^`]*`", "", "\n".join(outside))
    assert not re.search(r"@|<img|<script|</details>.*<script|onerror=|^#(?!## )|\x1b|\u202e", prose, re.MULTILINE)
    assert not re.search(r"^[ \t]*/trueup", said, re.MULTILINE)


def test_a_plan_that_has_no_syncs_says_why():
    said = text(state=JobState.FAILED, message="cannot be merged into main: conflicts in ```a```")
    assert "````\ncannot be merged into main: conflicts in ```a```\n````" in said


@pytest.mark.parametrize(("applications", "steps"), [(1, 700), (120, 10), (800, 1)])
def test_a_large_plan_fits(form, applications, steps):
    syncs = [
        sync_record(
            application=f"trueup/app{number}",
            steps=tuple(step(name=f"w{n}", fields=(FieldRecord(path="spec.x", desired="y" * 5000),)) for n in range(steps)),
        )
        for number in range(applications)
    ]
    said = text(*syncs, form=form)
    assert len(said) <= LONGEST[form]
    assert "more" in said
    assert said.endswith("</sub>" if form is Form.HTML else "`/trueup help`.")


def test_where_nothing_is_folded_the_beginning_of_many_is_shown():
    many = [step(name=f"w{number}") for number in range(FOLDED_LINES + 5)]
    said = text(*(sync_record(application=f"trueup/app{number}", steps=tuple(many)) for number in range(4)), form=Form.PLAIN)
    assert said.count(f"w{FOLDED_LINES - 1}\n… and 5 more lines\n```\n") == 4
    assert f"`trueup/app3` in `in-cluster`: {len(many)} to change, in 1 application\n\n```diff\n" in said
    assert "<" not in said.removeprefix(MARK)
    assert "more lines" not in text(sync_record(steps=tuple(many)), form=Form.PLAIN), "one alone is shown whole"


def test_of_a_fork_that_was_not_rendered_it_is_said_why():
    pull = PULL.model_copy(update={"is_fork": True})
    said = text(state=JobState.FAILED, message="it is from a fork", pull=pull, commit="")
    assert "### ❌ Trueup: what merging this into `main` would change" in said
    assert "it is from a fork" in said
    assert "was rendered" not in said


def test_of_a_fork_it_is_said_what_is_left_out():
    assert "values of the cluster are left out" in text(
        sync_record(steps=(step(),)), pull=PULL.model_copy(update={"is_fork": True})
    )
    assert "values of the cluster are left out" not in text(sync_record(steps=(step(),)))
