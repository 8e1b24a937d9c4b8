"""Bitbucket Cloud, and Data Center.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/, https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from functools import partial

from receiver.providers.event import Ignored, Ping, Push
from tests.receiver.providers.made.case import FEATURE, GONE, MAIN, NEW, OLD, RELEASE, TAG, Case, ignored, several

CLOUD, SERVER = "bitbucket.org/acme/shop", "bitbucket.example/scm/ac/shop"
ACTOR = {"type": "user", "nickname": "ada", "display_name": "Ada L.", "uuid": "{7}", "account_id": "557058:7", "links": {}}


def repository(name="acme/shop"):
    html = f"https://bitbucket.org/{name}"
    return {
        "type": "repository", "uuid": "{1}", "name": "Shop", "full_name": name, "scm": "git", "is_private": True,
        "links": {"self": {"href": f"https://api.bitbucket.org/2.0/repositories/{name}"}, "html": {"href": html}},
        "workspace": {"type": "workspace", "slug": "acme"}, "project": {"type": "project", "key": "AC"}, "owner": ACTOR,
    }  # fmt: skip


def state(name, commit=NEW, kind="branch"):
    return {"type": kind, "name": name, "target": {"type": "commit", "hash": commit, "message": "web 1.1.0"}, "links": {}}


def change(new, old, **more):
    return {
        "new": new, "old": old, "created": old is None, "closed": new is None, "forced": False, "truncated": False,
        "commits": [{"type": "commit", "hash": NEW}], "links": {}, **more,
    }  # fmt: skip


def push(*changes, **more):
    return {"actor": ACTOR, "repository": repository(), "push": {"changes": list(changes)}, **more}


def moved(ref=MAIN, at=NEW, before=OLD, scope=CLOUD, actor="ada"):
    return Push(scope, ref, at, before, actor)


UP = change(state("main"), state("main", OLD))
cloud = partial(Case, provider="bitbucket")
pushed = partial(cloud, event="repo:push")
PUSHES = [
    pushed("push", payload=push(UP), means=moved()),
    pushed("forced", payload=push(UP | {"forced": True}), means=moved()),
    pushed("many commits", payload=push(UP | {"truncated": True}), means=moved()),
    pushed("branch made", payload=push(change(state("feature/cart"), None)), means=moved(FEATURE, before=GONE)),
    pushed("branch deleted", payload=push(change(None, state("feature/cart", OLD))), means=moved(FEATURE, "")),
    pushed("tag", payload=push(change(state("v1.1.0", kind="tag"), None)), means=moved(RELEASE, before=GONE)),
    pushed("annotated tag", payload=push(change(state("v1.1.0", kind="annotated_tag"), None)), means=moved(RELEASE, before=GONE)),
    pushed("tag deleted", payload=push(change(None, state("v1.1.0", OLD, "tag"))), means=moved(RELEASE, "")),
    pushed("several refs", payload=push(change(None, state("feature/cart", OLD)), change(state("v1.1.0", kind="tag"), None), UP),
           means=several(moved(), moved(RELEASE, before=GONE), moved(FEATURE, ""))),
    pushed("beside a bookmark", payload=push(change(state("x", kind="bookmark"), None), UP), means=moved()),
    pushed("a bookmark alone", payload=push(change(state("x", kind="bookmark"), None)),
           means=Ignored("payload not understood: a change is of no branch and no tag")),
    pushed("nothing", payload=push(), means=Ignored("payload not understood: no ref moved")),
    pushed("in capitals", payload=push(UP, repository=repository("Acme/Shop")), means=moved()),
    pushed("by nobody", payload=push(UP, actor=None), means=moved(actor="")),
    pushed("by an app", payload=push(UP, actor={"type": "app_user", "display_name": "Robot"}), means=moved(actor="Robot")),
    pushed("more than are taken in", payload=push(*(change(state(f"b{n}"), state(f"b{n}", OLD)) for n in range(130))),
           means=several(*(moved(f"refs/heads/b{n}") for n in range(100)), left_out=30)),
]  # fmt: skip
CLOUD_OTHERS = (
    "issue:comment_created", "issue:created", "issue:updated", "project:updated", "repo:commit_comment_created",
    "repo:commit_status_created", "repo:commit_status_updated", "repo:created", "repo:deleted", "repo:fork", "repo:imported",
    "repo:transfer", "repo:updated",
)  # fmt: skip
PUSHES += [
    cloud(name, event=name, means=ignored(name), payload={
        "actor": ACTOR, "repository": repository(), "changes": {"name": {"new": "shop", "old": "store"}},
        "issue": {"id": 1}, "comment": {"id": 2, "content": {"raw": "good"}}, "commit_status": {"state": "SUCCESSFUL"},
    })
    for name in CLOUD_OTHERS
]  # fmt: skip


def server(*changes, key="AC", clone=None, **more):
    base = "bitbucket.example"
    links = [
        {"href": f"ssh://git@{base}:7999/{key.lower()}/shop.git", "name": "ssh"},
        {"href": f"https://{base}/scm/{key.lower()}/shop.git", "name": "http"},
    ]
    links = links if clone is None else clone
    return {
        "eventKey": "repo:refs_changed", "date": "2026-11-28T09:00:00+0000",
        "actor": {"name": "ada", "emailAddress": "ada@example.com", "id": 7, "displayName": "Ada L.", "active": True},
        "repository": {
            "slug": "shop", "id": 84, "name": "Shop", "scmId": "git", "state": "AVAILABLE", "public": False,
            "project": {"key": key, "id": 1, "name": "Acme", "type": "NORMAL"},
            "links": {"clone": links, "self": [{"href": f"https://{base}/projects/{key}/repos/shop/browse"}]},
        },
        "changes": list(changes), **more,
    }  # fmt: skip


def ref_change(ref=MAIN, before=OLD, after=NEW):
    kind = "ADD" if before == GONE else "DELETE" if after == GONE else "UPDATE"
    what = "TAG" if ref.startswith("refs/tags/") else "BRANCH"
    told = {"id": ref, "displayId": ref.split("/", 2)[2], "type": what}
    return {"ref": told, "refId": ref, "fromHash": before, "toHash": after, "type": kind}


def at_server(ref=MAIN, at=NEW, before=OLD, scope=SERVER, also=("bitbucket.example:7999/ac/shop",)):
    return Push(scope, ref, at, before, "ada", also)


data_center = partial(Case, provider="bitbucket-dc")
changed = partial(data_center, event="repo:refs_changed")
HTTP = [{"href": "https://bitbucket.example/scm/ac/shop.git", "name": "http"}]
CHANGES = [
    changed("push", payload=server(ref_change()), means=at_server()),
    changed("branch made", payload=server(ref_change(FEATURE, GONE)), means=at_server(FEATURE, before=GONE)),
    changed("branch deleted", payload=server(ref_change(FEATURE, after=GONE)), means=at_server(FEATURE, "")),
    changed("tag", payload=server(ref_change(RELEASE, GONE)), means=at_server(RELEASE, before=GONE)),
    changed("annotated tag", payload=server(ref_change(RELEASE, GONE, TAG)), means=at_server(RELEASE, TAG, GONE)),
    changed("tag deleted", payload=server(ref_change(RELEASE, after=GONE)), means=at_server(RELEASE, "")),
    changed("several refs", payload=server(ref_change(RELEASE, GONE), ref_change(FEATURE, after=GONE), ref_change()),
            means=several(at_server(), at_server(RELEASE, before=GONE), at_server(FEATURE, ""))),
    changed("commits and the newest one told", payload=server(ref_change(), commits=[{"id": NEW}], toCommit={"id": NEW}),
            means=at_server()),
    changed("in a person's own", payload=server(ref_change(), key="~ada"),
            means=at_server(scope="bitbucket.example/scm/~ada/shop", also=("bitbucket.example:7999/~ada/shop",))),
    changed("SSH switched off", payload=server(ref_change(), clone=HTTP), means=at_server(also=())),
    changed("no address", payload=server(ref_change(), clone=[]),
            means=Ignored("payload not understood: no address of the repository is one")),
    changed("by a mirror of everything", payload=server(*(ref_change(f"refs/tags/v{n}", GONE) for n in range(140)), ref_change()),
            means=several(at_server(), *(at_server(f"refs/tags/v{n}", before=GONE) for n in range(99)), left_out=41)),
    data_center("ping", event="diagnostics:ping", payload={"test": True}, means=Ping()),
]  # fmt: skip
SERVER_OTHERS = (
    "mirror:repo_synchronized", "project:modified", "repo:comment:added", "repo:comment:deleted", "repo:comment:edited",
    "repo:forked", "repo:modified", "repo:secret_detected",
)  # fmt: skip
CHANGES += [
    data_center(name, event=name, payload=server() | {"eventKey": name, "commit": NEW}, means=ignored(name))
    for name in SERVER_OTHERS
]
CASES = [*PUSHES, *CHANGES]
