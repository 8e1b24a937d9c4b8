"""GitLab: hooks of projects, of groups and of a whole GitLab.

https://docs.gitlab.com/user/project/integrations/webhook_events/, https://docs.gitlab.com/administration/system_hooks/
"""

from functools import partial

from receiver.providers.event import Push
from tests.receiver.providers.made.case import FEATURE, GONE, MAIN, NEW, OLD, RELEASE, TAG, Case, ignored, several

SHOP = "gitlab.example/acme/group/shop"


def project(name="acme/group/shop", host="gitlab.example", **more):
    return {
        "id": 15, "name": "Shop", "description": "", "web_url": f"https://{host}/{name}", "avatar_url": None,
        "git_ssh_url": f"git@{host}:{name}.git", "git_http_url": f"https://{host}/{name}.git", "namespace": "Group",
        "visibility_level": 0, "path_with_namespace": name, "default_branch": "main", "ci_config_path": "", **more,
    }  # fmt: skip


def push(ref=MAIN, before=OLD, after=NEW, at=None, kind="push", **more):
    return {
        "object_kind": kind, "event_name": kind, "before": before, "after": after, "ref": ref, "ref_protected": True,
        "checkout_sha": at or (None if after == GONE else after), "message": None, "user_id": 4, "user_name": "Ada L.",
        "user_username": "ada", "user_email": None, "user_avatar": None, "project_id": 15, "project": project(),
        "repository": {"name": "Shop", "url": "git@gitlab.example:acme/group/shop.git"},
        "commits": [{"id": after, "message": "web 1.1.0", "modified": ["apps/web.yaml"]}], "total_commits_count": 1,
        "push_options": {}, **more,
    }  # fmt: skip


def system(**more):
    """As a system hook tells a push: nobody's short name, and no commits."""
    told = push(**more)
    del told["user_username"]
    return told | {"commits": []}


def update(*changes, **more):
    return {
        "event_name": "repository_update", "user_id": 4, "user_name": "Ada L.", "user_email": "", "user_avatar": None,
        "project_id": 15, "project": project(), "refs": [ref for ref, _, _ in changes],
        "changes": [{"before": before, "after": after, "ref": ref} for ref, before, after in changes], **more,
    }  # fmt: skip


def moved(ref=MAIN, at=NEW, before=OLD, *, scope=SHOP, actor="ada", also=()):
    return Push(scope, ref, at, before, actor, also)


case = partial(Case, provider="gitlab")
hook = partial(case, event="Push Hook")
tag = partial(case, event="Tag Push Hook")
PUSHES = [
    hook("push", payload=push(), means=moved()),
    hook("branch made", payload=push(FEATURE, GONE), means=moved(FEATURE, before=GONE)),
    hook("branch deleted", payload=push(FEATURE, after=GONE), means=moved(FEATURE, "")),
    hook("many commits", payload=push(total_commits_count=5000), means=moved()),
    hook("test of a hook", payload=push(before=NEW), means=moved(before=NEW)),
    hook("push options", payload=push(push_options={"ci": {"skip": True}}), means=moved()),
    hook("of another group", payload=push(project=project("acme/shop")), means=moved(scope="gitlab.example/acme/shop")),
    hook("in a person's own", payload=push(project=project("ada/shop")), means=moved(scope="gitlab.example/ada/shop")),
    hook("beneath a path", payload=push(project=project("gitlab/acme/shop")), means=moved(scope="gitlab.example/gitlab/acme/shop")),
    hook("SSH on a port of its own", payload=push(project=project(git_ssh_url="ssh://git@gitlab.example:2222/acme/group/shop.git")),
         means=moved(also=("gitlab.example:2222/acme/group/shop",))),
    hook("SSH switched off", payload=push(project=project(git_ssh_url=None)), means=moved()),
    hook("nobody's short name", payload=push(user_username=None), means=moved(actor="Ada L.")),
    tag("tag", payload=push(RELEASE, GONE, kind="tag_push"), means=moved(RELEASE, before=GONE)),
    tag("annotated tag", payload=push(RELEASE, GONE, TAG, NEW, kind="tag_push"), means=moved(RELEASE, before=GONE)),
    tag("tag deleted", payload=push(RELEASE, after=GONE, kind="tag_push"), means=moved(RELEASE, "")),
]  # fmt: skip

everywhere = partial(case, event="System Hook")
DOCS = "refs/heads/docs"
BY = {"actor": "Ada L."}
SYSTEM = [
    everywhere("system: push", payload=system(), means=moved(**BY)),
    everywhere("system: branch deleted", payload=system(ref=FEATURE, after=GONE), means=moved(FEATURE, "", **BY)),
    everywhere("system: tag", payload=system(ref=RELEASE, before=GONE, kind="tag_push"), means=moved(RELEASE, before=GONE, **BY)),
    everywhere("system: annotated tag", payload=system(ref=RELEASE, before=GONE, after=TAG, at=NEW, kind="tag_push"),
               means=moved(RELEASE, before=GONE, **BY)),
    everywhere("system: one ref", payload=update((MAIN, OLD, NEW)), means=moved(**BY)),
    everywhere("system: several refs", payload=update((RELEASE, GONE, NEW), (FEATURE, OLD, GONE), (MAIN, OLD, NEW), (DOCS, OLD, NEW)),
               means=several(moved(**BY), moved(DOCS, **BY), moved(RELEASE, before=GONE, **BY), moved(FEATURE, "", **BY))),
    everywhere("system: beside a ref of GitLab's own", payload=update(("refs/keep-around/x", GONE, NEW), (MAIN, OLD, NEW)),
               means=moved(**BY)),
]  # fmt: skip

NAMES = (
    "group_create", "group_destroy", "group_rename", "key_create", "key_destroy", "project_create", "project_destroy",
    "project_rename", "project_transfer", "project_update", "user_access_request_to_group", "user_access_request_to_project",
    "user_add_to_group", "user_add_to_team", "user_create", "user_destroy", "user_failed_login", "user_remove_from_group",
    "user_remove_from_team", "user_rename", "user_update_for_group", "user_update_for_team",
)  # fmt: skip
SYSTEM += [
    everywhere(f"system: {name}", means=ignored(f"System Hook {name}"), payload={
        "event_name": name, "created_at": "2026-11-28T09:00:00Z", "name": "Shop", "path": "shop", "project_id": 15,
        "path_with_namespace": "acme/group/shop", "owner_name": "Ada", "owners": [{"name": "Ada", "email": ""}],
    })
    for name in NAMES
]  # fmt: skip
SYSTEM.append(
    everywhere(
        "system: by its kind",
        payload={"object_kind": "gitlab_subscription_member_approval", "action": "enqueue", "object_attributes": {"id": 1}},
        means=ignored("System Hook gitlab_subscription_member_approval"),
    )
)

KINDS = {
    "Issue Hook": "issue", "Confidential Issue Hook": "issue", "Wiki Page Hook": "wiki_page", "Pipeline Hook": "pipeline",
    "Job Hook": "build", "Deployment Hook": "deployment", "Member Hook": "user_add_to_group", "Subgroup Hook": "subgroup_create",
    "Project Hook": "project_create", "Feature Flag Hook": "feature_flag", "Release Hook": "release", "Emoji Hook": "emoji",
    "Milestone Hook": "milestone", "Resource Access Token Hook": "access_token", "Vulnerability Hook": "vulnerability",
}  # fmt: skip
OTHERS = [
    case(name, event=name, means=ignored(name), payload={
        "object_kind": kind, "event_type": kind, "user": {"id": 4, "username": "ada"}, "project": project(),
        "object_attributes": {"id": 1, "iid": 1, "action": "open", "ref": "main", "sha": NEW},
    })
    for name, kind in KINDS.items()
]  # fmt: skip
CASES = [*PUSHES, *SYSTEM, *OTHERS]
