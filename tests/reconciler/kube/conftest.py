"""A client of a sandbox cluster."""

import pytest

from reconciler.kube.client import connect
from reconciler.kube.config import Access
from reconciler.model.declared import Instance
from reconciler.settings import ReconcilerSettings
from trueup.sandbox.cluster import SandboxCluster


@pytest.fixture
async def client(tmp_path):
    async with SandboxCluster() as cluster:
        (tmp_path / "config").write_text(cluster.kubeconfig)
        settings = ReconcilerSettings(KUBECONFIG=tmp_path / "config")
        async with connect(Access.of(settings), Instance("blue"), settings) as client:
            yield client
