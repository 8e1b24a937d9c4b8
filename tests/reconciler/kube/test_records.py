"""What is recorded in a cluster, read and changed by many at once; on the sandbox."""

import asyncio
import dataclasses

import pytest

from reconciler.kube import client as kube_client
from reconciler.kube.client import connect
from reconciler.kube.config import Access
from reconciler.kube.records import Records
from reconciler.model.declared import Instance, Name
from reconciler.model.intent import HookRun, Intent
from reconciler.settings import ReconcilerSettings
from trueup.sandbox.cluster import SandboxCluster


@pytest.fixture
async def client(tmp_path):
    async with SandboxCluster(rollout_seconds=None) as cluster:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(cluster.kubeconfig)
        settings = ReconcilerSettings(KUBECONFIG=kubeconfig)
        async with connect(Access.of(settings, "in-cluster"), Instance(), settings) as client:
            yield client


def ran(identity):
    return HookRun(identity, "digest", "c" * 40, "2026-01-01")


def also(run):
    return lambda intent: dataclasses.replace(intent, ran=(*intent.ran, run))


async def test_intents_are_read_to_the_last_page(client, monkeypatch):
    monkeypatch.setattr(kube_client, "PAGE", 2)
    records = Records(client, Instance())
    names = [Name("t", f"app-{number}") for number in range(5)]
    for name in names:
        await records.change_intent(name, also(ran(str(name))))
    fresh = Records(client, Instance())
    assert set(await fresh.intents()) == set(names)
    assert fresh.known(names[4]).ran == (ran("t/app-4"),)


async def test_nothing_is_lost_when_several_change_one_intent_while_it_is_read_anew(client):
    records, name = Records(client, Instance()), Name("t", "web")
    changes = [records.change_intent(name, also(ran(str(number)))) for number in range(10)]
    await asyncio.gather(*changes, *(records.reload_intents() for _ in range(5)))
    assert {run.identity for run in records.known(name).ran} == set(map(str, range(10)))
    await records.reload_intents()
    assert len(records.known(name).ran) == 10


async def test_several_that_are_first_in_a_cluster_make_its_namespace_together(client):
    """Each finds it missing, and only one can make it; no first sync fails for that."""
    several = [Records(client, Instance(f"instance-{number}")) for number in range(8)]
    await asyncio.gather(*(records.add_kinds([("", "Widget")]) for records in several))
    for number in range(8):
        assert await Records(client, Instance(f"instance-{number}")).kinds() == {("", "Widget")}


async def test_no_kind_is_lost_when_many_are_noted_at_once(client):
    """By as many first syncs of one worker as there may be."""
    records = Records(client, Instance())
    await asyncio.gather(*(records.add_kinds([("", f"Kind{number}")]) for number in range(20)))
    assert {kind for _, kind in await Records(client, Instance()).kinds()} == {f"Kind{number}" for number in range(20)}


async def test_what_is_known_before_anything_was_read_is_nothing(client):
    assert Records(client, Instance()).known(Name("t", "web")) == Intent()
