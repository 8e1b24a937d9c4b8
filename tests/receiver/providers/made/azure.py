"""Azure DevOps Services and Server: https://learn.microsoft.com/en-us/azure/devops/service-hooks/events."""

from functools import partial

from receiver.providers.event import Ignored, Push
from tests.receiver.providers.made.case import FEATURE, GONE, MAIN, NEW, OLD, RELEASE, TAG, Case, ignored, several

SHOP = "dev.azure.com/acme/my project/_git/shop"


def event(kind, resource):
    text = {"text": "Ada pushed updates to shop:main.", "html": "", "markdown": ""}
    return {
        "subscriptionId": "8efced88-c100-41a3-96ca-ee29eb1f877a", "notificationId": 2, "id": "03c164c2-8912-4d5e-8009-3707d5f83734",
        "eventType": kind, "publisherId": "tfs", "message": text, "detailedMessage": text, "resource": resource,
        "resourceVersion": "1.0", "createdDate": "2026-11-28T09:00:00.0379153Z",
        "resourceContainers": {name: {"id": "be9b3917-87e6-42a4-a549-2bc06a7a878f"} for name in ("collection", "account", "project")},
    }  # fmt: skip


def repository(url="https://acme@dev.azure.com/acme/My%20Project/_git/Shop"):
    return {
        "id": "278d5cd2-584d-4b63-824a-2ba458937249", "name": "Shop", "url": "https://dev.azure.com/acme/_apis/git/repositories/278d",
        "project": {"id": "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c", "name": "My Project", "state": "wellFormed"},
        "defaultBranch": "refs/heads/main", "remoteUrl": url,
    }  # fmt: skip


def update(ref=MAIN, before=OLD, after=NEW):
    return {"name": ref, "oldObjectId": before, "newObjectId": after}


def push(*updates, url=None, **more):
    return event("git.push", {
        "commits": [{"commitId": NEW, "author": {"name": "Ada", "email": "ada@example.com"}, "comment": "web 1.1.0", "url": ""}],
        "refUpdates": list(updates), "repository": repository(url) if url else repository(), "pushId": 14, "url": "",
        "pushedBy": {"id": "7", "displayName": "Ada L.", "uniqueName": "ada@example.com"}, "date": "2026-11-28T09:00:00Z", **more,
    })  # fmt: skip


def moved(ref=MAIN, at=NEW, before=OLD, scope=SHOP, actor="Ada L."):
    return Push(scope, ref, at, before, actor)


case = partial(Case, provider="azure")
pushed = partial(case, event="git.push")
CASES = [
    pushed("push", payload=push(update()), means=moved()),
    pushed("branch made", payload=push(update(FEATURE, GONE)), means=moved(FEATURE, before=GONE)),
    pushed("branch deleted", payload=push(update(FEATURE, after=GONE)), means=moved(FEATURE, "")),
    pushed("tag", payload=push(update(RELEASE, GONE)), means=moved(RELEASE, before=GONE)),
    pushed("annotated tag", payload=push(update(RELEASE, GONE, TAG)), means=moved(RELEASE, TAG, GONE)),
    pushed("tag deleted", payload=push(update(RELEASE, after=GONE)), means=moved(RELEASE, "")),
    pushed("several refs", payload=push(update(RELEASE, GONE), update(FEATURE, after=GONE), update()),
           means=several(moved(), moved(RELEASE, before=GONE), moved(FEATURE, ""))),
    pushed("no ref", payload=push(), means=Ignored("payload not understood: no ref moved")),
    pushed("a ref of another kind", payload=push(update("refs/notes/commits")),
           means=Ignored("payload not understood: the ref is no branch and no tag")),
    pushed("by nobody", payload=push(update(), pushedBy=None), means=moved(actor="")),
    pushed("no commits told", payload=push(update(), commits=[]), means=moved()),
    pushed("project and repository of one name", payload=push(update(), url="https://dev.azure.com/acme/_git/shop"),
           means=moved(scope="dev.azure.com/acme/shop/_git/shop")),
    pushed("an address of before 2018", payload=push(update(), url="https://acme.visualstudio.com/DefaultCollection/p/_git/shop"),
           means=moved(scope="dev.azure.com/acme/p/_git/shop")),
    pushed("Server", payload=push(update(), url="https://tfs.example/tfs/DefaultCollection/p/_git/shop"),
           means=moved(scope="tfs.example/tfs/defaultcollection/p/_git/shop")),
    pushed("with few details", payload=event("git.push", {"url": "https://dev.azure.com/acme/_apis/git/pushes/14", "pushId": 14}),
           means=Ignored("payload not understood: resource.refUpdates: Field required")),
    pushed("without details", payload=event("git.push", None),
           means=Ignored("payload not understood: resource: Input should be a valid dictionary or instance of _Resource")),
    pushed("with details of another account", payload=push(update(), url="https://dev.azure.com/fabrikam/Fiber/_git/Fiber"),
           means=moved(scope="dev.azure.com/fabrikam/fiber/_git/fiber")),
]  # fmt: skip
OTHERS = (
    "build.complete", "git.repo.created", "git.repo.deleted", "git.repo.forked", "git.repo.renamed", "git.repo.statuschanged",
    "message.posted", "ms.vss-pipelines.job-state-changed-event", "ms.vss-pipelines.run-state-changed-event",
    "ms.vss-release.deployment-completed-event", "tfvc.checkin", "workitem.commented", "workitem.created", "workitem.deleted",
    "workitem.updated",
)  # fmt: skip
CASES += [
    case(name, event=name, payload=event(name, {"id": 1, "repository": repository()}), means=ignored(name)) for name in OTHERS
]
