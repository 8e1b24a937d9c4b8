"""Pull requests and comments of GitHub, merge requests and notes of GitLab.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request,
https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events
"""

from functools import partial

from receiver.providers.event import Comment, Ignored, PullRequest
from receiver.providers.pulls import NO_COMMAND
from tests.receiver.providers.made import github, gitlab
from tests.receiver.providers.made.case import MAIN, NEW, Case

PLAN = "Looks good.\r\n/trueup plan\r\n"
RELEASES = "refs/heads/releases"
BRANCH = {"label": "acme:cart", "ref": "feature/cart", "sha": NEW, "user": github.SENDER}


def pull(action="opened", *, head="acme/shop", into="main", merged=False, **more):
    where = github.repository(name=head) if head else None
    told = {
        "id": 51, "number": 7, "state": "open", "title": "web 1.1.0", "draft": False, "merged": merged, "merge_commit_sha": "d" * 40,
        "user": github.SENDER, "head": BRANCH | {"repo": where}, "mergeable": None, "commits": 1, "changed_files": 1,
        "base": {"label": f"acme:{into}", "ref": into, "sha": "b" * 40, "repo": github.repository()},
    }  # fmt: skip
    return {
        "action": action, "number": 7, "pull_request": told | more.pop("pull", {}), "repository": github.repository(),
        "sender": github.SENDER, **more,
    }  # fmt: skip


def comment(body=PLAN, action="created", *, user=github.SENDER, issue=None):
    beneath = {"number": 7, "title": "web 1.1.0", "state": "open", "pull_request": {"url": "https://api.github.com/x"}}
    return {
        "action": action, "issue": beneath if issue is None else issue, "repository": github.repository(), "sender": github.SENDER,
        "comment": {"id": 42, "body": body, "user": user, "author_association": "MEMBER"},
    }  # fmt: skip


def proposed(scope, ref, *, base=MAIN, is_fork=False, also=()):
    return PullRequest(scope, 7, NEW, ref, base, "ada", is_fork, also)


pulled = partial(Case, provider="github", event="pull_request")
noted = partial(Case, provider="github", event="issue_comment")
at_github = partial(proposed, github.SHOP, "refs/pull/7/head")
MOVED = {"base": {"ref": {"from": "main"}, "sha": {"from": "b" * 40}}}
GITHUB = [
    pulled("pull request opened", payload=pull(), means=at_github()),
    pulled("pull request pushed to", payload=pull("synchronize", before="c" * 40, after=NEW), means=at_github()),
    pulled("pull request opened again", payload=pull("reopened"), means=at_github()),
    pulled("a draft", payload=pull(pull={"draft": True}), means=at_github()),
    pulled("a draft no more", payload=pull("ready_for_review"), means=at_github()),
    pulled("into another branch", payload=pull("edited", into="releases", changes=MOVED), means=at_github(base=RELEASES)),
    pulled(
        "of another title", payload=pull("edited", changes={"title": {"from": "web"}}), means=Ignored("pull request 7 was edited")
    ),
    pulled("of a fork", payload=pull(head="eve/shop"), means=at_github(is_fork=True)),
    pulled("of a fork that is gone", payload=pull(head=""), means=at_github(is_fork=True)),
    pulled("of an organisation's hook", payload=pull(organization=github.ORGANIZATION), means=at_github()),
    pulled("merged", payload=pull("closed", merged=True), means=Ignored("pull request 7 was merged")),
    pulled("closed", payload=pull("closed"), means=Ignored("pull request 7 was closed")),
    *(
        pulled(f"pull request {action}", payload=pull(action), means=Ignored(f"pull request 7 was {action}"))
        for action in (
            "assigned",
            "labeled",
            "locked",
            "review_requested",
            "converted_to_draft",
            "auto_merge_enabled",
            "enqueued",
        )
    ),
    noted("a command", payload=comment(), means=Comment(github.SHOP, 7, "42", "/trueup plan", "ada")),
    noted("a comment", payload=comment("Looks good."), means=NO_COMMAND),
    noted("a command that was edited", payload=comment(action="edited"), means=NO_COMMAND),
    noted("a command beneath an issue", payload=comment(issue={"number": 7, "title": "web"}), means=NO_COMMAND),
    noted("a command of a robot", payload=comment(user={"login": "robot[bot]", "type": "Bot"}), means=NO_COMMAND),
]


def merge(action="open", *, source=15, into="main", changes=None, **more):
    about = {
        "id": 99, "iid": 7, "title": "web 1.1.0", "state": "opened", "action": action, "source_branch": "cart", "target_branch": into,
        "source_project_id": source, "target_project_id": 15, "last_commit": {"id": NEW, "message": "web 1.1.0"}, "draft": False,
        "merge_status": "preparing", "detailed_merge_status": "preparing", "author_id": 4, **more,
    }  # fmt: skip
    return {
        "object_kind": "merge_request", "event_type": "merge_request", "user": {"id": 4, "name": "Ada L.", "username": "ada"},
        "project": gitlab.project(), "object_attributes": about, "labels": [], "changes": changes or {}, "repository": {"name": "Shop"},
    }  # fmt: skip


def note(text=PLAN, action="create", kind="MergeRequest", **more):
    return {
        "object_kind": "note", "event_type": "note", "user": {"id": 4, "name": "Ada L.", "username": "ada"}, "project_id": 15,
        "project": gitlab.project(), "object_attributes": {"id": 42, "note": text, "noteable_type": kind, "action": action},
        "merge_request": {"id": 99, "iid": 7, "title": "web 1.1.0", "state": "opened"}, **more,
    }  # fmt: skip


def needs_none(action):
    return Ignored(f"merge request 7: {action} needs no plan")


merged = partial(Case, provider="gitlab", event="Merge Request Hook")
written = partial(Case, provider="gitlab", event="Note Hook")
at_gitlab = partial(proposed, gitlab.SHOP, "refs/merge-requests/7/head")
NO_NOTE = Ignored("a note that is no command to Trueup: a new one beneath a merge request with a line that begins with /trueup")
INTO = {"target_branch": {"previous": "main", "current": "releases"}}
GITLAB = [
    merged("merge request opened", payload=merge(), means=at_gitlab()),
    merged("merge request pushed to", payload=merge("update", oldrev="c" * 40), means=at_gitlab()),
    merged("merge request opened again", payload=merge("reopen"), means=at_gitlab()),
    merged("a draft", payload=merge(draft=True), means=at_gitlab()),
    merged(
        "a draft no more", payload=merge("update", changes={"draft": {"previous": True, "current": False}}), means=at_gitlab()
    ),
    merged("into another branch", payload=merge("update", into="releases", changes=INTO), means=at_gitlab(base=RELEASES)),
    merged("of another title", payload=merge("update", changes={"title": {}}), means=needs_none("update")),
    merged("of a fork", payload=merge(source=77), means=at_gitlab(is_fork=True)),
    merged("of a fork that is gone", payload=merge(source=None), means=at_gitlab(is_fork=True)),
    *(
        merged(f"merge request: {action}", payload=merge(action), means=needs_none(action))
        for action in ("close", "merge", "approved", "unapproved", "approval", "unapproval")
    ),
    Case("system: merge request", "gitlab", "System Hook", merge(), at_gitlab()),
    Case("system: merge request merged", "gitlab", "System Hook", merge("merge"), needs_none("merge")),
    written("a command", payload=note(), means=Comment(gitlab.SHOP, 7, "42", "/trueup plan", "ada")),
    written("a note", payload=note("Looks good."), means=NO_NOTE),
    written("a command that was edited", payload=note(action="update"), means=NO_NOTE),
    written("a command beneath a commit", payload=note(kind="Commit", merge_request=None), means=NO_NOTE),
]
CASES = [*GITHUB, *GITLAB]
