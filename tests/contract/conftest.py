"""Every test here runs twice: on the sandbox, and (marker `cluster`) on a real control plane.

A test marked `not_offered("...")` must fail on the sandbox: what is listed there as missing and works after all is a mistake, too.
"""

import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from reconciler.model.objects import Kinds
from tests.contract.api import Api, Document
from tests.contract.offered import NOT_OFFERED
from tests.contract.trueup import Trueup
from trueup.sandbox.cluster import SandboxCluster

SANDBOX = pytest.param("sandbox", id="sandbox")
REAL = pytest.param("real", id="real", marks=[pytest.mark.cluster, pytest.mark.timeout(120)])
VAIN_SECONDS = 0.3
"""How long is waited on the sandbox for what it does not offer."""
LINE_BYTES = 4 * 1024 * 1024
TRUSTING = ssl._create_unverified_context()
_learnt: dict[str, Kinds] = {}
"""What each server serves before a test adds to it: asked once, since it is the same for all."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, how patient one has to be with it, and how it is made to forget its history."""

    name: str
    url: str
    kubeconfig: Path
    token: str
    patience: float
    forget: Callable[[], Awaitable[None]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both servers, whatever the test asks for."""
    if "server" in metafunc.fixturenames:
        metafunc.parametrize("server", [SANDBOX, REAL], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is not offered is expected to fail on the sandbox, and for the reason that the table gives."""
    for item in items:
        gap = item.get_closest_marker("not_offered")
        if gap and item.callspec.params["server"] == "sandbox":
            reason = f"not offered by the sandbox: {gap.args[0]}: {NOT_OFFERED[gap.args[0]]}"
            item.add_marker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))


@pytest.fixture
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """A sandbox of the test's own, or the control plane of this process."""
    if request.param == "real":
        plane = request.getfixturevalue("control_plane")
        yield Server("real", plane.url, plane.kubeconfig, "TOKEN", 20.0, plane.forget)
        return
    async with SandboxCluster(rollout_seconds=0.01, bookmark_seconds=0.1) as cluster:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(cluster.kubeconfig)

        async def forget() -> None:
            cluster.compact()

        yield Server("sandbox", cluster.url, kubeconfig, cluster.token, 5.0, forget)


@pytest.fixture
async def api(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """Requests to the server, in a namespace of the test's own."""
    connector = aiohttp.TCPConnector(ssl=TRUSTING)
    headers = {"Authorization": f"Bearer {server.token}", "User-Agent": "contract/1"}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout, read_bufsize=LINE_BYTES) as session:
        is_vain = server.name == "sandbox" and request.node.get_closest_marker("not_offered")
        api = Api(session, server.url, patience=VAIN_SECONDS if is_vain else server.patience)
        if server.name in _learnt:
            api.kinds = _learnt[server.name]
        else:
            await api.learn()
            _learnt[server.name] = api.kinds
        api.namespace = f"contract-{secrets.token_hex(4)}"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": api.namespace}}
        assert (await api.create(namespace)).code == 201
        yield api


@pytest.fixture
def trueup(api: Api) -> Trueup:
    """What Trueup does and how it judges, by its own functions."""
    return Trueup(api)


@pytest.fixture
def defined(api: Api) -> Callable[[Document], Awaitable[Document]]:
    """Creates a CustomResourceDefinition and waits until its objects are served."""

    async def define(definition: Document) -> Document:
        await api.create(definition)
        await api.served(definition)
        return definition

    return define
