"""Gitea and Forgejo, which send the same under their own headers.

https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/
"""

from receiver.providers.event import Push
from tests.receiver.providers.made.case import FEATURE, GONE, MAIN, NEW, OLD, RELEASE, TAG, Case, ignored


def user(login="ada"):
    return {"id": 7, "login": login, "username": login, "full_name": "Ada L.", "email": "ada@noreply.example", "is_admin": False}


def repository(host, name="acme/shop", **more):
    return {
        "id": 140, "owner": user("acme"), "name": name.partition("/")[2], "full_name": name, "private": True, "fork": False,
        "html_url": f"https://{host}/{name}", "ssh_url": f"git@{host}:{name}.git", "clone_url": f"https://{host}/{name}.git",
        "default_branch": "main", "empty": False, "permissions": {"admin": True, "push": True, "pull": True}, **more,
    }  # fmt: skip


def commit(sha):
    person = {"name": "Ada", "email": "ada@example.com", "username": "ada"}
    return {
        "id": sha,
        "message": "web 1.1.0",
        "author": person,
        "committer": person,
        "verification": None,
        "modified": ["web.yaml"],
    }


def push(host, ref=MAIN, before=OLD, after=NEW, head=NEW, **more):
    return {
        "ref": ref, "before": before, "after": after, "compare_url": "", "commits": [commit(NEW)], "total_commits": 1,
        "head_commit": commit(head) if head else None, "repository": repository(host), "pusher": user(), "sender": user(), **more,
    }  # fmt: skip


def gone(host, ref, kind):
    return {"ref": ref, "ref_type": kind, "pusher_type": "user", "repository": repository(host), "sender": user()}


NAMES = (
    "create", "fork", "issues", "issue_assign", "issue_label", "issue_milestone", "package", "release", "repository", "status",
    "wiki", "workflow_job", "workflow_run",
)  # fmt: skip


def cases(provider, host):
    scope = f"{host}/acme/shop"

    def case(name, event, payload, means, **headers):
        return Case(name, provider, event, payload, means, headers)

    def moved(ref=MAIN, at=NEW, before=OLD, where=scope, also=()):
        return Push(where, ref, at, before, "ada", also)

    odd = repository(host, ssh_url=f"ssh://git@{host}:2222/acme/shop.git")
    yield case("push", "push", push(host), moved())
    yield case("branch made", "push", push(host, FEATURE, GONE), moved(FEATURE, before=GONE))
    yield case("test of a hook", "push", push(host, before=NEW), moved(before=NEW))
    yield case("tag", "push", push(host, RELEASE, GONE), moved(RELEASE, before=GONE))
    yield case("annotated tag", "push", push(host, RELEASE, GONE, TAG), moved(RELEASE, before=GONE))
    yield case("tag of an older version", "push", push(host, RELEASE, GONE, head=None), moved(RELEASE, before=GONE))
    yield case("tag deleted", "push", push(host, RELEASE, after=GONE, head=None, commits=[]), moved(RELEASE, ""))
    yield case("SHA-256", "push", push(host, after="a" * 64, head="a" * 64), moved(at="a" * 64))
    yield case("SSH on a port of its own", "push", push(host, repository=odd), moved(also=(f"{host}:2222/acme/shop",)))
    yield case("of another owner", "push", push(host, repository=repository(host, "ada/shop")), moved(where=f"{host}/ada/shop"))
    yield case("branch deleted", "delete", gone(host, "feature/cart", "branch"), moved(FEATURE, "", ""))
    yield case("tag deleted, too", "delete", gone(host, "v1.1.0", "tag"), moved(RELEASE, "", ""))
    yield case("branch deleted, by its full name", "delete", gone(host, FEATURE, "branch"), moved(FEATURE, "", ""))
    for name in NAMES:
        told = {"action": "created", "number": 1, "ref": "v1.1.0", "repository": repository(host), "sender": user()}
        yield case(name, name, told, ignored(name))


GITEA = list(cases("gitea", "gitea.example"))
FORGEJO = list(cases("forgejo", "codeberg.org"))
FORGEJO.append(
    Case(
        "under Gitea's headers alone", "forgejo", "", push("codeberg.org"), Push("codeberg.org/acme/shop", MAIN, NEW, OLD, "ada"),
        {"x-gitea-event": "push"},
    )
)  # fmt: skip
CASES = [*GITEA, *FORGEJO]
