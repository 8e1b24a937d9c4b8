"""Pull requests and comments of Gitea and Forgejo, Bitbucket Cloud and Data Center, and Azure DevOps."""

from functools import partial

from receiver.providers.event import Comment, Ignored, PullRequest
from receiver.providers.pulls import NO_COMMAND
from tests.receiver.providers.made import azure, bitbucket, gitea
from tests.receiver.providers.made.case import MAIN, NEW, Case

PLAN = "Looks good.\r\n/trueup plan\r\n"
RELEASES = "refs/heads/releases"


def ended(how, number=7):
    return Ignored(f"pull request {number} was {how}")


def proposed(scope, ref, *, at=NEW, base=MAIN, actor="ada", is_fork=False, also=()):
    return PullRequest(scope, 7, at, ref, base, actor, is_fork, also)


def gitea_pull(host, action="opened", into="main", head="same", **more):
    same = gitea.repository(host)
    repo = {"same": same, "fork": gitea.repository(host, "eve/shop"), "gone": None}[head]
    pull = {
        "id": 51, "number": 7, "user": gitea.user(), "title": "web 1.1.0", "state": "open", "draft": False, "mergeable": True,
        "merged": False, "merge_base": "e" * 40, "base": {"label": into, "ref": into, "sha": "b" * 40, "repo_id": 1, "repo": same},
        "head": {"label": "cart", "ref": "feature/cart", "sha": NEW, "repo_id": 2, "repo": repo}, **more.pop("pull", {}),
    }  # fmt: skip
    return {
        "action": action,
        "number": 7,
        "pull_request": pull,
        "repository": same,
        "sender": gitea.user(),
        "review": None,
        **more,
    }


def gitea_comment(host, text=PLAN, action="created", *, is_pull=True):
    return {
        "action": action, "issue": {"id": 9, "number": 7, "title": "web 1.1.0", "state": "open", "pull_request": {"merged": False}},
        "comment": {"id": 42, "body": text, "user": gitea.user(), "html_url": ""}, "repository": gitea.repository(host),
        "sender": gitea.user(), "is_pull": is_pull,
    }  # fmt: skip


def of_gitea(provider, host):
    scope, pull = f"{host}/acme/shop", partial(Case, provider=provider, event="pull_request")
    note, means = partial(Case, provider=provider, event="issue_comment"), partial(proposed, scope, "refs/pull/7/head")
    yield pull("opened", payload=gitea_pull(host), means=means())
    yield pull("pushed to", payload=gitea_pull(host, "synchronized"), means=means())
    yield pull("opened again", payload=gitea_pull(host, "reopened"), means=means())
    yield pull("a draft", payload=gitea_pull(host, pull={"draft": True, "title": "WIP: web"}), means=means())
    yield pull("of a fork", payload=gitea_pull(host, head="fork"), means=means(is_fork=True))
    yield pull("of a fork that is gone", payload=gitea_pull(host, head="gone"), means=means(is_fork=True))
    moved = gitea_pull(host, "edited", "releases", changes={"ref": {"from": "main"}})
    yield pull("into another branch", payload=moved, means=means(base=RELEASES))
    titled = gitea_pull(host, "edited", changes={"title": {"from": "web"}})
    yield pull("of another title", payload=titled, means=ended("edited"))
    yield pull("merged", payload=gitea_pull(host, "closed", pull={"merged": True, "state": "closed"}), means=ended("merged"))
    yield pull("closed", payload=gitea_pull(host, "closed"), means=ended("closed"))
    yield pull("assigned", payload=gitea_pull(host, "assigned"), means=ended("assigned"))
    command = Comment(scope, 7, "42", "/trueup plan", "ada")
    yield note("a command", payload=gitea_comment(host), means=command)
    yield note("a comment", payload=gitea_comment(host, "Looks good."), means=NO_COMMAND)
    yield note("a comment of ours", payload=gitea_comment(host, "<!-- trueup -->\n/trueup plan"), means=NO_COMMAND)
    yield note("a command that was edited", payload=gitea_comment(host, action="edited"), means=NO_COMMAND)
    yield note("a command beneath an issue", payload=gitea_comment(host, is_pull=False), means=NO_COMMAND)


def cloud_pull(source="acme/shop", into="main", commit=NEW, **more):
    where = bitbucket.repository(source) if source else None
    pull = {
        "type": "pullrequest", "id": 7, "title": "web 1.1.0", "state": "OPEN", "draft": False, "author": bitbucket.ACTOR,
        "source": {"branch": {"name": "feature/cart"}, "commit": {"type": "commit", "hash": commit[:12]}, "repository": where},
        "destination": {"branch": {"name": into}, "commit": {"hash": "b" * 12}, "repository": bitbucket.repository()},
    }  # fmt: skip
    return {"actor": bitbucket.ACTOR, "repository": bitbucket.repository(), "pullrequest": pull, **more}


def cloud_comment(text):
    content = {"raw": text, "html": "", "markup": "markdown"}
    return cloud_pull(comment={"id": 42, "content": content, "user": bitbucket.ACTOR, "inline": None})


cloud = partial(Case, provider="bitbucket")


def in_cloud(ref="refs/heads/feature/cart", **more):
    return proposed(bitbucket.CLOUD, ref, at="", **more)


CLOUD = [
    cloud("opened", event="pullrequest:created", payload=cloud_pull(), means=in_cloud()),
    cloud("pushed to", event="pullrequest:updated", payload=cloud_pull(), means=in_cloud()),
    cloud("into another branch", event="pullrequest:updated", payload=cloud_pull(into="releases"), means=in_cloud(base=RELEASES)),
    cloud("of a fork", event="pullrequest:created", payload=cloud_pull("eve/shop"), means=in_cloud("", is_fork=True)),
    cloud("of a fork that is gone", event="pullrequest:created", payload=cloud_pull(""), means=in_cloud("", is_fork=True)),
    cloud("merged", event="pullrequest:fulfilled", payload=cloud_pull(), means=ended("merged")),
    cloud("declined", event="pullrequest:rejected", payload=cloud_pull(), means=ended("declined")),
    cloud("a command", event="pullrequest:comment_created", payload=cloud_comment(PLAN),
          means=Comment(bitbucket.CLOUD, 7, "42", "/trueup plan", "ada {7}")),
    cloud("a comment of ours", event="pullrequest:comment_created",
          payload=cloud_comment("[trueup plan of trueup 5ea1]: #\n\n/trueup plan"), means=NO_COMMAND),
    cloud("a comment that speaks of us", event="pullrequest:comment_created",
          payload=cloud_comment("As [trueup says](https://t):\n/trueup plan"),
          means=Comment(bitbucket.CLOUD, 7, "42", "/trueup plan", "ada {7}")),
    cloud("a comment", event="pullrequest:comment_created", payload=cloud_comment("Looks good."), means=NO_COMMAND),
]  # fmt: skip
CLOUD += [
    cloud(name, event=name, payload=cloud_pull(), means=Ignored(f"event {name} means nothing to Trueup"))
    for name in ("pullrequest:approved", "pullrequest:unapproved", "pullrequest:changes_request_created",
                 "pullrequest:comment_deleted", "pullrequest:comment_updated")
]  # fmt: skip


def server_pull(fork=None, into=MAIN, **more):
    here = bitbucket.server()["repository"]
    return {
        "eventKey": "pr:opened", "date": "2026-11-28T09:00:00+0000", "actor": bitbucket.server()["actor"],
        "pullRequest": {
            "id": 7, "version": 0, "title": "web 1.1.0", "state": "OPEN", "open": True, "closed": False, "draft": False,
            "fromRef": {"id": "refs/heads/feature/cart", "displayId": "feature/cart", "latestCommit": NEW,
                        "repository": here | {"id": fork or here["id"]}},
            "toRef": {"id": into, "displayId": "main", "latestCommit": "b" * 40, "repository": here},
            "author": {"user": bitbucket.server()["actor"]}, "reviewers": [], "participants": [],
        },
        **more,
    }  # fmt: skip


def server_comment(text):
    return server_pull(comment={"id": 42, "version": 0, "text": text, "author": {"name": "ada"}, "comments": [], "tasks": []})


SSH = ("bitbucket.example:7999/ac/shop",)
data_center = partial(Case, provider="bitbucket-dc")
at_server = partial(proposed, bitbucket.SERVER, "refs/pull-requests/7/from", also=SSH)
FORK_GONE = server_pull()
FORK_GONE["pullRequest"]["fromRef"]["repository"] = None
TITLED = server_pull(previousTitle="web", previousDescription="", previousTarget={"id": MAIN, "latestCommit": "b" * 40})
MOVED = server_pull(into=RELEASES, previousTitle="web 1.1.0", previousTarget={"id": MAIN, "latestCommit": "b" * 40})
SERVER = [
    data_center("opened", event="pr:opened", payload=server_pull(), means=at_server()),
    data_center("pushed to", event="pr:from_ref_updated", payload=server_pull(previousFromHash="c" * 40), means=at_server()),
    data_center("of a fork", event="pr:opened", payload=server_pull(fork=99), means=at_server(is_fork=True)),
    data_center("of a fork that is gone", event="pr:opened", payload=FORK_GONE, means=at_server(is_fork=True)),
    data_center("of another title", event="pr:modified", payload=TITLED, means=ended("described otherwise")),
    data_center("into another branch", event="pr:modified", payload=MOVED, means=at_server(base=RELEASES)),
    data_center("merged", event="pr:merged", payload=server_pull(), means=ended("merged")),
    data_center("declined", event="pr:declined", payload=server_pull(), means=ended("declined")),
    data_center("deleted", event="pr:deleted", payload=server_pull(), means=ended("deleted")),
    data_center("a command", event="pr:comment:added", payload=server_comment(PLAN),
                means=Comment(bitbucket.SERVER, 7, "42", "/trueup plan", "ada", SSH)),
    data_center("a comment", event="pr:comment:added", payload=server_comment("Looks good."), means=NO_COMMAND),
]  # fmt: skip
SERVER += [
    data_center(name, event=name, payload=server_pull(), means=Ignored(f"event {name} means nothing to Trueup"))
    for name in ("pr:comment:deleted", "pr:comment:edited", "pr:reviewer:approved", "pr:reviewer:needs_work",
                 "pr:reviewer:unapproved", "pr:reviewer:updated")
]  # fmt: skip


def azure_pull(status="active", into=MAIN, **more):
    person = {"id": "7", "displayName": "Ada L.", "uniqueName": "ada@example.com"}
    return {
        "repository": azure.repository(), "pullRequestId": 7, "status": status, "createdBy": person, "title": "web 1.1.0",
        "sourceRefName": "refs/heads/feature/cart", "targetRefName": into, "mergeStatus": "succeeded", "isDraft": False,
        "lastMergeSourceCommit": {"commitId": NEW, "url": ""}, "lastMergeTargetCommit": {"commitId": "b" * 40},
        "lastMergeCommit": {"commitId": "d" * 40}, "reviewers": [], **more,
    }  # fmt: skip


def azure_comment(text, **more):
    author = {"displayName": "Ada L.", "uniqueName": "ada@example.com", "id": "7"}
    at = "2026-11-28T09:00:00.123Z"
    api = "https://dev.azure.com/acme/_apis/git/repositories/278d/pullRequests/7/threads/5"
    comment = {
        "id": 2, "parentCommentId": 1, "content": text, "author": author, "commentType": "text", "publishedDate": at,
        "lastUpdatedDate": at, "lastContentUpdatedDate": at, "usersLiked": [],
        "_links": {"self": {"href": f"{api}/comments/2"}, "threads": {"href": api}},
    }  # fmt: skip
    return {"comment": comment | more, "pullRequest": azure_pull()}


def of_azure(name, event, resource, means):
    return Case(name, "azure", event, azure.event(event, resource), means)


in_azure = partial(proposed, azure.SHOP, "refs/heads/feature/cart", actor="Ada L.")
CREATED, UPDATED, MERGED = (f"git.pullrequest.{what}" for what in ("created", "updated", "merged"))
NOTE = "ms.vss-code.git-pullrequest-comment-event"
FORKED = azure_pull(forkSource={"repository": azure.repository("https://dev.azure.com/eve/x/_git/shop")})
AZURE = [
    of_azure("opened", CREATED, azure_pull(), in_azure()),
    of_azure("a draft", CREATED, azure_pull(isDraft=True), in_azure()),
    of_azure("changed", UPDATED, azure_pull(), in_azure()),
    of_azure("into another branch", UPDATED, azure_pull(into=RELEASES), in_azure(base=RELEASES)),
    of_azure("not merged on trial yet", CREATED, azure_pull(lastMergeSourceCommit=None), in_azure(at="")),
    of_azure("of a fork", CREATED, FORKED, proposed(azure.SHOP, "", at="", actor="Ada L.", is_fork=True)),
    of_azure("completed", UPDATED, azure_pull("completed"), ended("completed")),
    of_azure("abandoned", UPDATED, azure_pull("abandoned"), ended("abandoned")),
    of_azure("merged", MERGED, azure_pull("completed"), ended("completed")),
    of_azure("merged on trial", MERGED, azure_pull(), ended("merged on trial")),
    of_azure("a command", NOTE, azure_comment(PLAN), Comment(azure.SHOP, 7, "5/2", "/trueup plan", "ada@example.com")),
    of_azure("a comment", NOTE, azure_comment("Looks good."), NO_COMMAND),
    of_azure("a comment that was deleted", NOTE, azure_comment(None, isDeleted=True), NO_COMMAND),
    of_azure("a command that was edited", NOTE, azure_comment(PLAN, lastContentUpdatedDate="2026-11-28T09:01:00Z"), NO_COMMAND),
    of_azure("a command that was touched", NOTE, azure_comment(PLAN, lastUpdatedDate="2026-11-28T09:01:00Z"), NO_COMMAND),
    of_azure("a command that was liked", NOTE, azure_comment(PLAN, usersLiked=[{"displayName": "Trueup"}]), NO_COMMAND),
    of_azure("a command that Azure DevOps wrote", NOTE, azure_comment(PLAN, commentType="system"), NO_COMMAND),
    of_azure("a comment of ours", NOTE, azure_comment("<!-- trueup -->\n/trueup plan"), NO_COMMAND),
]
CASES = [*of_gitea("gitea", "gitea.example"), *of_gitea("forgejo", "codeberg.org"), *CLOUD, *SERVER, *AZURE]
