"""What is declared for a held cluster: rendered when it is taken, synced when it is declared anew or otherwise, left when it is gone."""

import asyncio

import pytest
import structlog

from jobs.holder.declared import Declared
from jobs.records import JobKind
from reconciler.model.declared import Name
from tests.servers.held import MAIN, SHOP
from tests.servers.patience import until
from tests.servers.system import config_map

FILES = {"web/a.yaml": config_map("a"), "api/c.yaml": config_map("c")}


async def declared_jobs(world):
    return [job for job in await world.jobs() if job.kind is JobKind.DECLARED]


@pytest.fixture
async def following(world):
    """What is declared is followed; change the declarations, and tell."""
    declared = Declared(world.held)
    await declared.resume()
    task = asyncio.create_task(declared.follow_forever())
    await until(lambda: world.context.changes)

    def change(applications, **more):
        known = dict(world.held.environment.applications)
        world.declare(applications, **more)
        world.held.environment.applications = known  # as the holder knew it before it was told
        world.held._declared = None
        for changed in world.context.changes:
            changed.set()

    yield change
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_as_it_should_be_is_rendered_and_left_alone(world):
    commit = await world.commit(FILES)
    await world.sync("web", "api", commit=commit)
    world.held.environment.desired.forget(Name("trueup", "web"))
    await Declared(world.held).resume()
    assert Name("trueup", "web") in world.held.environment.desired
    assert await declared_jobs(world) == []


async def test_what_is_out_of_date_gets_one_job_for_its_ref(world):
    commit = await world.commit(FILES)
    await Declared(world.held).resume()
    (job,) = await declared_jobs(world)
    assert (job.repository, job.ref, job.commit) == (SHOP, MAIN, commit)
    assert await world.context.heads.dirty(SHOP, MAIN) == {"trueup/web", "trueup/api"}


async def test_what_cannot_be_rendered_gets_no_job_by_itself(world):
    await world.commit({"web/a.yaml": "kind: ConfigMap\n", "api/c.yaml": config_map("c")})
    await Declared(world.held).resume()
    assert await world.context.heads.dirty(SHOP, MAIN) == {"trueup/api"}


async def test_without_a_known_head_the_poll_makes_the_job(world):
    await world.commit(FILES, is_observed=False)
    await Declared(world.held).resume()
    assert await declared_jobs(world) == []


async def test_what_is_declared_later_is_synced(world, following):
    commit = await world.commit({**FILES, "late/d.yaml": config_map("d")})
    following({"web": "", "api": "", "late": ""})
    await until(lambda: declared_jobs(world))
    assert {job.commit for job in await declared_jobs(world)} == {commit}
    assert await world.context.heads.dirty(SHOP, MAIN) == {"trueup/late"}


@pytest.mark.parametrize("policy", [", prune: false", ", drift: report"])
async def test_what_is_declared_otherwise_is_synced(world, following, policy):
    await world.commit(FILES)
    following({"web": policy, "api": ""})
    await until(lambda: declared_jobs(world))
    assert await world.context.heads.dirty(SHOP, MAIN) == {"trueup/web"}


async def test_what_is_declared_the_same_is_left_alone(world, following):
    await world.commit(FILES)
    following({"web": "", "api": ""})
    await asyncio.sleep(0.2)
    assert await declared_jobs(world) == []


async def test_what_is_gone_is_forgotten_and_its_objects_are_left(world, following):
    await world.sync("web", "api", commit=await world.commit(FILES))
    with structlog.testing.capture_logs() as lines:
        following({"api": ""})
        await until(lambda: Name("trueup", "web") not in world.held.environment.desired)
        await until(lambda: [line for line in lines if line["event"] == "application.gone"])
    (line,) = [line for line in lines if line["event"] == "application.gone"]
    assert (line["application"], line["objects"]) == ("trueup/web", 1)
    assert await world.value("a") == "1"
