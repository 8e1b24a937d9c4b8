"""Pull requests of GitHub and merge requests of GitLab: what is odd about them is ignored with a reason.

Left out: what each event means (test_deliveries).
"""

import json

import pytest

from receiver.providers.event import Comment, Ignored, WebhookRequest
from receiver.providers.github import GitHub
from receiver.providers.gitlab import GitLab
from tests.receiver.providers.made.merges import comment, merge, note, pull


def having(payload, path, value):
    """A payload with another value at a dotted path."""
    head, _, rest = path.partition(".")
    return payload | {head: having(payload[head], rest, value) if rest else value}


def parsed(provider, event, payload):
    headers = {"x-github-event": event, "x-gitlab-event": event}
    return provider.parse(WebhookRequest(headers, json.dumps(payload).encode(), 0.0))


FTP = {"full_name": "x", "clone_url": "ftp://x"}
PULLS = [
    ("number nothing", having(pull(), "number", 0)),
    ("a number in letters", having(pull(), "number", "7")),
    ("no commit", having(pull(), "pull_request.head.sha", "HEAD")),
    ("an empty commit", having(pull(), "pull_request.head.sha", "")),
    ("no branch", having(pull(), "pull_request.base.ref", "a..b")),
    ("no address", having(pull(), "pull_request.base.repo", FTP)),
    ("nothing", having(pull(), "pull_request", None)),
]
MERGES = [
    ("number nothing", having(merge(), "object_attributes.iid", 0)),
    ("no commit", having(merge(), "object_attributes.last_commit", {"id": "HEAD"})),
    ("an empty commit", having(merge(), "object_attributes.last_commit", {"id": ""})),
    ("nothing that was pushed", having(merge(), "object_attributes.last_commit", None)),
    ("no branch", having(merge(), "object_attributes.target_branch", "a b")),
    ("no address", having(merge(), "project", {"git_http_url": "x", "path_with_namespace": "x"})),
    ("nothing", having(merge(), "object_attributes", None)),
]


@pytest.mark.parametrize("payload", [payload for _, payload in PULLS], ids=[name for name, _ in PULLS])
def test_an_odd_pull_request_is_not_understood(payload):
    found = parsed(GitHub(), "pull_request", payload)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload not understood: ")


@pytest.mark.parametrize(
    ("provider", "event", "payload"),
    [
        (GitHub(), "issue_comment", having(comment(), "comment", None)),
        (GitLab(), "Note Hook", having(note(), "object_attributes", None)),
    ],
    ids=["GitHub", "GitLab"],
)
def test_a_comment_without_one_is_not_understood(provider, event, payload):
    found = parsed(provider, event, payload)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload not understood: ")


@pytest.mark.parametrize("payload", [payload for _, payload in MERGES], ids=[name for name, _ in MERGES])
def test_an_odd_merge_request_is_not_understood(payload):
    found = parsed(GitLab(), "Merge Request Hook", payload)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload not understood: ")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param("thanks!\r\n  /trueup sync web \r\nbye", "/trueup sync web", id="among other lines"),
        pytest.param("say /trueup plan", "", id="in the midst of a line"),
        pytest.param("> /trueup plan", "", id="quoted"),
        pytest.param("/trueupplan", "", id="another word"),
        pytest.param("<!-- trueup answers -->\n/trueup plan", "", id="in an answer of ours"),
        pytest.param("<!-- trueup plan of trueup 5ea1 -->\n/trueup plan", "", id="in a plan of ours"),
    ],
)
def test_a_command_is_a_line_that_is_not_ours(text, command):
    for found in (parsed(GitHub(), "issue_comment", comment(text)), parsed(GitLab(), "Note Hook", note(text))):
        assert (found.text if isinstance(found, Comment) else "") == command
        assert command or "is no command to Trueup" in found.reason


def test_a_note_of_an_older_server_says_no_action():
    payload = note()
    del payload["object_attributes"]["action"]
    assert isinstance(parsed(GitLab(), "Note Hook", payload), Comment)
