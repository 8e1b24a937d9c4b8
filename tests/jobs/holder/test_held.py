"""What the tasks of a holder share: the newest declarations, and the commits that are known."""

import asyncio
from dataclasses import replace

import pytest

from jobs.holder.held import Background
from reconciler.model.declared import Name
from tests.servers.held import MAIN, SHOP

COMMIT = "a" * 40
OTHER = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("revision", "heads", "found"),
    [
        pytest.param("main", {MAIN: COMMIT}, (MAIN, COMMIT), id="a branch"),
        pytest.param("v1", {"refs/tags/v1": COMMIT}, ("refs/tags/v1", COMMIT), id="a tag"),
        pytest.param(
            "v1", {"refs/tags/v1": OTHER, "refs/heads/v1": COMMIT}, ("refs/heads/v1", COMMIT), id="a branch before a tag"
        ),
        pytest.param(
            "refs/tags/v1", {"refs/tags/v1": COMMIT, "refs/heads/v1": OTHER}, ("refs/tags/v1", COMMIT), id="a full name"
        ),
        pytest.param(COMMIT, {}, ("", COMMIT), id="a commit, seen or not"),
        pytest.param("b" * 64, {}, ("", "b" * 64), id="a commit in SHA-256"),
        pytest.param(
            "g" * 40, {f"refs/heads/{'g' * 40}": COMMIT}, (f"refs/heads/{'g' * 40}", COMMIT), id="a branch as long as a hash"
        ),
        pytest.param("main", {}, None, id="never seen"),
        pytest.param("mai", {MAIN: COMMIT}, None, id="half a name"),
    ],
)
async def test_an_application_is_at_the_commit_that_its_ref_was_seen_at(world, revision, heads, found):
    for ref, commit in heads.items():
        await world.context.heads.observe(SHOP, ref, commit, await world.context.heads.begin_observation())
    application = world.context.declarations.applications[Name("trueup", "web")]
    source = replace(application.sources[0], revision=revision)
    targets, waiting = await world.held.targets([replace(application, sources=(source,))])
    if found is None:
        assert (targets, len(waiting)) == ([], 1)
        assert "as far as is known" in str(waiting[0])
    else:
        assert [(t.revision.ref, t.revision.commit) for t in targets] == [found]


def test_only_applications_of_this_cluster_are_taken(world):
    world.declare({"web": ""}, destination=", cluster: elsewhere")
    assert world.held.refresh() == {}
    world.held.names.add("elsewhere")
    assert set(world.held.refresh()) == {Name("trueup", "web")}
    assert world.held.name == "elsewhere"


def test_the_newest_declarations_are_taken_into_force(world):
    before = world.held.environment.workshop
    assert world.held.refresh() is world.held.environment.applications
    assert world.held.environment.workshop is before, "nothing changed"
    world.declare({"web": "", "late": ""})
    assert Name("trueup", "late") in world.held.environment.applications
    assert world.held.environment.workshop is not before


async def test_what_runs_in_the_background_ends_with_its_holder():
    background, ended = Background(), []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    for _ in range(3):
        background.start(work())
    await asyncio.sleep(0)
    await background.close()
    assert ended == ["ended"] * 3
    assert not background._tasks
