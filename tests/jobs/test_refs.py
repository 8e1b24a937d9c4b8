"""Which refs applications mean: what a poll does when the tags of a range come and go, and whom a tag's push is for."""

from types import SimpleNamespace

import pytest

from jobs.records import JobKind
from jobs.refs import followers_now, is_left
from jobs.store.heads import HeadStore
from jobs.store.jobs import JobStore
from jobs.tasks import poll
from reconciler.model.declared import Declarations
from reconciler.model.rendering import RenderOptions
from tests.servers.forges import on_forge

SHOP = "trueup/shop"
REPOSITORY = on_forge("http://forge")
V1, V2, V3 = "refs/tags/v1.0.0", "refs/tags/v1.1.0", "refs/tags/v2.0.0"
A, B, C = "a" * 40, "b" * 40, "c" * 40


def application(*revisions):
    sources = tuple(SimpleNamespace(repository=REPOSITORY.name, revision=r, render=None) for r in revisions)
    return SimpleNamespace(sources=sources, render=RenderOptions())


class World:
    def __init__(self, redis, keys):
        self.remote, self.made = {}, []
        self.heads, self.jobs = HeadStore(redis, keys), JobStore(redis, keys, retention_seconds=60)
        self.mirrors = SimpleNamespace(of=lambda _: SimpleNamespace(heads=self.list))
        self.declarations = Declarations(applications={"trueup/web": application("semver:^1")})

    async def list(self, _):
        return dict(self.remote)

    async def enqueue(self, record):
        self.made.append((record.ref, record.commit))

    def record(self, kind, _, *, ref, commit, **_more):
        return SimpleNamespace(kind=kind, ref=ref, commit=commit)

    async def poll(self):
        """Look, and do what is to be done; the jobs that were made for it."""
        self.made.clear()
        await poll(self, REPOSITORY, kind=JobKind.POLL)
        for ref, commit in self.made:
            await self.heads.observe(SHOP, ref, commit, await self.heads.begin_observation())
            await self.heads.advance(SHOP, ref, old=await self.heads.checked(SHOP, ref), new=commit, dirty=())
        return list(self.made)


@pytest.fixture
def world(redis, keys):
    return World(redis, keys)


async def test_the_highest_tag_of_a_range_is_followed_as_tags_come_and_go(world):
    world.remote = {V1: A, V3: C}
    assert await world.poll() == [(V1, A)]
    assert await world.poll() == []
    world.remote = {V1: A, V2: B, V3: C}
    assert await world.poll() == [(V2, B)]
    await world.heads.clean(SHOP, V2, B, ["trueup/web"])
    assert await world.poll() == []


async def test_a_tag_that_is_deleted_gives_way_to_the_next_highest(world):
    world.remote = {V1: A}
    await world.poll()
    world.remote = {V1: A, V2: B}
    await world.poll()
    world.remote = {V1: A, V3: C}
    assert await world.poll() == [(V1, A)]
    assert await world.heads.is_dirty(SHOP, V1, "trueup/web")
    assert V2 not in await world.heads.heads(SHOP)
    assert await world.heads.checked(SHOP, V2) == ""
    await world.heads.clean(SHOP, V1, A, ["trueup/web"])
    assert await world.poll() == []


async def test_a_range_without_a_tag_means_what_it_did(world):
    world.remote = {V1: A}
    await world.poll()
    world.remote = {V3: C}
    assert await world.poll() == []
    assert await world.heads.heads(SHOP) == {V1: A}


async def test_a_tag_that_is_seen_again_meanwhile_is_not_forgotten(world):
    before = await world.heads.begin_observation()
    await world.heads.observe(SHOP, V1, A, await world.heads.begin_observation())
    await world.heads.forget(SHOP, V1, before)
    assert await world.heads.head(SHOP, V1) == A


@pytest.mark.parametrize(
    ("revision", "ref", "is_meant"),
    [
        ("semver:^1", V2, True),
        ("semver:^1", V1, False),
        ("semver:^1", V3, False),
        ("semver:*", V3, True),
        ("v1.0.0", V1, True),
        ("main", "refs/tags/main", False),
        ("main", "refs/heads/main", True),
        ("refs/tags/main", "refs/tags/main", True),
        ("lonely", "refs/tags/lonely", True),
    ],
)
async def test_whom_a_ref_is_for(world, revision, ref, is_meant):
    world.declarations = Declarations(applications={"trueup/web": application(revision)})
    world.remote = {V1: A, V2: B, V3: C, "refs/heads/main": A, "refs/tags/main": B, "refs/tags/lonely": C}
    assert bool(await followers_now(world, REPOSITORY, ref)) == is_meant


@pytest.mark.parametrize(
    ("revisions", "old", "new", "expected"),
    [
        (("semver:^1",), V1, V2, True),
        (("semver:^1",), V1, V3, False),
        (("semver:^1", "v1.0.0"), V1, V2, False),
        (("semver:^1", "semver:1.0.x"), V1, V2, False),
        (("main",), "refs/heads/main", V2, False),
        (("main",), V1, V2, False),
    ],
)
def test_when_a_higher_tag_overtakes_the_work_for_another(world, revisions, old, new, expected):
    world.declarations = Declarations(applications={"trueup/web": application(*revisions)})
    assert is_left(world, REPOSITORY, old, new) is expected
