"""Secrets of the cluster; read anew each time, kept nowhere."""

import base64
from collections.abc import Mapping

from reconciler.errors import Stalled
from reconciler.kube.client import Client
from reconciler.model.declared import SecretRef
from reconciler.model.objects import Kind

SECRET = Kind("", "v1", "Secret", "secrets", namespaced=True)


class ClusterSecrets:
    """The Secrets that a cluster's API gives us."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, ref: SecretRef) -> Mapping[str, bytes]:
        """The Secret's data by key.

        Raises:
            Stalled: when there is no such Secret.
            ClusterUnavailable: when the API server does not answer.
        """
        document = await self._client.get(SECRET, ref.namespace, ref.name)
        if document is None:
            raise Stalled(f"there is no Secret {ref.namespace}/{ref.name} in the cluster; create it")
        return {key: base64.b64decode(value) for key, value in (document.get("data") or {}).items()}
