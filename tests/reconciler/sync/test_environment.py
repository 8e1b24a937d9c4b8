"""Which writer an application has. What is refused is refused before any request, so that no cluster is needed for it."""

from types import SimpleNamespace

import pytest

from reconciler.errors import NotAllowed
from reconciler.kube.apply import Writer
from reconciler.model.declared import EVERYTHING, Allowance, Application, Destination, Instance, Name
from reconciler.model.objects import Kind, Kinds, ObjectKey
from reconciler.sync.environment import Environment

TEAM = Name("team", "web")
OWN = Allowance(("team",), None, None, has_cluster_objects=False)
INSIDE, OUTSIDE = ObjectKey("", "ConfigMap", "team", "a"), ObjectKey("", "ConfigMap", "other", "a")
NOWHERE = ObjectKey("rbac.authorization.k8s.io", "ClusterRole", "", "all")
KINDS = Kinds(
    [
        Kind("", "v1", "ConfigMap", "configmaps", namespaced=True),
        Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", namespaced=False),
    ]
)


class Sent(Exception):
    """A request was made."""


class Client:
    """Makes every request that passes known."""

    async def delete(self, *_, **__):
        raise Sent


def application(allowance):
    return Application(TEAM, (), Destination("in-cluster", "team"), allowance=allowance)


@pytest.fixture
def environment():
    cluster = SimpleNamespace(writer=Writer(Client(), None, lambda: KINDS, Instance()))
    return Environment(Instance(), cluster, None, b"", applications={TEAM: application(OWN)})


WRITERS = {
    "of an application": lambda environment: environment.writer(application(OWN)),
    "within an allowance": lambda environment: environment.writer_within(OWN),
    "of an owner that is declared": lambda environment: environment.writer_of(TEAM),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
async def test_a_writer_touches_what_its_application_may(environment, writer):
    with pytest.raises(Sent):
        await writer(environment).delete(INSIDE, uid="1")


@pytest.mark.parametrize("key", [OUTSIDE, NOWHERE], ids=["another namespace", "no namespace"])
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS.keys())
async def test_a_writer_touches_nothing_else(environment, writer, key):
    with pytest.raises(NotAllowed, match="the application may not touch"):
        await writer(environment).delete(key, uid="1")


@pytest.mark.parametrize("key", [INSIDE, OUTSIDE, NOWHERE], ids=str)
async def test_whoever_is_not_declared_any_more_has_no_bounds(environment, key):
    for writer in (environment.writer_of(Name("gone", "web")), environment.writer_within(EVERYTHING)):
        with pytest.raises(Sent):
            await writer.delete(key, uid="1")
