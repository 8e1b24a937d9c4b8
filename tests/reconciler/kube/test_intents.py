"""Intent in the status of Applications: what others decide at the same moment is not lost, and nonsense decides nothing."""

import dataclasses

import pytest

from reconciler.declarations.resources import Resource
from reconciler.errors import ClusterUnavailable
from reconciler.kube.intents import TRIES, ResourceIntents, written
from reconciler.model.declared import Name
from reconciler.model.intent import Approval, HookRun, Intent, Pause

WEB = Name("team", "web")
PAUSE = Pause("anna", "moving", "2026-11-20T12:00:00Z")
APPROVAL = Approval("d1", "bert", "2026-11-20T12:00:00Z")
RUN = HookRun("i", "d", "c" * 40, "2026-11-20T12:00:00Z")


class Cluster:
    """One Application, of which the status is written by others as often as it is told to."""

    def __init__(self, status=None, *, meanwhile=(), is_gone=False):
        self.resource = None if is_gone else made({} if status is None else status)
        self.meanwhile, self.sent = list(meanwhile), []

    @property
    def known(self):
        return {self.resource.key: self.resource} if self.resource else {}

    def application(self, name):
        return self.known.get(("Application", name))

    async def write_intent(self, _, intent):
        self.sent.append(intent)
        if self.meanwhile:
            return False
        self.resource = made({"intent": intent})
        return True

    async def look_again(self, _):
        status = self.meanwhile.pop(0)
        self.resource = made(status) if status is not None else None
        return self.resource


def made(status):
    return Resource("Application", WEB, "u", "7", 3, (), "", status, None)


def paused(intent):
    return dataclasses.replace(intent, pause=PAUSE)


def status_of(**fields):
    return {"intent": written(Intent(**fields))}


@pytest.mark.parametrize(
    ("status", "found"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"sync": "succeeded"}, None, id="another part of the status"),
        pytest.param(status_of(pause=PAUSE, ran=(RUN,)), Intent(pause=PAUSE, ran=(RUN,)), id="as it was written"),
        pytest.param({"intent": {"pause": "for ever"}}, Intent(), id="nonsense decides nothing"),
    ],
)
def test_what_is_read(status, found):
    intents = ResourceIntents(Cluster(status))
    assert intents.has(WEB)
    assert intents.of(WEB) == found
    assert intents.all() == ({} if found is None else {WEB: found})


def test_an_application_that_is_none_here_has_none():
    intents = ResourceIntents(Cluster(is_gone=True))
    assert (intents.has(WEB), intents.of(WEB), intents.all()) == (False, None, {})


def test_what_was_not_decided_is_not_written():
    assert written(Intent()) == {}
    assert set(written(Intent(approval=APPROVAL))) == {"approval"}


CHANGES = {
    "there is none yet: what is known elsewhere counts": ({}, (), Intent(approval=APPROVAL, pause=PAUSE), 1),
    "there is one": (status_of(ran=(RUN,)), (), Intent(ran=(RUN,), pause=PAUSE), 1),
    "somebody decided meanwhile": ({}, [status_of(ran=(RUN,))], Intent(ran=(RUN,), pause=PAUSE), 2),
    "it went meanwhile": ({}, [None], Intent(), 1),
}


@pytest.mark.parametrize(("status", "meanwhile", "found", "requests"), CHANGES.values(), ids=CHANGES)
async def test_a_change_is_of_what_stands_there(status, meanwhile, found, requests):
    cluster = Cluster(status, meanwhile=meanwhile)
    assert await ResourceIntents(cluster).change(WEB, paused, Intent(approval=APPROVAL)) == found
    assert len(cluster.sent) == requests
    assert cluster.resource is None or ResourceIntents(cluster).of(WEB) == found


async def test_it_is_not_tried_for_ever():
    cluster = Cluster(meanwhile=[{}] * (TRIES + 1))
    with pytest.raises(ClusterUnavailable, match="team/web changes faster"):
        await ResourceIntents(cluster).change(WEB, paused, Intent())
    assert len(cluster.sent) == TRIES
