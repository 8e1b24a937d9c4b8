"""Pull requests of every forge but GitHub and GitLab: what is odd about them is ignored with a reason.

Left out: what each event means (test_deliveries).
"""

import pytest

from jobs.forges import bitbucket_dc_hooks, bitbucket_hooks
from receiver.providers.event import Comment, Ignored, PullRequest
from receiver.providers.payload import LONGEST_NAME
from receiver.providers.pulls import NO_ADDRESS, NO_COMMAND, needs_none, proposed, said
from receiver.providers.registry import PROVIDERS
from tests.receiver.providers.made import azure, gitea
from tests.receiver.providers.made.case import Case
from tests.receiver.providers.made.pulls import (
    CREATED,
    NOTE,
    azure_comment,
    azure_pull,
    cloud_comment,
    cloud_pull,
    gitea_comment,
    gitea_pull,
    server_comment,
    server_pull,
)

PULL = PullRequest("", 7, "a" * 40, "refs/pull/7/head", "refs/heads/main", "ada", is_fork=False)
HOST = "gitea.example"


def test_a_pull_request_is_of_the_repository_that_it_goes_into():
    assert proposed(("h/a", "h:2/a"), PULL) == PullRequest(
        "h/a", 7, "a" * 40, "refs/pull/7/head", "refs/heads/main", "ada", is_fork=False, also=("h:2/a",)
    )
    assert proposed((), PULL) is NO_ADDRESS


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/trueup plan", "/trueup plan"),
        ("Well.\r\n  /trueup sync web\r\nThanks", "/trueup sync web"),
        ("/trueupper", ""),
        ("do /trueup plan", ""),
        ("", ""),
        ("/trueup " + "x" * 1000, "/trueup " + "x" * 292),
    ],
)
def test_a_command_stands_in_a_line_of_its_own(text, command):
    found = said(("h/a",), Comment("", 7, "1", text, "x" * 200))
    assert found == (Comment("h/a", 7, "1", command, "x" * LONGEST_NAME) if command else NO_COMMAND)


def test_a_command_to_no_repository_is_none():
    assert said((), Comment("", 7, "1", "/trueup plan", "ada")) is NO_ADDRESS


def test_what_else_became_of_one_is_told_in_short():
    assert needs_none(7, "x" * 200) == Ignored("pull request 7 was " + "x" * LONGEST_NAME)


ODD_REFS = ("main:refs/heads/main", "a..b", "a b", "-x\n", "x" * 70_000, "a.lock", "")
"""What git would take for something else than a branch, or not take."""


def having(payload, *path):
    """A payload with the last of *path* in the place that the others lead to."""
    *way, key, value = path
    here = payload
    for part in way:
        here = here[part]
    here[key] = value
    return payload


@pytest.mark.parametrize(
    ("provider", "event", "payload"),
    [
        pytest.param("gitea", "pull_request", having(gitea_pull(HOST), "number", 0), id="Gitea: no number"),
        pytest.param("gitea", "pull_request", having(gitea_pull(HOST), "pull_request", "head", "sha", "HEAD"), id="Gitea: no commit"),
        pytest.param("gitea", "pull_request", having(gitea_pull(HOST), "pull_request", "base", "ref", "a..b"), id="Gitea: no branch"),
        pytest.param("gitea", "pull_request", having(gitea_pull(HOST), "pull_request", None), id="Gitea: nothing"),
        pytest.param("gitea", "pull_request",
                     having(gitea_pull(HOST), "repository", gitea.repository(HOST, clone_url="", ssh_url="")), id="Gitea: nowhere"),
        pytest.param("gitea", "issue_comment", having(gitea_comment(HOST), "comment", None), id="Gitea: no comment"),
        pytest.param("bitbucket", "pullrequest:created", having(cloud_pull(), "pullrequest", "source", None), id="Cloud: of nothing"),
        pytest.param("bitbucket", "pullrequest:created", having(cloud_pull(), "pullrequest", "id", "7"), id="Cloud: text as number"),
        pytest.param("bitbucket", "pullrequest:created", cloud_pull(into="a b"), id="Cloud: no branch"),
        *(
            pytest.param("bitbucket", "pullrequest:created", having(cloud_pull(), "pullrequest", "source", "branch", "name", odd),
                         id=f"Cloud: from {odd[:30]!r}")
            for odd in ODD_REFS
        ),
        *(
            pytest.param("azure", CREATED, azure.event(CREATED, azure_pull(sourceRefName=odd)), id=f"Azure: from {odd[:30]!r}")
            for odd in (*ODD_REFS, "--upload-pack=touch x", "refs/pull/7/merge", "refs/pull/7/head:refs/heads/main", "+refs/heads/a")
        ),
        pytest.param("bitbucket", "pullrequest:comment_created", having(cloud_comment("/trueup plan"), "comment", "content", "raw"),
                     id="Cloud: text as content"),
        pytest.param("bitbucket-dc", "pr:opened", having(server_pull(), "pullRequest", []), id="Data Center: a list"),
        pytest.param("bitbucket-dc", "pr:opened", having(server_pull(), "pullRequest", "fromRef", "latestCommit", "x"),
                     id="Data Center: no commit"),
        pytest.param("bitbucket-dc", "pr:opened", server_pull(into="main"), id="Data Center: a short name"),
        pytest.param("bitbucket-dc", "pr:comment:added", having(server_comment("/trueup plan"), "comment", "id", None),
                     id="Data Center: a comment without a number"),
        pytest.param("azure", CREATED, azure.event(CREATED, None), id="Azure: nothing"),
        pytest.param("azure", CREATED, azure.event(CREATED, azure_pull(into="main")), id="Azure: a short name"),
        pytest.param("azure", CREATED, azure.event(CREATED, azure_pull(lastMergeSourceCommit={})), id="Azure: no commit"),
        pytest.param("azure", NOTE, azure.event(NOTE, azure_comment([])), id="Azure: a list as text"),
        pytest.param("azure", NOTE, azure.event(NOTE, {"comment": None}), id="Azure: no comment"),
        pytest.param("azure", NOTE, azure.event(NOTE, azure_comment("/trueup plan", _links={})), id="Azure: in no thread"),
        pytest.param("azure", NOTE, azure.event(NOTE, azure_comment("/trueup plan", _links={"threads": {"href": "x/threads/5/../7\n"}})),
                     id="Azure: in an odd thread"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_ignored_with_a_reason(provider, event, payload):
    found = PROVIDERS[provider].parse(Case("", provider, event, payload, Ignored("")).request)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload ")


@pytest.mark.parametrize(
    ("provider", "event"),
    [
        *(("bitbucket", event) for event in bitbucket_hooks.EVENTS),
        *(("bitbucket-dc", event) for event in bitbucket_dc_hooks.EVENTS),
    ],
)
def test_whatever_a_registered_hook_sends_means_something(provider, event):
    found = PROVIDERS[provider].parse(Case("", provider, event, {}, Ignored("")).request)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload not understood"), "and is not an event that means nothing"


def test_a_full_hash_of_bitbucket_cloud_is_believed():
    pull = having(cloud_pull(), "pullrequest", "source", "commit", "hash", "a" * 40)
    assert (
        PROVIDERS["bitbucket"].parse(Case("", "bitbucket", "pullrequest:created", pull, Ignored("")).request).commit == "a" * 40
    )


@pytest.mark.parametrize(
    ("actor", "account"),
    [
        pytest.param({"uuid": "{7}", "nickname": "ada"}, "ada {7}", id="name and uuid"),
        pytest.param({"uuid": "{7}", "display_name": "Ada L."}, "Ada L. {7}", id="another name"),
        pytest.param({"uuid": "{7}"}, "{7}", id="no name"),
        pytest.param({"uuid": "{7}", "nickname": "ada {1}"}, "ada {1} {7}", id="named like another"),
        pytest.param({"uuid": "{7}", "nickname": "x" * 200}, f"{'x' * 96} {{7}}", id="a long name"),
        pytest.param({"nickname": "ada {1}"}, "", id="no uuid, and named like another"),
        pytest.param({"uuid": "{7} {1}", "nickname": "ada"}, "", id="a uuid that is none"),
        pytest.param(None, "", id="nobody"),
    ],
)
def test_who_commands_at_bitbucket_cloud_is_known_by_the_last_word(actor, account):
    payload = cloud_comment("/trueup plan") | {"actor": actor}
    event = "pullrequest:comment_created"
    assert PROVIDERS["bitbucket"].parse(Case("", "bitbucket", event, payload, Ignored("")).request).actor == account


def test_a_pull_request_whose_old_target_is_odd_was_described_otherwise():
    for odd in (None, [], "main", {"id": None}):
        case = Case("", "bitbucket-dc", "pr:modified", server_pull(previousTarget=odd), Ignored(""))
        assert PROVIDERS["bitbucket-dc"].parse(case.request) == Ignored("pull request 7 was described otherwise")
