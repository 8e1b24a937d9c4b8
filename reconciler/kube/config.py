"""How a cluster is reached: kubeconfig or service account, read by kubernetes-asyncio, whose connections are used for requests.

The library runs exec plugins once and reads tokens when it loads, so the configuration is loaded anew before they can expire.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import yaml
from kubernetes_asyncio import client, config

from reconciler.errors import ClusterUnavailable, Stalled
from reconciler.model.declared import IN_CLUSTER
from reconciler.settings import ReconcilerSettings

LOAD_SECONDS = 30.0

_NO_KUBECONFIG = (ValueError, KeyError, TypeError, AttributeError)
"""What the library makes of a file that is YAML, and something else."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a cluster is configured."""

    kubeconfig: Path | None
    """None: the service account of the pod."""
    context: str | None
    """None: the current context."""

    @classmethod
    def of(cls, settings: ReconcilerSettings, cluster: str = IN_CLUSTER) -> "Access":
        """The access to a destination: `in-cluster`, or a context of the kubeconfig."""
        return cls(settings.kubeconfig, settings.context if cluster == IN_CLUSTER else cluster)

    def __str__(self) -> str:
        """For messages."""
        if self.kubeconfig is None:
            return "the pod's service account"
        return f"{self.kubeconfig}" + (f", context {self.context}" if self.context else "")


@dataclass(frozen=True, slots=True)
class Session:
    """How requests are sent to one API server."""

    api: client.ApiClient
    """Of the library; it has the address, the certificates and the tokens."""
    http: aiohttp.ClientSession
    """On the library's connections. Its own session reads `~/.netrc` and the proxies anew for every request, in two threads."""
    proxy: str | None


@asynccontextmanager
async def open_session(access: Access) -> AsyncIterator[Session]:
    """A session with the API server.

    Raises:
        Stalled: when the configuration cannot be read.
    """
    configuration = client.Configuration()
    try:
        if access.kubeconfig is None:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # the library is half typed
        else:
            await config.load_kube_config(
                config_file=str(access.kubeconfig), context=access.context, client_configuration=configuration
            )
    except (config.ConfigException, OSError, yaml.YAMLError, *_NO_KUBECONFIG) as error:
        raise Stalled(f"{access}: {error or type(error).__name__}; set KUBECONFIG to a file that kubectl can use") from error
    found = client.ApiClient(configuration)
    connector = found.rest_client.pool_manager.connector
    http = aiohttp.ClientSession(connector=connector, connector_owner=False, cookie_jar=aiohttp.DummyCookieJar())
    try:
        async with http:
            yield Session(found, http, configuration.proxy or proxy_to(str(configuration.host)))
    finally:
        await found.close()


def proxy_to(url: str) -> str | None:
    """The proxy that the environment names for an address; None when it is reached directly."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def unreachable(host: str, error: BaseException) -> ClusterUnavailable:
    """What a failed connection means."""
    return ClusterUnavailable(f"the API server at {host} does not answer: {str(error) or type(error).__name__}")
