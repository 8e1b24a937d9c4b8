"""What is done about a service hook of Azure DevOps, which is a subscription for each event, by a server that really sends.

Left out: what is decided without asking a forge (test_hooks_decided).
"""

import base64
import dataclasses

import pytest

from jobs.derive import Purpose
from jobs.forges import hooks
from jobs.forges.azure_hooks import EVENTS, AzureHooks
from jobs.forges.hooks import Desk, Place, Wish
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Forge
from tests.servers.azure_hooks import PROJECT, REPOSITORY
from tests.servers.forges import TOKEN, on_forge
from tests.servers.hook_door import hook_door

SECRETS = {Purpose.HMAC: "never-sent", Purpose.TOKEN: "new-secret", Purpose.SIGNING: "never-sent"}
COMMENTED = "ms.vss-code.git-pullrequest-comment-event"


def is_ours(request, _):
    """Whether it carries the one password."""
    return request.headers.get("Authorization") == "Basic " + base64.b64encode(b"trueup:new-secret").decode()


@pytest.fixture
async def door():
    async with hook_door(is_ours, lambda payload: payload["eventType"]) as door:
        yield door


@pytest.fixture
def wish(door):
    return Wish(f"{door.url}/webhooks/azure/git.example/org/acme/_git/shop", SECRETS)


@pytest.fixture
def desk(forge_server, session, monkeypatch):
    monkeypatch.setattr(hooks, "TEST_PAUSE_SECONDS", 0.01)
    return Desk(AzureHooks(session), on_forge(forge_server.url, Forge.AZURE, path="org/acme/_git/shop"), TOKEN)


@pytest.fixture
def azure(azure_hooks):
    return azure_hooks


async def test_a_hook_that_is_missing_is_made_and_reaches_us(desk, wish, azure, door):
    care = await desk.care(wish, has_secret=False)
    assert (care.done, care.trouble, care.is_written) == (("created",), "", True)
    assert {line["eventType"]: line["resourceVersion"] for line in azure.stored.values()} == dict(EVENTS)
    assert care.hook.id.split(",") == list(azure.stored)
    assert {(line["publisherInputs"]["projectId"], line["publisherInputs"]["repository"]) for line in azure.stored.values()} == {
        (PROJECT, REPOSITORY)
    }
    for event in EVENTS:
        await azure.deliver(event, {"eventType": event})
    assert door.taken == list(EVENTS)
    assert await desk.verify(wish) == []


async def test_what_is_as_it_should_be_is_only_read(desk, wish, forge_server):
    made = await desk.care(wish, has_secret=False)
    forge_server.requests.clear()
    care = await desk.care(wish, known_id=made.hook.id, has_secret=True)
    assert (care.done, care.trouble, care.is_written) == ((), "", False)
    assert [request.split("?")[0].rpartition("/_apis/")[2] for request in forge_server.requests] == [
        "git/repositories/shop", "hooks/subscriptions", "hooks/notificationsquery",
    ]  # fmt: skip


FAULTS = {
    "is switched off": {"status": "disabledByUser"},
    "was given up by Azure DevOps after failures": {"status": "disabledBySystem"},
    "is on probation after failures": {"status": "onProbation"},
    "is switched off, since who made it is gone": {"status": "disabledByInactiveIdentity"},
    "is somethingNew": {"status": "somethingNew"},
    "is not of this repository alone": {"publisherInputs": {"projectId": PROJECT, "repository": ""}},
    "only tells of some: branch refs/heads/release": {
        "publisherInputs": {"projectId": PROJECT, "repository": REPOSITORY, "branch": "refs/heads/release"}
    },
    "does not send all details": {"consumerInputs": {"resourceDetailsToSend": "minimal"}},
    "does not verify certificates": {"consumerInputs": {"acceptUntrustedCerts": "true"}},
    "has no secret": {"consumerInputs": {"basicAuthPassword": ""}},
}


@pytest.mark.parametrize(("words", "changed"), FAULTS.items(), ids=FAULTS)
async def test_what_somebody_changed_is_named_and_put_back(desk, wish, azure, words, changed):
    await desk.care(wish, has_secret=False)
    line = list(azure.stored.values())[1]
    for name, value in changed.items():
        line[name] = line[name] | value if name == "consumerInputs" else value
    assert await desk.verify(wish) == [words]
    care = await desk.care(wish, has_secret=True)
    assert (care.done, len(azure.stored)) == ((f"repaired: {words}",), len(EVENTS))
    assert (await desk.care(wish, has_secret=True)).done == ()


async def test_comments_without_their_pull_request_are_not_all_details(desk, wish, azure):
    await desk.care(wish, has_secret=False)
    next(line for line in azure.stored.values() if line["eventType"] == COMMENTED)["resourceVersion"] = "1.0"
    assert await desk.verify(wish) == ["does not send all details"]


async def test_a_subscription_that_somebody_deleted_is_made_again(desk, wish, azure):
    made = await desk.care(wish, has_secret=False)
    gone = list(azure.stored)[2]
    del azure.stored[gone]
    assert await desk.verify(wish) == ["does not send git.pullrequest.updated"]
    care = await desk.care(wish, known_id=made.hook.id, has_secret=True)
    assert care.done == ("repaired: does not send git.pullrequest.updated",)
    assert [line["eventType"] for line in azure.stored.values()].count("git.pullrequest.updated") == 1
    azure.stored.clear()
    assert (await desk.care(wish, known_id=made.hook.id, has_secret=True)).done == ("created",)


async def test_a_hook_that_points_elsewhere_is_turned_back(desk, wish, azure):
    made = await desk.care(wish, has_secret=False)
    for line in azure.stored.values():
        line["consumerInputs"]["url"] = "http://127.0.0.1:1/elsewhere"
    care = await desk.care(wish, known_id=made.hook.id, has_secret=True)
    assert (care.done, care.trouble) == (("repaired: points to http://127.0.0.1:1/elsewhere",), "")
    assert (len(azure.stored), care.hook.id) == (len(EVENTS), made.hook.id)


async def test_doubles_are_removed_and_what_is_another_s_is_left(desk, wish, azure):
    await desk.care(wish, has_secret=False)
    (ours, *_) = azure.stored.values()
    others = {
        "double": {},
        "elsewhere": {"consumerInputs": {"url": "https://another.example/webhooks/azure/git.example/org/acme/_git/shop"}},
        "project": {"publisherInputs": {"projectId": "another", "repository": ""}},
        "event": {"eventType": "workitem.created"},
    }
    for name, more in others.items():
        azure.stored[name] = ours | {"id": name} | more
    assert await desk.verify(wish) == ["there are 2 hooks to it"]
    assert (await desk.care(wish, has_secret=True)).done == ("removed its double double",)
    assert [name for name in others if name in azure.stored] == ["elsewhere", "project", "event"]
    assert [hook.address for hook in await desk.remove(wish)] == [wish.address]
    assert list(azure.stored) == ["elsewhere", "project", "event"]
    assert await desk.remove(wish) == []


async def test_a_secret_that_is_refused_is_given_again(desk, wish, azure, door):
    await desk.care(wish, has_secret=False)
    azure.secrets[next(iter(azure.stored))] = "older"
    assert await desk.verify(wish) == [], "the password is masked, and nothing was sent"
    await azure.deliver("git.push", {"eventType": "git.push"})
    await azure.deliver("git.pullrequest.created", {"eventType": "git.pullrequest.created"})
    assert await desk.verify(wish) == ["its latest delivery: answered 401", "a test was answered 401"]
    care = await desk.care(wish, has_secret=True)
    assert (care.done, care.trouble, care.is_written) == (("given its secret again",), "", True)
    assert await desk.verify(wish) == [], "it was before the hook was written"
    door.taken.clear()
    await azure.deliver("git.push", {"eventType": "git.push"})
    assert door.taken == ["git.push"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param(503, "answered 503", id="not ready"),
        pytest.param(404, "answered 404", id="something else is there"),
        pytest.param(None, "No connection could be made because the target machine actively refused it", id="nobody"),
    ],
)
async def test_while_nothing_arrives_it_is_said_and_switching_on_does_not_hide_it(desk, wish, azure, door, status, said):  # noqa: PLR0917
    if status is None:
        wish = dataclasses.replace(wish, address="http://127.0.0.1:1/webhooks/azure/git.example/org/acme/_git/shop")
    door.status = status or 0
    assert (await desk.care(wish, has_secret=False)).trouble == said
    await azure.deliver("git.push", {"eventType": "git.push"})
    for line in azure.stored.values():
        line["status"] = "onProbation"
    care = await desk.care(wish, has_secret=True)
    assert (care.done, care.trouble) == (("repaired: is on probation after failures",), said)
    assert (await desk.look(care.hook, wish, [], was_failing=True)).trouble == said, "also while nothing is sent"
    await azure.deliver("git.push", {"eventType": "git.push"})
    assert await desk.verify(wish) == [f"its latest delivery: {said}", f"a test was {said}"]


async def test_what_failed_before_is_over_when_we_are_reached_again(desk, wish, azure):
    await desk.care(wish, has_secret=False)
    await azure.deliver("git.push", {"eventType": "git.push"}, code=503)
    care = await desk.care(wish, has_secret=True)
    assert (care.done, care.trouble) == ((), "")


async def test_where_no_test_can_be_sent_the_latest_delivery_counts(desk, wish, azure):
    azure.may_test = False
    assert (await desk.care(wish, has_secret=False)).is_tried is False
    await azure.deliver("git.push", {"eventType": "git.push"})
    assert (await desk.care(wish, has_secret=False)).is_tried is False, "it was before the hook was written"
    await azure.deliver("git.push", {"eventType": "git.push"}, code=503)
    assert (await desk.care(wish, has_secret=True)).trouble == "answered 503"


async def test_one_hook_for_a_project(forge_server, session, azure, door, monkeypatch):
    monkeypatch.setattr(hooks, "TEST_PAUSE_SECONDS", 0.01)
    project = dataclasses.replace(on_forge(forge_server.url, Forge.AZURE), scope="git.example/org/my project")
    desk = Desk(AzureHooks(session, Place.OWNER), project, TOKEN)
    wish = Wish(f"{door.url}/webhooks/azure/git.example/org/my%20project", SECRETS)
    care = await desk.care(wish, has_secret=False)
    assert (care.done, care.trouble, await desk.verify(wish)) == (("created",), "", [])
    assert {line["publisherInputs"]["repository"] for line in azure.stored.values()} == {""}
    assert any("/org/_apis/projects/my%20project?" in request for request in forge_server.requests)
    next(iter(azure.stored.values()))["publisherInputs"]["repository"] = REPOSITORY
    assert await desk.verify(wish) == ["is of one repository alone"]
    organisation = dataclasses.replace(desk, repository=dataclasses.replace(project, scope="git.example/org"))
    with pytest.raises(Stalled, match=r"a service hook is of a project: --scope git.example/org/PROJECT"):
        await organisation.verify(wish)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said"),
    [
        (429, {"Retry-After": "9"}, ForgeUnavailable, "answered 429"),
        (500, {}, ForgeUnavailable, "answered 500"),
        (403, {}, Stalled, r"the token of spec\.webhook\.secretRef .* needs the scope `Code \(read\)`"),
        (404, {}, Stalled, r"the token of spec\.webhook\.secretRef"),
        (302, {"Location": "http://127.0.0.1:1/"}, Stalled, "has moved"),
    ],
)
async def test_refusals_say_what_the_token_needs(desk, wish, forge_server, status, headers, kind, said):  # noqa: PLR0917
    forge_server.failures = [(status, headers)]
    with pytest.raises(kind, match=said) as caught:
        await desk.care(wish, has_secret=False)
    assert TOKEN not in str(caught.value)
    assert "new-secret" not in str(caught.value)


async def test_who_may_not_write_is_told_so(desk, wish, azure):
    azure.may_write = False
    with pytest.raises(Stalled, match="of an account that may edit subscriptions of this project"):
        await desk.care(wish, has_secret=False)
