"""What is done about a hook: the same at all forges, against servers that really deliver to a door that knows one secret.

Left out: Azure DevOps, where a hook is several subscriptions (test_azure_hooks).
"""

import dataclasses
import hashlib
import hmac
from urllib.parse import urlsplit

import pytest

from jobs.derive import Purpose
from jobs.forges import hooks
from jobs.forges.clients import hook_clients
from jobs.forges.forge import Denied
from jobs.forges.github_hooks import GitHubHooks
from jobs.forges.hooks import Attempt, Desk, Logged, Place, Probed, Wish
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Forge
from tests.servers.forges import APIS, TOKEN, on_forge
from tests.servers.hook_door import hook_door

SECRETS = {Purpose.HMAC: "new-secret", Purpose.TOKEN: "new-secret", Purpose.SIGNING: "whsec_bmV3LXNlY3JldA=="}
FORGES = [forge for forge in hook_clients(None) if forge is not Forge.AZURE]
LOGGED = [Forge.GITHUB, Forge.GITLAB]
UNTOLD = {Forge.GITEA, Forge.FORGEJO, Forge.BITBUCKET}
"""Forges that say nothing of deliveries."""
REPOSITORY = "acme/shop"


def is_ours(request, body):
    """Whether it is signed with the new secret, or carries it."""
    signature = hmac.new(b"new-secret", body, hashlib.sha256).hexdigest()
    return bool({"new-secret", signature, f"sha256={signature}"} & set(request.headers.values()))


@pytest.fixture
async def door():
    async with hook_door(is_ours, lambda payload: payload.get("after", "ping")) as door:
        yield door


@pytest.fixture
def wish(door):
    return Wish(f"{door.url}/webhooks/bitbucket-dc/git.example/acme/shop", SECRETS)


@pytest.fixture(params=FORGES, ids=str)
def forge(request):
    return request.param


@pytest.fixture
def desk(forge, forge_server, session, monkeypatch):
    forge_server.session = session
    monkeypatch.setattr(hooks, "TEST_PAUSE_SECONDS", 0.01)
    return Desk(hook_clients(session)[forge], on_forge(forge_server.url + APIS.get(forge, ""), forge), TOKEN)


@pytest.fixture
def stored(forge_server):
    return forge_server.hooks.stored[REPOSITORY]


def point_elsewhere(hook, address):
    hook.settings.get("config", hook.settings)["url"] = address


async def test_a_hook_that_is_missing_is_made_and_tried(desk, wish, stored, door):
    care = await desk.care(wish, has_secret=False)
    assert (care.done, care.trouble, care.is_written) == (("created",), "", True)
    assert [hook.id for hook in stored] == [int(care.hook.id.strip("{}"))]
    assert bool(door.taken) is (desk.repository.forge not in {Forge.BITBUCKET, Forge.BITBUCKET_DC}), "they cannot be asked to"
    assert care.is_tried is isinstance(desk.api, Logged)
    told = ["the forge does not say how its test went"] if desk.repository.forge is Forge.GITLAB and not care.is_tried else []
    assert await desk.verify(wish) == told


async def test_what_is_as_it_should_be_is_only_read(desk, wish, forge_server):
    made = await desk.care(wish, has_secret=False)
    forge_server.requests.clear()
    care = await desk.care(wish, known_id=made.hook.id, has_secret=True)
    assert (care.done, care.trouble, care.is_written, care.redelivered) == ((), "", False, 0)
    assert len(forge_server.requests) == (1 if desk.repository.forge in UNTOLD else 2)
    assert all(request.startswith("GET ") for request in forge_server.requests)


async def test_a_hook_that_somebody_deleted_is_made_again(desk, wish, stored):
    made = await desk.care(wish, has_secret=False)
    stored.clear()
    care = await desk.care(wish, known_id=made.hook.id, has_secret=True)
    assert (care.done, care.is_written, len(stored)) == (("created",), True, 1)


async def test_a_hook_that_points_elsewhere_is_turned_back(desk, wish, stored):
    made = await desk.care(wish, has_secret=False)
    point_elsewhere(stored[0], "http://127.0.0.1:1/elsewhere")
    care = await desk.care(wish, known_id=made.hook.id, has_secret=True)
    assert care.done == ("repaired: points to http://127.0.0.1:1/elsewhere",)
    assert (care.trouble, len(stored)) == ("", 1)


async def test_hooks_of_others_are_never_touched(desk, wish, stored):
    """Another Trueup's has the same path on another host."""
    other = Wish(wish.address.replace("127.0.0.1", "localhost"), dict.fromkeys(SECRETS, "other") | SECRETS)
    await desk.care(other, has_secret=False)
    before = dict(stored[0].settings)
    await desk.care(wish, has_secret=False)
    assert len(stored) == 2
    assert stored[0].settings == before
    assert [hook.address for hook in await desk.remove(wish)] == [wish.address]
    assert [hook.settings for hook in stored] == [before]


GITHUB_FAULTS = {
    "is switched off": {"active": False},
    "does not send push, pull_request, issue_comment": {"events": ["issues"]},
    "does not send JSON": {"config": {"content_type": "form", "insecure_ssl": "0"}},
    "does not verify certificates": {"config": {"content_type": "json", "insecure_ssl": "1"}},
    "has no secret": {"config": {"content_type": "json", "insecure_ssl": "0"}},
}
GITLAB_FAULTS = {
    "does not send push_events": {"push_events": False},
    "does not send tag_push_events": {"tag_push_events": False},
    "only tells of branches like release/*": {"push_events_branch_filter": "release/*", "branch_filter_strategy": "wildcard"},
    "does not verify certificates": {"enable_ssl_verification": False},
    "has no secret": {"token_present": False, "signing_token_present": False},
}
GITEA_FAULTS = {
    "is switched off": {"active": False},
    "does not send push, delete": {"events": ["pull_request", "pull_request_sync", "pull_request_comment"]},
    "only tells of branches like release/*": {"branch_filter": "release/*"},
    "does not send JSON": {"config": {"content_type": "form"}},
}
BITBUCKET_FAULTS = {
    "is switched off": {"active": False},
    "does not send repo:push, pullrequest:created, pullrequest:updated, pullrequest:comment_created": {
        "events": ["issue:created"]
    },
    "does not verify certificates": {"skip_cert_verification": True},
    "has no secret": {"secret_set": False},
}
DATA_CENTER_FAULTS = {
    "is switched off": {"active": False},
    "does not send repo:refs_changed, pr:opened, pr:from_ref_updated, pr:modified, pr:comment:added": {"events": ["repo:forked"]},
    "does not verify certificates": {"sslVerificationRequired": False},
}
FAULTS = [
    (forge, *fault)
    for forge, faults in {
        Forge.GITHUB: GITHUB_FAULTS,
        Forge.GITLAB: GITLAB_FAULTS,
        Forge.GITEA: GITEA_FAULTS,
        Forge.FORGEJO: GITEA_FAULTS,
        Forge.BITBUCKET: BITBUCKET_FAULTS,
        Forge.BITBUCKET_DC: DATA_CENTER_FAULTS,
    }.items()
    for fault in faults.items()
]


@pytest.mark.parametrize(("forge", "words", "settings"), FAULTS, ids=[f"{forge}-{words}" for forge, words, _ in FAULTS])
async def test_what_somebody_changed_is_named_and_put_back(desk, wish, stored, words, settings):
    await desk.care(wish, has_secret=False)
    before = dict(stored[0].settings)
    for name, value in settings.items():
        stored[0].settings[name] = before["config"] | {"secret": ""} | value if name == "config" else value
    if words == "has no secret":
        stored[0].settings.get("config", {}).pop("secret", None)
    assert words in await desk.verify(wish)
    care = await desk.care(wish, has_secret=True)
    assert care.done == (f"repaired: {words}",)
    assert set(before.get("events", ())) <= set(stored[0].settings.get("events", ()))
    assert (await desk.care(wish, has_secret=True)).done == ()


@pytest.mark.parametrize("forge", LOGGED)
async def test_a_secret_that_is_refused_is_given_again(desk, wish, stored, forge_server):
    forge_server.hooks.tests_a_minute = 50
    await desk.care(wish, has_secret=False)
    stored[0].secrets = dict.fromkeys(stored[0].secrets, "whsec_b2xk")
    await desk.tried((await desk.api.hooks(desk.repository, TOKEN))[0])
    assert await desk.verify(wish) == ["a test was answered 401"]
    care = await desk.care(wish, has_secret=True)
    assert (care.done, care.trouble, care.is_written) == (("given its secret again",), "", True)
    assert await desk.verify(wish) == []


@pytest.mark.parametrize("forge", LOGGED)
async def test_a_door_that_refuses_the_right_secret_is_told_and_not_written_for_ever(desk, wish, door, forge_server):
    door.status = 401
    care = await desk.care(wish, has_secret=False)
    assert care.trouble == "answered 401"
    writes = [request for request in forge_server.requests if request.startswith(("PUT", "PATCH", "POST"))]
    assert len(writes) == 2, "one that makes it, one that tries it"


@pytest.mark.parametrize("forge", LOGGED)
async def test_deliveries_that_were_lost_are_asked_for_again_in_order(desk, wish, forge_server, door):
    await desk.care(wish, has_secret=False)
    await forge_server.hooks.settle()
    forge_server.hooks.is_down = True
    for number in (1, 2, 3):
        await forge_server.hooks.push(REPOSITORY, {"after": str(number) * 40, "ref": "refs/heads/main"})
    forge_server.hooks.is_down = False
    care = await desk.care(wish, has_secret=True)
    assert (care.trouble, care.redelivered) == ("", 3)
    await forge_server.hooks.settle()
    assert [after[0] for after in door.taken if after[0] in "123"] == ["1", "2", "3"]
    assert (await desk.care(wish, has_secret=True)).redelivered == 0


@pytest.mark.parametrize("forge", LOGGED)
async def test_while_nothing_arrives_it_is_said_and_nothing_is_asked_for_again(desk, wish, forge_server):
    await desk.care(wish, has_secret=False)
    await forge_server.hooks.settle()
    forge_server.hooks.is_down = True
    await forge_server.hooks.push(REPOSITORY, {"after": "1" * 40})
    care = await desk.care(wish, has_secret=True)
    assert care.trouble in {"failed to connect to host", "internal error"}
    assert care.redelivered == 0


@pytest.mark.parametrize("forge", [Forge.GITLAB])
async def test_gitlabs_given_up_hook_is_used_again_after_a_test(desk, forge_server, wish, stored):
    await desk.care(wish, has_secret=False)
    forge_server.hooks.is_down = True
    for _ in range(4):
        await forge_server.hooks.push(REPOSITORY, {"after": "1" * 40})
    assert stored[0].settings["alert_status"] == "temporarily_disabled"
    assert (await desk.care(wish, has_secret=True)).trouble
    assert stored[0].settings["alert_status"] == "temporarily_disabled"
    forge_server.hooks.is_down = False
    assert not (await desk.care(wish, has_secret=True)).trouble
    assert stored[0].settings["alert_status"] == "executable"


@pytest.mark.parametrize("forge", [Forge.GITLAB])
async def test_a_gitlab_without_signing_tokens_gets_the_secret_token(desk, forge_server, wish, stored, door):
    forge_server.hooks.is_old = True
    assert not (await desk.care(wish, has_secret=False)).trouble
    assert (stored[0].secrets, bool(door.taken)) == ({"token": "new-secret"}, True)


@pytest.mark.parametrize("forge", [Forge.GITLAB])
async def test_a_limit_of_tests_keeps_nobody_from_his_hook(desk, forge_server, wish, stored):
    forge_server.hooks.tests_a_minute = 0
    care = await desk.care(wish, has_secret=False)
    assert (care.done, care.trouble, len(stored)) == (("created",), "", 1)
    assert await desk.verify(wish) == ["the forge does not say how its test went"]


async def test_doubles_are_removed(desk, wish, stored):
    await desk.care(wish, has_secret=False)
    stored.append(type(stored[0])(999, {**stored[0].settings, "id": 999, "uuid": "{999}"}, dict(stored[0].secrets)))
    assert await desk.verify(wish) == ["there are 2 hooks to it"]
    care = await desk.care(wish, has_secret=True)
    assert care.done[0].strip("{}") in {"removed its double 999", "removed its double {999"}
    assert len(stored) == 1


async def test_ours_is_found_among_many(desk, wish, stored):
    await desk.care(wish, has_secret=False)
    (ours,) = stored
    others = [{**ours.settings, "id": n, "uuid": str(n), "url": "u", "config": {"url": "u"}} for n in range(1000, 1150)]
    stored[:0] = [type(ours)(settings["id"], settings) for settings in others]
    assert (await desk.care(wish, has_secret=True)).hook.id.strip("{}") == str(ours.id)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said"),
    [
        (429, {"Retry-After": "9"}, ForgeUnavailable, "answered 429"),
        (500, {}, ForgeUnavailable, "answered 500"),
        (403, {}, Stalled, r"the token of spec\.webhook\.secretRef .* needs the (permission to (write|adm)|scope `)"),
        (404, {}, Stalled, r"the token of spec\.webhook\.secretRef"),
        (422, {}, Stalled, "answered 422"),
        (302, {"Location": "http://127.0.0.1:1/"}, Stalled, "has moved"),
    ],
)
async def test_refusals_say_what_the_token_needs(desk, wish, forge_server, status, headers, kind, said):  # noqa: PLR0917
    forge_server.failures = [(status, headers)]
    with pytest.raises(kind, match=said) as caught:
        await desk.care(wish, has_secret=False)
    assert TOKEN not in str(caught.value)
    assert "new-secret" not in str(caught.value)


@pytest.mark.parametrize("forge", [Forge.GITHUB, Forge.GITLAB])
@pytest.mark.parametrize(
    ("message", "is_address"),
    [
        pytest.param("url is not supported because it isn't reachable over the public Internet (localhost)", True, id="GitHub"),
        pytest.param("Url is blocked: Requests to the local network are not allowed", True, id="GitLab"),
        pytest.param('The "push" event cannot have more than 20 hooks', False, id="something else"),
    ],
)
async def test_an_address_that_the_forge_does_not_send_to_is_told(desk, wish, forge_server, monkeypatch, message, is_address):  # noqa: PLR0917
    async def none(*_: object) -> list[object]:
        return []

    monkeypatch.setattr(desk.api, "hooks", none)
    forge_server.failures, forge_server.message = [(422, {})], message
    with pytest.raises(Denied, match="answered 422") as caught:
        await desk.care(wish, has_secret=False)
    assert ("TRUEUP_PUBLIC_URL must be an address that it may reach" in str(caught.value)) is is_address


@pytest.mark.parametrize("forge", [Forge.BITBUCKET_DC])
async def test_data_centers_unsigned_test_says_that_trueup_is_reached_and_its_latest_delivery_the_rest(
    desk, wish, stored, forge_server
):
    assert not (await desk.care(wish, has_secret=False)).trouble, "401 is what an unsigned test gets"
    stored[0].log.insert(
        0, {"id": 7, "event": "pr:opened", "start": 9e12, "result": {"description": "401", "outcome": "FAILURE"}}
    )
    assert await desk.verify(wish) == ["its latest delivery: answered 401", "a test was answered 401"]
    care = await desk.care(wish, has_secret=True)
    assert (care.done, care.is_written) == (("given its secret again",), True)
    stored[0].log[0]["start"] = 0
    assert await desk.verify(wish) == [], "it was before the hook was changed"
    forge_server.hooks.is_down = True
    assert await desk.verify(wish) == ["a test was Connect timed out"]
    assert (await desk.care(wish, has_secret=False)).trouble == "Connect timed out"


@pytest.mark.parametrize("forge", FORGES)
async def test_one_hook_for_many_repositories(desk, wish, forge, forge_server, door):
    owner = dataclasses.replace(desk.repository, scope="git.example/acme")
    shared = Desk(hook_clients(forge_server.session, Place.OWNER)[forge], owner, TOKEN)
    await desk.care(wish, has_secret=False)
    care = await shared.care(Wish(f"{door.url}/webhooks/x/git.example/acme", SECRETS), has_secret=False)
    assert (care.done, care.trouble) == (("created",), "")
    assert [len(forge_server.hooks.stored[place]) for place in ("acme", REPOSITORY)] == [1, 1]
    assert isinstance(shared.api, Probed) is (forge not in UNTOLD)
    assert await shared.verify(Wish(f"{door.url}/webhooks/x/git.example/acme", SECRETS)) == []
    forge_server.hooks.may_write = False
    with pytest.raises(Stalled, match=r"this (organisation|group|workspace|project)"):
        await shared.verify(wish)


@pytest.mark.parametrize("forge", [Forge.GITHUB])
@pytest.mark.parametrize(
    ("beside", "is_told"),
    [
        pytest.param("{url}/", True, id="at the top"),
        pytest.param("{url}/webhooks/gitlab/git.example/acme/shop", True, id="of another forge"),
        pytest.param("https://elsewhere.example{path}", True, id="at another host"),
        pytest.param("https://ci.example/hook", False, id="another program's"),
    ],
)
async def test_a_hook_beside_the_right_address_is_named(desk, wish, beside, is_told):
    right = urlsplit(wish.address)
    address = beside.format(url=f"{right.scheme}://{right.netloc}", path=right.path)
    await desk.api.create(desk.repository, dataclasses.replace(wish, address=address), TOKEN)
    assert await desk.verify(wish) == [
        f"there is no hook to {wish.address}",
        *([f"there is one to {address}"] if is_told else []),
    ]


async def test_removing_what_is_gone_is_as_good(desk, wish, stored):
    (hook,) = [(await desk.care(wish, has_secret=False)).hook]
    stored.clear()
    await desk.api.remove(desk.repository, hook, TOKEN)
    assert await desk.remove(wish) == []


@pytest.mark.parametrize("forge", LOGGED)
async def test_a_test_that_is_never_logged_is_not_waited_for_for_ever(desk, wish, monkeypatch):
    monkeypatch.setattr(hooks, "TEST_SECONDS", 0.05)
    await desk.care(wish, has_secret=False)

    async def nothing(*_: object) -> list[Attempt]:
        return []

    monkeypatch.setattr(type(desk.api), "attempts", nothing)
    assert await desk.verify(wish) == ["the forge does not say how its test went"]


def test_nothing_shows_a_secret(wish, forge_server):
    desk = Desk(GitHubHooks(None), on_forge(forge_server.url), TOKEN)
    assert "new-secret" not in repr(wish)
    assert TOKEN not in repr(desk)
