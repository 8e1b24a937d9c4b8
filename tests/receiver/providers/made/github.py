"""GitHub, GitHub Enterprise Server, hooks of organisations and of GitHub Apps.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from functools import partial

from receiver.providers.event import Ignored, Ping, Push
from tests.receiver.providers.made.case import FEATURE, GONE, MAIN, NEW, OLD, RELEASE, TAG, Case, ignored

SHOP = "github.com/acme/shop"


def repository(host="github.com", name="acme/shop", **more):
    owner, _, short = name.partition("/")
    return {
        "id": 1296269, "node_id": "R_1", "name": short, "full_name": name, "private": True, "fork": False,
        "owner": {"login": owner, "id": 1, "type": "Organization"}, "html_url": f"https://{host}/{name}",
        "url": f"https://api.{host}/repos/{name}", "clone_url": f"https://{host}/{name}.git",
        "ssh_url": f"git@{host}:{name}.git", "git_url": f"git://{host}/{name}.git", "default_branch": "main",
        "created_at": 1700000000, "pushed_at": 1800000000, "archived": False, "visibility": "private", **more,
    }  # fmt: skip


SENDER = {"login": "ada", "id": 7, "type": "User", "site_admin": False}
ORGANIZATION = {"login": "acme", "id": 1, "node_id": "O_1", "url": "https://api.github.com/orgs/acme"}
INSTALLATION = {"id": 4711, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9uNDcxMQ=="}


def commit(sha):
    person = {"name": "Ada", "email": "ada@example.com", "username": "ada"}
    return {
        "id": sha, "tree_id": "f" * 40, "distinct": True, "message": "web 1.1.0", "timestamp": "2026-11-28T09:00:00Z",
        "author": person, "committer": person, "added": [], "removed": [], "modified": ["apps/web.yaml"],
    }  # fmt: skip


def push(ref=MAIN, before=OLD, after=NEW, head=None, **more):
    at = after if head is None else head
    return {
        "ref": ref, "before": before, "after": after, "created": before == GONE, "deleted": after == GONE, "forced": False,
        "base_ref": None, "compare": "https://github.com/acme/shop/compare", "commits": [commit(at)] if at != GONE else [],
        "head_commit": commit(at) if at != GONE else None, "repository": repository(),
        "pusher": {"name": "ada", "email": "ada@example.com"}, "sender": SENDER, **more,
    }  # fmt: skip


def moved(ref=MAIN, at=NEW, before=OLD, scope=SHOP, also=()):
    return Push(scope, ref, at, before, "ada", also)


case = partial(Case, provider="github")
PUSHES = [
    case("push", event="push", payload=push(), means=moved()),
    case("branch made", event="push", payload=push(FEATURE, GONE), means=moved(FEATURE, before=GONE)),
    case("branch deleted", event="push", payload=push(FEATURE, after=GONE), means=moved(FEATURE, "")),
    case("forced", event="push", payload=push(forced=True), means=moved()),
    case("of a merge", event="push", payload=push(base_ref=FEATURE), means=moved()),
    case("tag", event="push", payload=push(RELEASE, GONE), means=moved(RELEASE, before=GONE)),
    case("annotated tag", event="push", payload=push(RELEASE, GONE, TAG, head=NEW), means=moved(RELEASE, before=GONE)),
    case("tag without its commit", event="push", payload=push(RELEASE, GONE, TAG, head_commit=None),
         means=moved(RELEASE, TAG, GONE)),
    case("tag moved", event="push", payload=push(RELEASE, forced=True), means=moved(RELEASE)),
    case("tag deleted", event="push", payload=push(RELEASE, after=GONE), means=moved(RELEASE, "")),
    case("many commits", event="push", payload=push(commits=[commit(NEW)] * 30), means=moved()),
    case("no commit told", event="push", payload=push(commits=[], head_commit=None), means=moved()),
    case("by a deploy key", event="push", payload=push(pusher={"name": "acme", "email": None}),
         means=Push(SHOP, MAIN, NEW, OLD, "acme")),
    case("SHA-256", event="push", payload=push(after="a" * 64, before="b" * 64), means=moved(at="a" * 64, before="b" * 64)),
    case("letters of the world", event="push", payload=push("refs/heads/größe/日本"), means=moved("refs/heads/größe/日本")),
    case("Enterprise Server", event="push", payload=push(repository=repository("ghe.example"), enterprise={"id": 1}),
         means=moved(scope="ghe.example/acme/shop")),
    case("Enterprise Server with SSH on a port of its own", event="push",
         payload=push(repository=repository("ghe.example", ssh_url="ssh://git@ghe.example:2222/acme/shop.git")),
         means=moved(scope="ghe.example/acme/shop", also=("ghe.example:2222/acme/shop",))),
    case("of an organisation", event="push", payload=push(organization=ORGANIZATION), means=moved()),
    case("of a GitHub App", event="push", payload=push(installation=INSTALLATION), means=moved()),
    case("ping", event="ping", means=Ping(), payload={
        "zen": "Keep it logically awesome.", "hook_id": 1, "hook": {"type": "Repository", "id": 1, "events": ["push"]},
        "repository": repository(), "sender": SENDER}),
    case("ping of an organisation", event="ping", means=Ping(), payload={
        "zen": "Design for failure.", "hook_id": 2, "hook": {"type": "Organization", "id": 2}, "organization": ORGANIZATION}),
    case("ping of a GitHub App", event="ping", means=Ping(), payload={
        "zen": "Approachable is better than simple.", "hook_id": 3, "hook": {"type": "App", "id": 3, "app_id": 9}}),
]  # fmt: skip

THING = {
    "branch_protection_rule": ("created", "rule"), "code_scanning_alert": ("created", "alert"),
    "commit_comment": ("created", "comment"), "custom_property": ("created", "definition"),
    "dependabot_alert": ("created", "alert"), "deploy_key": ("created", "key"), "deployment": ("created", "deployment"),
    "deployment_status": ("created", "deployment_status"), "discussion": ("created", "discussion"),
    "discussion_comment": ("created", "comment"), "fork": ("", "forkee"), "github_app_authorization": ("revoked", "sender"),
    "gollum": ("", "pages"), "installation": ("created", "installation"),
    "installation_repositories": ("added", "installation"), "issues": ("opened", "issue"), "label": ("created", "label"),
    "marketplace_purchase": ("purchased", "marketplace_purchase"), "member": ("added", "member"),
    "membership": ("added", "member"), "merge_group": ("checks_requested", "merge_group"), "meta": ("deleted", "hook"),
    "milestone": ("created", "milestone"), "org_block": ("blocked", "blocked_user"),
    "organization": ("member_added", "membership"), "package": ("published", "package"), "page_build": ("", "build"),
    "personal_access_token_request": ("created", "personal_access_token_request"), "projects_v2": ("created", "projects_v2"),
    "public": ("", "repository"), "release": ("published", "release"), "repository": ("renamed", "changes"),
    "repository_dispatch": ("on-demand", "client_payload"), "repository_import": ("", "status"),
    "repository_ruleset": ("created", "repository_ruleset"), "secret_scanning_alert": ("created", "alert"),
    "security_advisory": ("published", "security_advisory"), "sponsorship": ("created", "sponsorship"),
    "star": ("created", "starred_at"), "status": ("", "context"), "team": ("created", "team"), "team_add": ("", "team"),
    "watch": ("started", "sender"), "workflow_dispatch": ("", "inputs"), "workflow_job": ("completed", "workflow_job"),
    "workflow_run": ("completed", "workflow_run"),
}  # fmt: skip
"""Events that are none of ours: the action, and what the payload is about."""


def about(action, thing):
    told = {"action": action} if action else {}
    return told | {thing: {"id": 1, "name": "v1.1.0"}, "repository": repository(), "sender": SENDER}


def ref_event(kind):
    return {
        "ref": "v1.1.0", "ref_type": kind, "master_branch": "main", "description": None, "pusher_type": "user",
        "repository": repository(), "sender": SENDER,
    }  # fmt: skip


OTHERS = [case(name, event=name, payload=about(*thing), means=ignored(name)) for name, thing in THING.items()]
OTHERS += [
    case(name, event=name, payload=about(action, name), means=Ignored(f"a check that was {action} means nothing to Trueup"))
    for name, action in (("check_run", "completed"), ("check_suite", "requested"))
]
OTHERS += [
    case(f"{name} of a {kind}", event=name, payload=ref_event(kind), means=ignored(name))
    for name in ("create", "delete")  # a push tells the same
    for kind in ("branch", "tag")
]
CASES = [*PUSHES, *OTHERS]
