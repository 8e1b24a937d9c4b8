"""When an Application that is deleted is let go without its objects, and what is told of what no sync tells of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.holder import keeper
from jobs.holder.keeper import UNREACHED_SECONDS, Keeper
from reconciler.declarations.resources import FINALIZER, Resource
from reconciler.model.declared import Application, Destination, Name
from reconciler.model.policy import DeletionPolicy, SyncPolicy

WEB = Application(
    Name("trueup", "gone"), (), Destination("away", ""), sync=SyncPolicy(deletion=DeletionPolicy.PRUNE), generation=3
)
LEFT = replace(WEB, sync=SyncPolicy(deletion=DeletionPolicy.ORPHAN))
DEADLINE = 600.0


class Cluster:
    """What the keeper writes, and whether the kind itself goes."""

    def __init__(self, *, is_definition_leaving=False):
        self.known, self.finalizers, self.statuses = {}, [], []
        self._leaving = is_definition_leaving

    async def set_finalizer(self, _, *, is_wanted):
        self.finalizers.append(is_wanted)
        return True

    async def write_status(self, _, status):
        self.statuses.append(status)
        return True

    async def is_definition_leaving(self):
        return self._leaving


@pytest.fixture
def keep(world):
    """Have a keeper look at one resource of a cluster; the cluster afterwards."""

    async def keep(resource, *, declared=None, refused=(), **more):
        cluster = Cluster(**more)
        world.context.settings = world.context.settings.model_copy(update={"deletion_deadline": DEADLINE})
        world.context.resources = cluster
        if declared is not None:
            known = world.context.declarations
            world.context.declarations = replace(known, applications={**known.applications, declared.name: declared})
        world.context.refused = {resource.key: refused} if refused else {}
        await Keeper(world.held)._look_at(resource)
        return cluster

    return keep


def resource(value=WEB, *, age=None, finalizers=(FINALIZER,)):
    deleted_at = "" if age is None else (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Resource("Application", WEB.name, "u", "7", 3, finalizers, deleted_at, {}, value)


LET_GO = {
    "its objects are being deleted": (WEB, 1, {}, False),
    "within its deadline": (WEB, DEADLINE - 60, {}, False),
    "its deadline is over": (WEB, DEADLINE + 1, {}, True),
    "its policy leaves its objects by now": (LEFT, 1, {}, True),
    "it cannot be understood": (None, 1, {}, True),
    "the kind itself goes": (WEB, 1, {"is_definition_leaving": True}, True),
    "a file declares it": (WEB, 1, {"declared": replace(WEB, generation=0)}, True),
    "it is declared as it was": (WEB, 1, {"declared": WEB}, False),
}


@pytest.mark.parametrize(("value", "age", "facts", "is_let_go"), LET_GO.values(), ids=LET_GO)
async def test_when_one_that_is_deleted_is_let_go(keep, value, age, facts, is_let_go):
    assert (await keep(resource(value, age=age), **facts)).finalizers == ([False] if is_let_go else [])


async def test_a_finalizer_of_somebody_else_is_not_ours_to_take_off(keep):
    found = await keep(resource(age=DEADLINE + 1, finalizers=("x.example/y",)))
    assert (found.finalizers, found.statuses) == ([], [])


@pytest.mark.parametrize(
    ("age", "is_told"),
    [
        pytest.param(UNREACHED_SECONDS - 10, False, id="its holder may say something yet"),
        pytest.param(UNREACHED_SECONDS + 1, True, id="nobody has"),
    ],
)
async def test_what_nobody_reaches_is_told_after_a_while(keep, age, is_told):
    found = await keep(resource(age=age))
    messages = [condition["message"] for status in found.statuses for condition in status["conditions"]]
    assert [message.startswith("no worker has reached the cluster away") for message in messages] == [True] * is_told


@pytest.mark.parametrize(("value", "is_wanted"), [pytest.param(WEB, True, id="prune"), pytest.param(LEFT, False, id="orphan")])
async def test_a_finalizer_is_there_where_the_policy_deletes(keep, value, is_wanted):
    assert (await keep(resource(value))).finalizers == [is_wanted]


@pytest.mark.parametrize(
    ("patience", "is_told"), [pytest.param(60.0, False, id="just now"), pytest.param(0.0, True, id="for a while")]
)
async def test_what_is_refused_is_told_when_it_stays_so(keep, world, monkeypatch, patience, is_told):
    monkeypatch.setattr(keeper, "PATIENCE_SECONDS", patience)
    found = await keep(resource(), refused=("spec.sources: why",))
    assert len(found.statuses) == is_told
    record = await world.context.applications.get(str(WEB.name))
    assert (record.message if record else None) == ("spec.sources: why" if is_told else None)
    assert found.finalizers == [], "what is not in force is left as it is"
