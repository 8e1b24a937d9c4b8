"""Kinds that are healthy when they exist; and that every kind of Kubernetes itself is decided, which a real API server is asked."""

import pytest

from reconciler.health.rules import row_of
from reconciler.health.static import STATIC, exists
from reconciler.kube.client import connect
from reconciler.kube.config import Access
from reconciler.kube.discovery import discover
from reconciler.model.declared import Instance
from reconciler.model.outcome import Health, HealthStatus
from reconciler.plan.manifest import is_built_in
from reconciler.settings import ReconcilerSettings


def test_what_exists_is_healthy():
    assert exists({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}) == Health(HealthStatus.HEALTHY)


def test_secrets_are_among_them():
    assert "Secret" in STATIC[""]


@pytest.mark.cluster
async def test_every_kind_that_kubernetes_serves_is_decided(control_plane):
    settings = ReconcilerSettings(KUBECONFIG=control_plane.kubeconfig)
    async with connect(Access.of(settings), Instance(), settings) as client:
        served = [kind for kind in await discover(client) if {"list", "watch", "patch"} <= kind.verbs and is_built_in(kind.group)]
    assert len(served) > 50
    assert [kind for kind in served if row_of(kind.group, kind.kind) is None] == []
