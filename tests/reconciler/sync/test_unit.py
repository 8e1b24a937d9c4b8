"""The milestones of applications that are synced together."""

import asyncio
from dataclasses import replace

import pytest

from reconciler.errors import NotAllowed, Waiting
from reconciler.model.declared import Allowance, Application, Destination, Name
from reconciler.model.outcome import Revision, SyncReport, SyncState
from reconciler.sync.unit import Unit

REVISION = Revision("", "a" * 40)


def name(text):
    return Name("shop", text)


def application(text, *depends):
    return Application(name(text), (), Destination("in-cluster", "shop"), depends_on=tuple(map(name, depends)))


def ended(text, state, message):
    return SyncReport(name(text), REVISION, state, message)


class Around:
    """What lies outside of a unit, as a test says."""

    def __init__(self, lack=""):
        self.lack = lack
        self.asked = []
        self.applied = asyncio.Event()

    async def lacks(self, of):
        self.asked.append(str(of))
        return self.lack

    async def others_applied(self, _):
        await self.applied.wait()


async def test_a_dependency_in_the_unit_is_waited_for():
    web, db = application("web", "db"), application("db")
    unit = Unit([web, db], was_told=True)
    waits = asyncio.create_task(unit.dependencies(web))
    await unit.dependencies(db)
    await asyncio.sleep(0)
    assert not waits.done()
    unit.settle(name("db"))
    await waits


@pytest.mark.parametrize(
    ("state", "message", "told"),
    [
        pytest.param(SyncState.FAILED, "no image", "waits for shop/db, which is failed: no image", id="failed"),
        pytest.param(SyncState.WAITING, "waits for x", "waits for shop/db, which is waiting: waits for x", id="waits itself"),
    ],
)
async def test_one_that_will_not_be_healthy_stops_those_that_depend_on_it_and_says_why(state, message, told):
    web = application("web", "db")
    unit = Unit([web, application("db")], was_told=True)
    unit.settle(name("db"), ended("db", state, message))
    with pytest.raises(Waiting) as caught:
        await unit.dependencies(web)
    assert str(caught.value) == told
    assert caught.value.awaited.applications == {name("db")}


async def test_one_of_a_namespace_that_may_not_be_touched_is_not_waited_for_and_not_told_of():
    db = Name("other", "db")
    web = replace(application("web"), depends_on=(db,), allowance=Allowance(namespaces=("shop",)))
    around = Around("which failed: a secret of theirs")
    with pytest.raises(NotAllowed, match="there is no Application other/db that shop may wait for"):
        await Unit([web], around, was_told=True).dependencies(web)
    assert around.asked == []


async def test_what_was_healthy_stays_so_whatever_comes_after():
    unit = Unit([application("web", "db"), application("db")], was_told=True)
    unit.settle(name("db"))
    unit.settle(name("db"), ended("db", SyncState.FAILED, "a deletion was refused"))
    await unit.dependencies(application("web", "db"))


async def test_one_outside_of_the_unit_must_be_healthy_already():
    around = Around("which was not synced yet")
    unit = Unit([application("web", "db")], around, was_told=True)
    with pytest.raises(Waiting, match="waits for shop/db, which was not synced yet"):
        await unit.dependencies(application("web", "db"))
    around.lack = ""
    await unit.dependencies(application("web", "db"))
    assert around.asked == ["shop/db"] * 2


async def test_where_nobody_can_say_what_is_outside_it_is_not_waited_for():
    await Unit([application("web", "db")], was_told=True).dependencies(application("web", "db"))


async def test_nothing_is_deleted_before_all_have_applied_here_and_elsewhere():
    around = Around()
    unit = Unit([application("web"), application("db")], around, was_told=True)
    waits = asyncio.create_task(unit.all_applied(asyncio.Event(), has_deletions=True))
    for step in (lambda: unit.applied(name("web")), lambda: unit.applied(name("db")), around.applied.set):
        await asyncio.sleep(0.01)
        assert not waits.done()
        step()
    await waits


async def test_who_deletes_nothing_does_not_wait_for_what_is_elsewhere():
    unit = Unit([application("web")], Around(), was_told=True)
    unit.applied(name("web"))
    await unit.all_applied(asyncio.Event(), has_deletions=False)


def test_deletions_are_counted_together():
    unit = Unit([application("web"), application("db")], was_told=True)
    unit.plans_deletions(3)
    unit.plans_deletions(4)
    assert (unit.deletions_beside(3), unit.deletions_beside(4)) == (4, 3)
