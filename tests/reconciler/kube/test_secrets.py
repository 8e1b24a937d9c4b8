"""Secrets of the cluster."""

import base64

import pytest

from reconciler.errors import Stalled
from reconciler.kube.secrets import SECRET, ClusterSecrets
from reconciler.model.declared import SecretRef


async def test_a_secret_is_read_anew_each_time(client):
    secrets, reference = ClusterSecrets(client), SecretRef("default", "git")
    for text in ("hunter2", "hunter3"):
        data = {"token": base64.b64encode(text.encode()).decode()}
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git", "namespace": "default"}, "data": data}
        await (client.create if text == "hunter2" else client.replace)(SECRET, document, manager="person")
        assert await secrets.read(reference) == {"token": text.encode()}


async def test_one_without_data_is_empty(client):
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "empty", "namespace": "default"}}
    await client.create(SECRET, document, manager="person")
    assert await ClusterSecrets(client).read(SecretRef("default", "empty")) == {}


async def test_one_that_is_not_there_is_named(client):
    with pytest.raises(
        Stalled, match="there is no Secret default/none in the cluster; create it, or name a directory in TRUEUP_SECRETS"
    ):
        await ClusterSecrets(client).read(SecretRef("default", "none"))
