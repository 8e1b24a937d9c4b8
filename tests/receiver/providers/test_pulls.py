"""Pull requests and comments as GitHub and GitLab tell of them: which ask for a plan, and which are commands."""

import json

import pytest

from receiver.providers.event import Comment, Ignored, PullRequest, WebhookRequest
from receiver.providers.github import GitHub
from receiver.providers.gitlab import GitLab
from receiver.providers.payload import command_in

HEAD = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
GITHUB_SCOPE, GITLAB_SCOPE = "github.com/acme/shop", "gitlab.example/acme/shop"
SHOP = {"full_name": "acme/shop", "clone_url": "https://github.com/acme/shop.git"}
FORK = {"full_name": "mallory/shop", "clone_url": "https://github.com/mallory/shop.git"}


def changed(value, path, new):
    """A payload with one field another; None of a path takes it out."""
    head, _, rest = path.partition(".")
    if not rest:
        return {name: kept for name, kept in (value | {head: new}).items() if name != head or new is not ...}
    return value | {head: changed(value[head], rest, new)}


def pull(*changes, **more):
    payload = {
        "action": "opened",
        "number": 7,
        "pull_request": {
            "number": 7, "state": "open", "draft": False, "merged": False, "title": "x",
            "head": {"ref": "topic", "sha": HEAD, "repo": SHOP},
            "base": {"ref": "main", "sha": "b" * 40, "repo": SHOP},
        },
        "repository": SHOP,
        "sender": {"login": "ada", "type": "User"},
    } | more  # fmt: skip
    for path, new in changes:
        payload = changed(payload, path, new)
    return payload


def comment(*changes, **more):
    payload = {
        "action": "created",
        "issue": {"number": 7, "title": "x", "pull_request": {"url": "https://api.github.com/repos/acme/shop/pulls/7"}},
        "comment": {"id": 99, "body": "/trueup plan", "user": {"login": "ada", "type": "User"}},
        "repository": SHOP,
    } | more
    for path, new in changes:
        payload = changed(payload, path, new)
    return payload


def github(event, payload):
    return GitHub().parse(WebhookRequest({"x-github-event": event}, json.dumps(payload).encode(), 0.0))


PLANNED = PullRequest(GITHUB_SCOPE, 7, HEAD, "refs/pull/7/head", "refs/heads/main", "ada", is_fork=False)


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        pytest.param(pull(), PLANNED, id="opened"),
        pytest.param(pull(action="synchronize"), PLANNED, id="pushed to"),
        pytest.param(pull(action="reopened"), PLANNED, id="reopened"),
        pytest.param(pull(action="ready_for_review"), PLANNED, id="no draft any more"),
        pytest.param(pull(("pull_request.draft", True)), PLANNED, id="a draft"),
        pytest.param(pull(action="edited", changes={"base": {"ref": {"from": "x"}}}), PLANNED, id="into another branch"),
        pytest.param(pull(action="edited", changes={"title": {"from": "x"}}), "pull request 7 was edited", id="another title"),
        pytest.param(pull(action="closed"), "pull request 7 was closed", id="closed"),
        pytest.param(pull(("pull_request.merged", True), action="closed"), "pull request 7 was merged", id="merged"),
        pytest.param(pull(action="labeled"), "pull request 7 was labeled", id="labeled"),
        pytest.param(
            pull(("pull_request.head.repo", FORK)),
            PullRequest(GITHUB_SCOPE, 7, HEAD, "refs/pull/7/head", "refs/heads/main", "ada", is_fork=True), id="from a fork",
        ),
        pytest.param(
            pull(("pull_request.head.repo", None)),
            PullRequest(GITHUB_SCOPE, 7, HEAD, "refs/pull/7/head", "refs/heads/main", "ada", is_fork=True), id="from a fork that is gone",
        ),
        pytest.param(pull(number=0), "payload not understood", id="number nothing"),
        pytest.param(pull(number="7"), "payload not understood", id="a number in letters"),
        pytest.param(pull(("pull_request.head.sha", "x")), "payload not understood", id="no commit"),
        pytest.param(pull(("pull_request.base.ref", "a..b")), "payload not understood", id="no branch"),
        pytest.param(pull(("pull_request.base.repo", {"full_name": "x", "clone_url": "ftp://x"})), "payload not understood", id="no address"),
        pytest.param(pull(pull_request=None), "payload not understood", id="nothing"),
    ],
)  # fmt: skip
def test_a_pull_request_of_github(payload, event):
    found = github("pull_request", payload)
    assert found == event if isinstance(event, PullRequest) else isinstance(found, Ignored) and event in found.reason, found


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        pytest.param(comment(), "/trueup plan", id="a command"),
        pytest.param(
            comment(("comment.body", "thanks!\r\n  /trueup sync web \r\nbye")), "/trueup sync web", id="among other lines"
        ),
        pytest.param(comment(("comment.body", "say /trueup plan")), "", id="in the midst of a line"),
        pytest.param(comment(("comment.body", "> /trueup plan")), "", id="quoted"),
        pytest.param(comment(("comment.body", "/trueupplan")), "", id="another word"),
        pytest.param(comment(("comment.body", "<!-- trueup answers -->\n/trueup plan")), "", id="our own"),
        pytest.param(comment(("comment.user.type", "Bot")), "", id="of a program"),
        pytest.param(comment(action="edited"), "", id="edited: it may have been another's"),
        pytest.param(comment(action="deleted"), "", id="deleted"),
        pytest.param(comment(("issue.pull_request", ...)), "", id="beneath an issue"),
        pytest.param(comment(comment=None), None, id="nothing"),
    ],
)
def test_a_comment_of_github(payload, text):
    found = github("issue_comment", payload)
    if text:
        assert found == Comment(GITHUB_SCOPE, 7, "99", text, "ada")
    else:
        assert isinstance(found, Ignored)
        assert ("is no command" if text == "" else "not understood") in found.reason


def merge_request(*changes):
    payload = {
        "object_kind": "merge_request",
        "user": {"id": 1, "username": "ada"},
        "project": {"git_http_url": "https://gitlab.example/acme/shop.git", "path_with_namespace": "acme/shop"},
        "object_attributes": {
            "iid": 7, "action": "open", "state": "opened", "source_branch": "topic", "target_branch": "main",
            "source_project_id": 1, "target_project_id": 1, "last_commit": {"id": HEAD},
        },
        "changes": {},
    }  # fmt: skip
    for path, new in changes:
        payload = changed(payload, path, new)
    return payload


def note(*changes):
    payload = {
        "object_kind": "note",
        "user": {"id": 1, "username": "ada"},
        "project": {"git_http_url": "https://gitlab.example/acme/shop.git", "path_with_namespace": "acme/shop"},
        "object_attributes": {"id": 99, "note": "/trueup plan", "noteable_type": "MergeRequest", "action": "create"},
        "merge_request": {"iid": 7},
    }
    for path, new in changes:
        payload = changed(payload, path, new)
    return payload


def gitlab(event, payload):
    return GitLab().parse(WebhookRequest({"x-gitlab-event": event}, json.dumps(payload).encode(), 0.0))


MERGED = PullRequest(GITLAB_SCOPE, 7, HEAD, "refs/merge-requests/7/head", "refs/heads/main", "ada", is_fork=False)


def of(field, value):
    return (f"object_attributes.{field}", value)


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        pytest.param(merge_request(), MERGED, id="opened"),
        pytest.param(merge_request(of("action", "reopen")), MERGED, id="reopened"),
        pytest.param(merge_request(of("action", "update"), of("oldrev", "a" * 40)), MERGED, id="pushed to"),
        pytest.param(
            merge_request(of("action", "update"), ("changes", {"target_branch": {"previous": "x"}})), MERGED, id="into another branch"
        ),
        pytest.param(merge_request(of("action", "update"), ("changes", {"draft": {"current": False}})), MERGED, id="no draft any more"),
        pytest.param(merge_request(of("action", "update")), "merge request 7: update needs no plan", id="another title"),
        pytest.param(merge_request(of("action", "merge")), "merge request 7: merge needs no plan", id="merged"),
        pytest.param(merge_request(of("action", ...)), "merge request 7: nothing needs no plan", id="no action"),
        pytest.param(
            merge_request(of("source_project_id", 2)),
            PullRequest(GITLAB_SCOPE, 7, HEAD, "refs/merge-requests/7/head", "refs/heads/main", "ada", is_fork=True), id="from a fork",
        ),
        pytest.param(merge_request(of("last_commit", None)), "payload not understood", id="no commit"),
        pytest.param(merge_request(of("target_branch", "a b")), "payload not understood", id="no branch"),
        pytest.param(merge_request(("project.git_http_url", "x")), "payload not understood", id="no address"),
    ],
)  # fmt: skip
def test_a_merge_request_of_gitlab(payload, event):
    found = gitlab("Merge Request Hook", payload)
    assert found == event if isinstance(event, PullRequest) else isinstance(found, Ignored) and event in found.reason, found


@pytest.mark.parametrize(
    ("payload", "is_command"),
    [
        pytest.param(note(), True, id="a command"),
        pytest.param(note(of("action", ...)), True, id="of an older server"),
        pytest.param(note(of("action", "update")), False, id="edited"),
        pytest.param(note(of("note", "hello")), False, id="no command"),
        pytest.param(note(of("noteable_type", "Issue"), ("merge_request", ...)), False, id="beneath an issue"),
    ],
)
def test_a_note_of_gitlab(payload, is_command):
    found = gitlab("Note Hook", payload)
    assert found == Comment(GITLAB_SCOPE, 7, "99", "/trueup plan", "ada") if is_command else isinstance(found, Ignored), found


def test_a_command_is_bounded():
    assert len(command_in("/trueup " + "x" * 100_000)) == 300
