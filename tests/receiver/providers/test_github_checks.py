"""Checks that somebody asks for again at GitHub: what each delivery says."""

import json
from pathlib import Path

import pytest

from receiver.providers.event import Ignored, PullRequest, Rerun, WebhookRequest
from receiver.providers.github import GitHub

PAYLOAD = json.loads((Path(__file__).parent / "payloads" / "github" / "check-run-rerequested.json").read_text())
COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
SUITE = PAYLOAD["check_run"]["check_suite"]
SHOP = {"id": 186853002, "url": "https://api.github.com/repos/acme/shop", "name": "shop"}
PULL = {
    "id": 1, "number": 7, "url": "https://api.github.com/repos/acme/shop/pulls/7",
    "head": {"ref": "feature", "sha": COMMIT, "repo": SHOP}, "base": {"ref": "main", "sha": "a" * 40, "repo": SHOP},
}  # fmt: skip
AGAIN = Rerun("github.com/acme/shop", "refs/heads/main", COMMIT, "ada")


def parsed(payload, event="check_run"):
    return GitHub().parse(WebhookRequest({"x-github-event": event}, json.dumps(payload).encode(), 0.0))


def run(**more):
    return PAYLOAD | {"check_run": PAYLOAD["check_run"] | more}


def suite(**more):
    return {name: value for name, value in PAYLOAD.items() if name != "check_run"} | {"check_suite": SUITE | more}


@pytest.mark.parametrize(
    ("payload", "event", "wanted"),
    [
        pytest.param(PAYLOAD, "check_run", AGAIN, id="one"),
        pytest.param(suite(), "check_suite", AGAIN, id="all"),
        pytest.param(suite(head_branch=None), "check_suite", Rerun(AGAIN.scope, "", COMMIT, "ada"), id="of a tag"),
        pytest.param(
            run(name="trueup/plan", pull_requests=[PULL]),
            "check_run",
            PullRequest(AGAIN.scope, 7, COMMIT, "refs/pull/7/head", "refs/heads/main", "ada", is_fork=False),
            id="a plan",
        ),
        pytest.param(
            run(name="trueup/plan", pull_requests=[PULL | {"head": PULL["base"] | {"repo": {"id": 2}}}]),
            "check_run",
            PullRequest(AGAIN.scope, 7, COMMIT, "refs/pull/7/head", "refs/heads/main", "ada", is_fork=True),
            id="a fork's",
        ),
        pytest.param(run(name="trueup/plan"), "check_run", AGAIN, id="a plan of a pull request that is closed"),
        pytest.param(PAYLOAD | {"sender": {}}, "check_run", Rerun(AGAIN.scope, AGAIN.ref, COMMIT, ""), id="by nobody"),
    ],
)
def test_what_is_asked_for_again(payload, event, wanted):
    assert parsed(payload, event) == wanted


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(PAYLOAD | {"action": "created"}, "a check that was created means nothing", id="made"),
        pytest.param(PAYLOAD | {"action": "x" * 500}, "a check that was xxx", id="a long action"),
        pytest.param(run(external_id="ci-7"), "is not Trueup's", id="of somebody else"),
        pytest.param(run(external_id=None), "is not Trueup's", id="of nobody"),
        pytest.param(run(check_suite=SUITE | {"head_sha": "main"}), "head_sha is no commit", id="no commit"),
        pytest.param(run(check_suite=SUITE | {"head_branch": "a..b"}), "head_branch is no branch", id="no branch"),
        pytest.param(run(check_suite=None), "head_sha is no commit", id="no suite"),
        pytest.param(PAYLOAD | {"check_run": None}, "head_sha is no commit", id="no run"),
        pytest.param(PAYLOAD | {"repository": {"clone_url": "ftp://x/y"}}, "no address of the repository", id="no address"),
        pytest.param([], "payload not understood", id="a list"),
        pytest.param(run(pull_requests=[PULL | {"number": 0}]), "pull_requests.0.number", id="no number"),
        pytest.param(
            run(name="x/plan", pull_requests=[PULL | {"base": {"ref": "a..b", "repo": SHOP}}]),
            "base.ref is no branch",
            id="no base",
        ),
        pytest.param(PAYLOAD | {"sender": {"login": 7}}, "sender.login", id="a number for a name"),
    ],
)
def test_what_is_none_is_ignored_with_a_reason(payload, reason):
    event = parsed(payload)
    assert isinstance(event, Ignored)
    assert reason in event.reason
    assert len(event.reason) < 300
