"""What a script of one's own sends: docs/webhooks.md."""

from functools import partial

from receiver.providers.event import Ping, Push
from tests.receiver.providers.made.case import FEATURE, GONE, MAIN, NEW, OLD, RELEASE, Case, ignored

SHOP = "git.example/acme/shop"
case = partial(Case, provider="generic")
pushed = partial(case, event="push")


def push(ref=MAIN, after=NEW, repository="https://git.example/acme/shop.git", **more):
    return {"ref": ref, "after": after, "repository": repository, **more}


def moved(ref=MAIN, at=NEW, before="", scope=SHOP, actor=""):
    return Push(scope, ref, at, before, actor)


CASES = [
    pushed("push", payload=push(), means=moved()),
    pushed("push by its name", payload=push(event="push"), means=moved()),
    pushed("with more", payload=push(before=OLD, actor="ada", branch="main"), means=moved(before=OLD, actor="ada")),
    pushed("tag", payload=push(RELEASE), means=moved(RELEASE)),
    pushed("branch deleted", payload=push(FEATURE, GONE), means=moved(FEATURE, "")),
    pushed("SHA-256", payload=push(after="a" * 64), means=moved(at="a" * 64)),
    pushed("deleted in SHA-256", payload=push(after="0" * 64), means=moved(at="")),
    pushed("by SSH", payload=push(repository="git@git.example:acme/shop.git"), means=moved()),
    pushed(
        "on a port",
        payload=push(repository="ssh://git@git.example:2222/acme/shop"),
        means=moved(scope="git.example:2222/acme/shop"),
    ),
    pushed("with a password in it", payload=push(repository="https://ada:hunter2@git.example/acme/shop"), means=moved()),
    case("ping", event="ping", payload={"event": "ping"}, means=Ping()),
    case("another event", event="release", payload=push(event="release"), means=ignored("release")),
]
