"""Which repository each Repository is: what is learned from a delivery, what receivers are told, and what people are."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from jobs import metrics
from jobs.identities import keep_identities, mends_of, recognise, recognised, troubles
from jobs.records import DeliveryRecord, JobKind
from jobs.store.identities import IdentityRecord, IdentityStore
from reconciler.model.declared import Forge, Name, Repository
from tests.servers.held import MAIN, SHOP

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SCOPE, STORE = "git.example/acme/shop", "git.example/acme/store"
REPOSITORY = Repository(Name("trueup", "shop"), f"https://{SCOPE}", SCOPE, Forge.GITHUB, "")
KNOWN = IdentityRecord(repository=SHOP, forge="github", scope=SCOPE, id="1")
RENAMED = KNOWN.model_copy(update={"renamed": STORE})
REPLACED = KNOWN.model_copy(update={"id": "2", "replaced": "1", "replaced_at": NOW})


def delivery(repository_id="1", renamed=""):
    return DeliveryRecord(provider="github", id="d", event="push", key=0, repository_id=repository_id, renamed=renamed)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        pytest.param(None, delivery(), KNOWN, id="the first one"),
        pytest.param(None, delivery(""), None, id="a forge that tells no id"),
        pytest.param(None, delivery(renamed=STORE), None, id="an id that nobody has learned"),
        pytest.param(KNOWN, delivery(), KNOWN, id="the same again"),
        pytest.param(KNOWN, delivery(""), KNOWN, id="no id any more"),
        pytest.param(KNOWN, delivery(renamed=STORE), RENAMED, id="renamed"),
        pytest.param(RENAMED, delivery(), KNOWN, id="named as before"),
        pytest.param(KNOWN, delivery("2"), REPLACED, id="another took its name"),
        pytest.param(RENAMED, delivery("2"), REPLACED, id="another took the name that it left"),
        pytest.param(REPLACED, delivery("2"), REPLACED, id="the other one again"),
        pytest.param(REPLACED, delivery(renamed=STORE), REPLACED, id="the one before, at another address"),
        pytest.param(
            RENAMED.model_copy(update={"scope": STORE}), delivery("3"), KNOWN.model_copy(update={"id": "3"}),
            id="what was known of another address",
        ),
        pytest.param(KNOWN.model_copy(update={"forge": "gitea"}), delivery(), KNOWN, id="what was known at another forge"),
    ],
)  # fmt: skip
def test_what_is_known_after_a_delivery(before, told, after):
    assert recognised(before, REPOSITORY, told, NOW) == after


async def learn(world, **told):
    """A job of a delivery, recognised; what is said of its repository."""
    return await recognise(world.context, world.context.record(JobKind.PUSH, SHOP, ref=MAIN, delivery=delivery(**told)))


async def test_what_is_learned_is_published_and_told_and_forgotten(world):
    context = world.context
    store = IdentityStore(context.redis, context.keys)
    assert await learn(world) == ""
    await keep_identities(context)
    assert [(s.repository, s.repository_id) for s in await context.applications.scopes()] == [(SHOP, "1")]
    assert troubles(context) == ""
    with capture_logs() as lines:
        mend = await learn(world, renamed=STORE)
        assert await learn(world, renamed=STORE) == mend
    assert [(line["event"], line["note"]) for line in lines] == [("repository.moved", mend)], "said once in the log"
    await keep_identities(context)
    assert STORE in mend
    assert (troubles(context), metrics.MOVED.collect()[0].samples[0].value) == (mend, 1)
    known = context.declarations
    (repository,) = known.repositories.values()
    context.declarations = replace(known, repositories={repository.name: replace(repository, scope=STORE)})
    assert (troubles(context), context.scopes({})[0].repository_id) == ("", ""), "its address was written in spec.url"
    context.declarations = replace(known, repositories={}, is_complete=False)
    await keep_identities(context)
    assert await store.all(), "while not everything was read, nobody is gone"
    context.declarations = replace(known, repositories={})
    await keep_identities(context)
    assert await store.all() == {}


@pytest.mark.parametrize("fields", [{"delivery": None}, {"delivery": delivery("")}, {"repository": "trueup/gone"}], ids=str)
async def test_who_says_nothing_teaches_nothing(world, fields):
    told = {"repository": SHOP, "delivery": delivery()} | fields
    job = world.context.record(JobKind.PUSH, told.pop("repository"), ref=MAIN, **told)
    assert await recognise(world.context, job) == ""
    assert await IdentityStore(world.context.redis, world.context.keys).all() == {}


def test_of_many_some_are_named(world):
    (repository,) = world.context.declarations.repositories.values()
    many = [replace(repository, name=Name("trueup", f"r{n}"), scope=SCOPE) for n in range(7)]
    world.context.declarations = replace(world.context.declarations, repositories={r.name: r for r in many})
    world.context.identities = {str(r.name): RENAMED.model_copy(update={"repository": str(r.name)}) for r in many}
    assert len(mends_of(world.context, NOW)) == 7
    assert troubles(world.context).endswith(" (and 2 more)")
