"""Following a job: what is told, once each, and the exit code that its end means."""

import pytest

from jobs.records import JobState, VerdictState
from trueup.cli.follow import exit_code_of, finish, story
from trueup.cli.output import ExitCode, Failure

STAGE = {"name": "fetched", "at": "2026-11-20T12:00:01.234567Z", "detail": ""}
STEP = {"action": "create", "object": "web/ConfigMap/a", "reason": "it is not there", "error": ""}
HOLD = {"reason": "more than half", "objects": ["a", "b", "c"]}
DENIAL = {"action": "deny", "object": "ns/ConfigMap/a", "rule": "no-bad", "message": "no"}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("succeeded", ExitCode.DONE), ("ignored", ExitCode.DONE), ("failed", ExitCode.FAILED), ("superseded", ExitCode.FAILED),
        ("held", ExitCode.HELD), ("queued", ExitCode.TIMEOUT), ("running", ExitCode.TIMEOUT), ("waiting", ExitCode.TIMEOUT),
        ("pending", ExitCode.TIMEOUT), ("something new", ExitCode.TIMEOUT),
    ],
)  # fmt: skip
def test_every_state_means_an_exit_code(state, code):
    assert exit_code_of(state) is code


def test_no_final_state_is_waited_for():
    final = {str(state) for state in JobState if state.is_final} | {str(state) for state in VerdictState if state.is_decided}
    assert all(exit_code_of(state) is not ExitCode.TIMEOUT for state in final)


@pytest.mark.parametrize(
    ("job", "lines"),
    [
        pytest.param({"stages": [], "syncs": []}, [], id="nothing yet"),
        pytest.param({"stages": [STAGE], "syncs": []}, ["12:00:01.234  fetched"], id="a stage"),
        pytest.param(
            {"stages": [STAGE | {"detail": "main"}], "syncs": [{"steps": [STEP], "holds": [], "notices": [], "policies": []}]},
            ["12:00:01.234  fetched  main", "  create  web/ConfigMap/a  it is not there"],
            id="a step",
        ),
        pytest.param(
            {"stages": [], "syncs": [{"steps": [STEP | {"error": "denied"}], "holds": [HOLD], "notices": [], "policies": []}]},
            ["  create  web/ConfigMap/a  denied", "  held    3 deletions: more than half"],
            id="a step that was refused, and deletions that are held",
        ),
        pytest.param(
            {
                "stages": [],
                "syncs": [
                    {
                        "application": "trueup/web",
                        "versions": ["", "1.2.0"],
                        "steps": [],
                        "holds": [],
                        "notices": [],
                        "policies": [],
                    }
                ],
            },
            ["  version trueup/web  -, 1.2.0"],
            id="what a range meant",
        ),
        pytest.param(
            {"stages": [], "syncs": [{"steps": [], "holds": [], "notices": [], "policies": [DENIAL]}]},
            ["  deny    ns/ConfigMap/a  no-bad: no"],
            id="what a policy denies",
        ),
        pytest.param(
            {"stages": [], "syncs": [{"steps": [], "holds": [], "notices": ["metrics.k8s.io is silent"], "policies": []}]},
            ["  note    metrics.k8s.io is silent"],
            id="what people should know",
        ),
    ],
)
def test_the_story_of_a_job(job, lines):
    assert list(story(job)) == lines


@pytest.mark.parametrize(("message", "said"), [("live", "succeeded: live\n"), ("", "succeeded\n")])
def test_a_good_end_is_told(capsys, message, said):
    finish({"id": "j1", "state": "succeeded", "message": message, "syncs": []})
    assert capsys.readouterr().out == said


def test_a_held_end_names_what_is_held_only():
    syncs = [{"application": "trueup/web", "state": "held"}, {"application": "trueup/api", "state": "succeeded"}]
    with pytest.raises(Failure, match=r"trueup app approve trueup/web$") as failure:
        finish({"id": "j1", "state": "held", "message": "2 deletions", "syncs": syncs})
    assert failure.value.code is ExitCode.HELD
