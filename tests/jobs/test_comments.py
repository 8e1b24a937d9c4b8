"""The comment of a pull request: one, whatever the forge, the workers and Redis do, and it shows the newest plan."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from jobs import comments as room
from jobs import errands
from jobs.comments import TRIES, Comments, is_worth_telling
from jobs.forges.clients import conversations
from jobs.forges.tokens import Tokens
from jobs.lease import Heartbeat
from jobs.limits import Limits
from jobs.records import JobKind, JobState, PullRecord, StepRecord
from jobs.store.jobs import JobStore
from reconciler.errors import ForgeUnavailable
from reconciler.model.declared import Forge, Name, PullRequestPolicy, SecretRef
from reconciler.model.outcome import Action
from tests.servers.forges import TOKEN, declared, on_forge
from tests.servers.git_http import GivenSecrets
from tests.servers.patience import until
from tests.servers.records import job_record, sync_record
from trueup.sandbox.forge_pulls import StoredPull

REPOSITORY = "acme/shop"
STEP = StepRecord(action=Action.UPDATE, object="x", identity="x", reason="x")


class NeverAnswers:
    """A forge that goes on listing its comments."""

    asked = 0

    async def find_comment(self, *_):
        self.asked += 1
        await asyncio.Event().wait()


@pytest.fixture
def shop(forge_server):
    forge_server.pulls.open(REPOSITORY, StoredPull(7, "a" * 40, "topic"))
    return replace(on_forge(forge_server.url), pulls=PullRequestPolicy(secret=SecretRef("trueup", "forge")))


@pytest.fixture
def store(redis, keys):
    return JobStore(redis, keys, retention_seconds=60)


@pytest.fixture
async def make(redis, keys, session, store):
    await asyncio.gather(*(Heartbeat(redis, keys, f"w{number}").beat() for number in range(10)))
    numbers = itertools.count()
    tokens = Tokens(GivenSecrets(forge={"token": TOKEN.encode()}), ())
    return lambda: Comments(redis, keys, f"w{next(numbers)}", store, conversations(session), tokens, b"k" * 32)


@pytest.fixture
def comments(make):
    return make()


@pytest.fixture
def drain(shop):
    return lambda comments: comments.drain(declared(shop), "trueup", lambda job: f"https://t/{job.id}")


@pytest.fixture
def written(forge_server):
    return lambda: forge_server.pulls.comments(REPOSITORY, 7)


@pytest.fixture
def planned(store):
    minutes = itertools.count()

    async def make(message="one", state=JobState.SUCCEEDED):
        syncs = (sync_record(steps=(STEP,), notices=(message,)),)
        pull = PullRecord(number=7, base="refs/heads/main")
        record = job_record(next(minutes), kind=JobKind.PLAN, pull=pull)
        await store.create(record)
        await store.put_syncs(record.id, syncs)
        if state is not JobState.QUEUED:
            await store.transition(record.id, state, message)
        return record.id

    return make


async def test_one_comment_shows_the_newest_plan(comments, shop, planned, drain, written):
    for message in ("one", "two", "two"):
        await comments.want(shop, 7, await planned(message))
        assert await drain(comments) is None
    assert [("note: two" in c.body, "note: one" in c.body) for c in written()] == [(True, False)]


async def test_a_plan_that_is_under_way_is_waited_for(comments, shop, planned, drain, written, store):  # noqa: PLR0917
    job = await planned(state=JobState.QUEUED)
    await comments.want(shop, 7, job)
    assert 0 < await drain(comments) <= 1.0
    assert not written()
    await store.transition(job, JobState.SUCCEEDED, "")
    await comments.want(shop, 7, job)
    await drain(comments)
    assert len(written()) == 1


async def test_many_workers_write_one(make, shop, planned, drain, written):
    workers = [make() for _ in range(8)]
    await workers[0].want(shop, 7, await planned())
    await asyncio.gather(*(drain(worker) for worker in workers))
    assert len(written()) == 1


async def test_what_a_dead_worker_was_writing_is_taken_over_at_once(  # noqa: PLR0917
    comments, shop, planned, drain, written, redis, keys
):
    await redis.set(keys.commenting("trueup/shop", 7), "dead", ex=1000)
    await comments.want(shop, 7, await planned())
    await drain(comments)
    assert len(written()) == 1


async def test_what_a_living_worker_is_writing_is_left_to_it(  # noqa: PLR0917
    comments, shop, planned, drain, written, redis, keys
):
    await redis.set(keys.commenting("trueup/shop", 7), "alive", ex=1000)
    await redis.set(keys.worker("alive"), "1")
    await comments.want(shop, 7, await planned())
    await drain(comments)
    assert not written()


async def test_after_redis_was_lost_it_is_found_again(comments, shop, planned, drain, written, redis):  # noqa: PLR0917
    await comments.want(shop, 7, await planned("one"))
    await drain(comments)
    await redis.flushdb()
    await comments.want(shop, 7, await planned("two"))
    await drain(comments)
    assert [c.edits for c in written()] == [1]


async def test_at_bitbucket_it_is_found_again_by_what_nobody_sees_there(comments, planned, forge_server, redis):
    shop = replace(
        on_forge(f"{forge_server.url}/2.0", Forge.BITBUCKET), pulls=PullRequestPolicy(secret=SecretRef("trueup", "forge"))
    )
    forge_server.pulls.open(REPOSITORY, StoredPull(7, "a" * 40, "topic"))
    for message in ("one", "two"):
        await comments.want(shop, 7, await planned(message))
        await comments.drain(declared(shop), "trueup", lambda job: f"https://t/{job.id}")
        await redis.flushdb()
    (comment,) = forge_server.pulls.comments(REPOSITORY, 7)
    assert (comment.edits, "note: two" in comment.body, "<" in comment.body) == (1, True, False)
    assert comment.body.startswith("[trueup plan of trueup ")


async def test_one_that_a_person_deleted_is_written_anew(comments, shop, planned, drain, written):
    await comments.want(shop, 7, await planned("one"))
    await drain(comments)
    written().clear()
    await comments.want(shop, 7, await planned("two"))
    await drain(comments)
    assert len(written()) == 1


async def test_a_mark_that_is_planted_first_is_not_ours(comments, shop, planned, drain, written, forge_server):  # noqa: PLR0917
    forge_server.pulls.may_edit_others = True  # GitHub lets who maintains a repository do so
    planted = forge_server.pulls.say(REPOSITORY, 7, "mallory", "<!-- trueup plan of trueup -->")
    other = forge_server.pulls.open(REPOSITORY, StoredPull(8, "a" * 40, "topic"))
    await comments.want(shop, 8, await planned())
    await drain(comments)
    copied = forge_server.pulls.say(REPOSITORY, 7, "mallory", other.comments[0].body)  # of another pull request
    await comments.want(shop, 7, await planned())
    await drain(comments)
    assert (planted.edits, copied.edits) == (0, 0)
    assert len(written()) == 3


async def test_a_planted_mark_is_left_alone(comments, shop, planned, drain, written, forge_server):  # noqa: PLR0917
    planted = forge_server.pulls.say(REPOSITORY, 7, "mallory", "<!-- trueup plan of trueup -->")
    await comments.want(shop, 7, await planned())
    await drain(comments)
    assert planted.body == "<!-- trueup plan of trueup -->"
    assert len(written()) == 2


@pytest.mark.parametrize(("status", "headers"), [(502, {}), (429, {"Retry-After": "30"}), (403, {"Retry-After": "5"})])
async def test_it_is_tried_again_when_the_forge_asks_for_patience(  # noqa: PLR0917
    comments, shop, planned, drain, written, forge_server, redis, keys, status, headers
):
    forge_server.failures = [(status, headers)]
    await comments.want(shop, 7, await planned())
    seconds = await drain(comments)
    assert seconds > float(headers.get("Retry-After", 0.5)) - 2
    asked = len(forge_server.requests)
    await drain(comments)
    assert len(forge_server.requests) == asked, "nothing is asked of a forge that wants to be left alone"
    await redis.delete(keys.limited(shop.api, "trueup/forge"))
    await redis.zadd(keys.comments, {"trueup/shop|7": 0})
    await drain(comments)
    assert len(written()) == 1


async def test_it_is_given_up_before_another_worker_may_take_it_over(  # noqa: PLR0917
    make, shop, planned, drain, written, redis, keys, monkeypatch
):
    monkeypatch.setattr(room, "TOGETHER_SECONDS", 0.1)
    slow, quick = make(), make()
    slow.conversations = {Forge.GITHUB: (answers := NeverAnswers())}
    await slow.want(shop, 7, await planned())
    await drain(slow)
    assert answers.asked == 1
    await redis.zadd(keys.comments, {"trueup/shop|7": 0})
    await drain(quick)
    assert len(written()) == 1


async def test_a_forge_that_hangs_holds_up_no_other(comments, shop, planned, written, monkeypatch):
    monkeypatch.setattr(errands, "PATIENCE_SECONDS", 0.1)
    slow, hanging = replace(shop, name=Name("trueup", "slow"), forge=Forge.GITEA), NeverAnswers()
    comments.conversations = {**comments.conversations, Forge.GITEA: hanging}

    async def drained():
        await comments.drain(declared(slow, shop), "trueup", lambda _: "")
        return written()

    await comments.want(slow, 7, await planned())
    await until(lambda: drained() if not hanging.asked else True)
    await comments.want(shop, 7, await planned())
    await until(drained)
    assert hanging.asked == 1, "it is under way all the time"
    await comments.close()


async def test_what_a_status_was_told_counts_for_comments(comments, shop, planned, drain, written, forge_server, redis, keys):  # noqa: PLR0917
    await Limits(redis, keys).heed(shop, shop.status.secret, ForgeUnavailable("slow down", retry_seconds=60))
    await comments.want(shop, 7, await planned())
    assert 55 < await drain(comments) <= 60
    assert forge_server.requests == []
    await redis.delete(keys.limited(shop.api, "trueup/forge"))
    await redis.zadd(keys.comments, {"trueup/shop|7": 0})
    await drain(comments)
    assert len(written()) == 1


@pytest.mark.parametrize("how", ["refused", "tried too often", "the plan is gone", "the repository is gone"])
async def test_it_is_given_up(comments, shop, planned, drain, written, forge_server, redis, keys, how):  # noqa: PLR0917
    forge_server.pulls.may_comment = how != "refused"
    await comments.want(shop, 7, "gone" if how == "the plan is gone" else await planned())
    if how == "tried too often":
        await redis.hset(keys.comment("trueup/shop", 7), "attempts", TRIES)
        forge_server.failures = [(502, {})]
    if how == "the repository is gone":
        assert await comments.drain(declared(), "trueup", str) is None
    assert await drain(comments) is None
    assert not written()


@pytest.mark.parametrize(
    ("job", "is_known", "is_told"),
    [
        (job_record(state=JobState.SUCCEEDED, syncs=(sync_record(),)), False, True),
        (job_record(state=JobState.SUCCEEDED), False, False),
        (job_record(state=JobState.SUCCEEDED), True, True),
        (job_record(state=JobState.FAILED), False, True),
        (job_record(state=JobState.SUPERSEDED, syncs=(sync_record(),)), True, False),
        (job_record(state=JobState.IGNORED), True, False),
    ],
    ids=["a plan", "nothing, and no comment", "nothing any more", "a failure", "overtaken", "ignored"],
)
def test_what_is_worth_a_comment(job, is_known, is_told):
    assert is_worth_telling(job, is_known=is_known) is is_told


def test_without_a_token_or_a_forge_that_knows_comments_nothing_is_said(comments, shop, forge_server):
    assert comments.may_speak(shop)
    assert not comments.may_speak(on_forge(forge_server.url))
    assert not comments.may_speak(on_forge(forge_server.url, Forge.GENERIC))
    assert "spec.pullRequests.secretRef" in comments.why_silent(on_forge(forge_server.url))
    assert comments.why_silent(on_forge(forge_server.url, Forge.GENERIC)).startswith("Trueup writes beneath pull requests of")
