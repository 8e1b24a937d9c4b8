"""Webhooks that care for themselves: when they are looked at, what is remembered, and which secrets open the door meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from jobs import hooks, metrics
from jobs.context import Context, generations
from jobs.derive import Purpose, derive_secret
from jobs.forges import hooks as desk
from jobs.forges.azure_hooks import AzureHooks
from jobs.forges.github_hooks import GitHubHooks
from jobs.forges.hooks import Place
from jobs.forges.tokens import Tokens
from jobs.hooks import care_for_hooks
from jobs.limits import Limits
from jobs.store.applications import ApplicationStore
from jobs.store.hooks import HookRecord, HookState, HookStore
from reconciler.errors import ForgeUnavailable, Stalled
from reconciler.model.declared import Forge, Name, Repository, SecretRef
from tests.servers.forges import TOKEN, declared
from tests.servers.git_http import GivenSecrets

KEY, OLDER = b"a" * 32, b"b" * 32
SCOPE = "127.0.0.1/acme/shop"
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def shop(api, forge=Forge.GITHUB, **more):
    fields = {"webhook_register": True, "webhook_secret": SecretRef("trueup", "forge")} | more
    return Repository(Name("trueup", "shop"), "http://127.0.0.1/acme/shop", SCOPE, forge, api, **fields)


@pytest.fixture
async def context(redis, keys, session, forge_server, monkeypatch):
    monkeypatch.setattr(desk, "TEST_PAUSE_SECONDS", 0.01)
    settings = SimpleNamespace(public_url="http://127.0.0.1:1", master_keys=(KEY,))
    context = SimpleNamespace(
        redis=redis, keys=keys, worker="w1", settings=settings, tokens=Tokens(GivenSecrets(forge={"token": TOKEN.encode()}), ()),
        declarations=declared(shop(forge_server.url)), applications=ApplicationStore(redis, keys),
        hooks={place: {Forge.GITHUB: GitHubHooks(session, place)} for place in Place},
        limits=Limits(redis, keys),
    )  # fmt: skip
    context.current_identities = tuple
    context.scopes = lambda found: Context.scopes(context, found)
    await context.applications.publish_scopes(context.scopes({}))
    return context


@pytest.fixture
def stored(forge_server):
    return forge_server.hooks.stored["acme/shop"]


@pytest.fixture
def look(context):
    """Look at the hooks as if all were due; how the one is."""

    async def look():
        for key in await context.redis.keys(f"{context.keys.tick('hook:')}*"):
            await context.redis.delete(key)
        await context.applications.publish_scopes(context.scopes(await HookStore(context.redis, context.keys).all()))
        await care_for_hooks(context)
        return (await HookStore(context.redis, context.keys).all()).get("trueup/shop")

    return look


def secret(generation=0, key=KEY):
    return derive_secret(key, "github", Purpose.HMAC, SCOPE, generation).hex()


async def test_a_hook_is_made_with_the_derived_secret_and_how_it_is_is_told(context, look, stored):
    record = await look()
    assert record.state is HookState.FAILING, "nobody listens there"
    assert (stored[0].secrets, record.hook) == ({"secret": secret()}, str(stored[0].id))
    told = f"its deliveries do not arrive at http://127.0.0.1:1/webhooks/github/{SCOPE}: failed to connect to host; is TRUEUP_PUBLIC_URL"
    assert record.message.startswith(told)
    assert context.hook_troubles == (record.message,)
    counted = {sample.labels["state"]: sample.value for sample in metrics.WEBHOOKS.collect()[0].samples}
    assert counted == {"working": 0, "failing": 1, "refused": 0, "unknown": 0}


async def test_a_hook_that_fails_is_tried_until_it_does_not(context, look, forge_server, session, azure_hooks):
    """Azure DevOps tells of no failure since a hook was written, as long as nobody pushes."""
    at = replace(shop(forge_server.url, Forge.AZURE), scope="127.0.0.1/org/acme/_git/shop")
    context.hooks, context.declarations = {Place.REPOSITORY: {Forge.AZURE: AzureHooks(session)}}, declared(at)
    assert [(await look()).state for _ in range(3)] == [HookState.FAILING] * 3
    assert {line["result"] for line in azure_hooks.log} == {"failed"}


async def test_nothing_secret_is_stored_or_logged(context, look, forge_server):
    with capture_logs() as lines:
        await look()
        forge_server.hooks.may_write = False
        await look()
    kept = str(lines) + str(await context.redis.hgetall(context.keys.hooks))
    assert [line["event"] for line in lines] == ["webhook.registered", "webhook.troubled", "webhook.troubled"]
    assert TOKEN not in kept
    assert secret() not in kept


async def test_a_look_is_one_workers_and_not_repeated(context, forge_server):
    await care_for_hooks(context)
    forge_server.requests.clear()
    context.worker = "w2"
    await care_for_hooks(context)
    assert forge_server.requests == []


async def test_while_the_forge_wants_nothing_of_the_token_it_stays_as_it_was_known(context, look, forge_server):
    before = await look()
    forge_server.requests.clear()
    repository = shop(forge_server.url)
    await context.limits.heed(repository, repository.webhook_secret, ForgeUnavailable("slow down", retry_seconds=60.0))
    assert await look() == before
    assert forge_server.requests == []


@pytest.mark.parametrize(
    ("change", "setting", "why"),
    [
        pytest.param({}, {"public_url": ""}, "the worker needs TRUEUP_PUBLIC_URL", id="no address"),
        pytest.param({}, {"master_keys": ()}, "the worker needs TRUEUP_WEBHOOK_KEYS", id="no key"),
        pytest.param({"webhook_secret": None}, {}, "name a Secret with a token in spec.webhook.secretRef", id="no token"),
        pytest.param(
            {"forge": Forge.GENERIC}, {}, "entered by hand: trueup webhook show trueup/shop", id="a forge that is not spoken to"
        ),
        pytest.param(
            {"api": "http://elsewhere.example"}, {}, "is not given away; enter the hook by hand", id="another host's API"
        ),
    ],
)
async def test_what_a_person_must_mend_is_said(context, look, stored, change, setting, why):  # noqa: PLR0917
    (known,) = context.declarations.repositories.values()
    fields = {"api": known.api} | change
    context.declarations = declared(shop(fields.pop("api"), **fields))
    vars(context.settings).update(setting)
    record = await look()
    assert (record.state, stored) == (HookState.REFUSED, [])
    assert why in record.message


async def test_a_forge_that_does_not_answer_is_asked_again_in_a_minute(look, forge_server, redis, keys):
    forge_server.failures = [(503, {})]
    assert (await look()).state is HookState.UNKNOWN
    (turn,) = await redis.keys(f"{keys.tick('hook:')}*")
    assert 0 < await redis.pttl(turn) <= hooks.AGAIN_SECONDS * 1000


async def test_what_is_not_registered_any_more_is_forgotten_and_left_at_the_forge(context, look, stored, forge_server):
    await look()
    context.declarations = declared(shop(forge_server.url, webhook_register=False))
    assert await look() is None
    assert (len(stored), context.hook_troubles) == (1, ())


async def test_when_redis_lost_everything_the_secret_is_given_once_more(look, forge_server, redis, keys):
    await look()
    await redis.delete(keys.hooks)
    forge_server.requests.clear()
    await look()
    assert [request for request in forge_server.requests if request.startswith("PATCH")]


@pytest.mark.parametrize(
    ("wished", "keys_now"),
    [pytest.param(1, (KEY,), id="a generation"), pytest.param(0, (OLDER, KEY), id="a key"), pytest.param(2, (OLDER,), id="both")],
)
async def test_another_secret_is_given_at_once(context, stored, forge_server, wished, keys_now):
    await care_for_hooks(context)
    context.declarations = declared(shop(forge_server.url, webhook_generation=wished))
    context.settings.master_keys = keys_now
    for _ in range(2):
        await care_for_hooks(context)
    assert stored[0].secrets == {"secret": secret(wished, keys_now[0])}


async def test_no_forge_has_a_secret_before_receivers_know_it(context, stored, forge_server):
    await care_for_hooks(context)
    context.declarations = declared(shop(forge_server.url, webhook_generation=1))
    await care_for_hooks(context)
    assert stored[0].secrets == {"secret": secret(0)}
    assert [scope.generation for scope in await context.applications.scopes()] == [1, 0]


async def test_while_the_forge_has_the_older_generation_both_open_the_door(context, look, forge_server):
    async def taken():
        return [scope.generation for scope in await context.applications.scopes()]

    await look()
    assert await taken() == [0]
    context.declarations = declared(shop(forge_server.url, webhook_generation=1))
    await context.applications.publish_scopes(context.scopes(await HookStore(context.redis, context.keys).all()))
    assert await taken() == [1, 0], "before anybody looked"
    forge_server.failures = [(503, {})]
    await look()
    assert await taken() == [1, 0], "while the forge does not answer"
    record = await look()
    assert await taken() == [1, 0], "deliveries may be under way"
    assert record.former_until - record.checked <= timedelta(seconds=hooks.LATE_SECONDS)


@pytest.mark.parametrize("error", [Stalled, ForgeUnavailable])
async def test_what_the_forge_was_given_is_known_whatever_comes_of_the_rest(context, look, forge_server, monkeypatch, error):
    await look()

    async def refused(*_: object) -> None:
        raise error("not now")

    monkeypatch.setattr(context.hooks[Place.REPOSITORY][Forge.GITHUB], "attempts", refused)
    context.declarations = declared(shop(forge_server.url, webhook_generation=1))
    record = await look()
    assert (record.state is HookState.WORKING, record.generation) == (False, 1)
    context.declarations = declared(shop(forge_server.url, webhook_generation=2))
    forge_server.hooks.may_write = False
    await look()
    assert [scope.generation for scope in await context.applications.scopes()] == [2, 1], (
        "the one that the forge has opens the door"
    )


def store(api, **more):
    own = {"name": Name("trueup", "store"), "url": "http://127.0.0.1/acme/store", "scope": "127.0.0.1/acme/store"}
    return replace(shop(api, webhook_scope="127.0.0.1/acme"), **own | more)


async def test_one_hook_for_many_is_made_once_and_mended(context, look, forge_server):
    acme = forge_server.hooks.stored["acme"]
    many = shop(forge_server.url, webhook_scope="127.0.0.1/acme"), store(forge_server.url)
    context.declarations = declared(*many)
    record = await look()
    assert (record.scope, record.address) == ("127.0.0.1/acme", "http://127.0.0.1:1/webhooks/github/127.0.0.1/acme")
    derived = derive_secret(KEY, "github", Purpose.HMAC, "127.0.0.1/acme", 0).hex()
    assert [hook.secrets for hook in acme] == [{"secret": derived}]
    assert list(await HookStore(context.redis, context.keys).all()) == ["trueup/shop"], "one looks for all"
    assert record.message in context.hook_troubles
    acme.clear()
    await look()
    assert (len(acme), len(forge_server.hooks.stored["acme/shop"])) == (1, 0)
    context.declarations = declared(shop(forge_server.url), many[1])
    assert (await look()).hook == str(forge_server.hooks.stored["acme/shop"][0].id), "its own again"
    assert [record.scope for record in (await HookStore(context.redis, context.keys).all()).values()] == ["", "127.0.0.1/acme"]


async def test_the_secret_of_one_hook_for_many_is_changed_with_overlap(context, look, forge_server):
    async def taken():
        return sorted((s.scope, s.generation) for s in await context.applications.scopes())

    both = {"api": forge_server.url, "webhook_scope": "127.0.0.1/acme"}
    context.declarations = declared(shop(**both), store(forge_server.url))
    await look()
    context.declarations = declared(shop(**both, webhook_generation=1), store(forge_server.url))
    assert (await look()).generation == 0, "the lowest one counts"
    raised = [(SCOPE, 1), ("127.0.0.1/acme/store", 0)]
    assert await taken() == raised
    context.declarations = declared(shop(**both, webhook_generation=1), store(forge_server.url, webhook_generation=2))
    assert (await look()).generation == 1
    assert await taken() == [("127.0.0.1/acme", 0), (SCOPE, 1), ("127.0.0.1/acme/store", 2)], (
        "the older secret opens the door of the one hook alone"
    )


REGISTERED = shop("http://127.0.0.1", webhook_generation=2)


def hook(generation, former=None, minutes=0, fingerprint="f"):
    until = NOW + timedelta(minutes=minutes) if former is not None else None
    fields = {"fingerprint": fingerprint, "generation": generation, "former": former, "former_until": until}
    return HookRecord(repository="trueup/shop", forge="github", state=HookState.WORKING, checked=NOW, **fields)


@pytest.mark.parametrize(
    ("repository", "known", "taken"),
    [
        pytest.param(REGISTERED, None, (2,), id="never looked at"),
        pytest.param(REGISTERED, hook(2), (2,), id="the forge has it"),
        pytest.param(REGISTERED, hook(0, fingerprint=""), (2,), id="never given"),
        pytest.param(REGISTERED, hook(1), (2, 1), id="not looked at since it was raised"),
        pytest.param(REGISTERED, hook(1, 0, -1), (2, 1), id="raised again"),
        pytest.param(REGISTERED, hook(1, 1, 5), (2, 1), id="being given"),
        pytest.param(REGISTERED, hook(1, 1, -1), (2,), id="could not be given for too long"),
        pytest.param(REGISTERED, hook(2, 1, 5), (2, 1), id="given a moment ago"),
        pytest.param(REGISTERED, hook(2, 1, -1), (2,), id="given long ago"),
        pytest.param(shop("", webhook_generation=2, webhook_register=False), hook(1), (2,), id="by hand: revoked at once"),
    ],
)
def test_which_generations_are_taken(repository, known, taken):
    assert generations(repository, known, NOW) == taken


@pytest.mark.parametrize("scope", ["127.0.0.1/acme", ""], ids=["its own before", "one for many before"])
async def test_the_generations_of_a_hook_that_was_there_before_open_no_door(context, scope):
    context.declarations = declared(shop("http://127.0.0.1", webhook_scope=scope))
    before = hook(3).model_copy(update={"scope": "" if scope else "127.0.0.1/acme"})
    assert [(s.scope, s.generation) for s in context.scopes({"trueup/shop": before})] == [(SCOPE, 0)]
