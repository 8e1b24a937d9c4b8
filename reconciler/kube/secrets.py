"""Secrets and ConfigMaps of the cluster; read anew each time, kept nowhere."""

import base64
from collections.abc import Mapping

from reconciler.errors import Stalled
from reconciler.kube.client import Client
from reconciler.model.declared import ConfigMapRef, SecretRef
from reconciler.model.objects import Kind

SECRET = Kind("", "v1", "Secret", "secrets", namespaced=True)
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)


class ClusterSecrets:
    """The Secrets and ConfigMaps that a cluster's API gives us."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, ref: SecretRef | ConfigMapRef) -> Mapping[str, bytes]:
        """The data by key.

        Raises:
            Stalled: when there is no such thing.
            ClusterUnavailable: when the API server does not answer.
        """
        kind = SECRET if isinstance(ref, SecretRef) else CONFIG_MAP
        document = await self._client.get(kind, ref.namespace, ref.name)
        if document is None:
            raise Stalled(
                f"there is no {kind.kind} {ref.namespace}/{ref.name} in the cluster; create it, or name a directory in TRUEUP_SECRETS"
            )
        if kind is CONFIG_MAP:
            return {key: value.encode() for key, value in (document.get("data") or {}).items()}
        return {key: base64.b64decode(value) for key, value in (document.get("data") or {}).items()}
