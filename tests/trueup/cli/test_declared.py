"""What commands know that need no running Trueup: files where a directory is named, else what the cluster has."""

import socket

import pytest

from receiver.settings import ReceiverSettings
from reconciler.model.declared import Declarations, Name
from tests.servers.command_line import run
from tests.servers.declarations import Kubectl, application, repository
from trueup.cli.declared import application_of, declarations
from trueup.cli.output import ExitCode, Failure
from trueup.sandbox.cluster import SandboxCluster

URL = "https://git.example/acme/shop.git"
SHOP = repository("shop", URL, "team")
ELSEWHERE = application("far", "team", destination={"namespace": "kube-system"})
FILE = f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: filed}}\nspec: {{url: '{URL}'}}\n"


@pytest.fixture
async def cluster(tmp_path):
    """A cluster with nothing in it, and settings that lead to it."""
    async with SandboxCluster(rollout_seconds=None) as cluster:
        (tmp_path / "kubeconfig").write_text(cluster.kubeconfig)
        yield tmp_path


def settings(directory, **more):
    return ReceiverSettings(**{"KUBECONFIG": directory / "kubeconfig", "state": directory / "state"} | more)


async def declare(directory, *documents):
    kubectl = Kubectl(directory / "kubeconfig", directory, "team")
    await kubectl.install()
    await kubectl.apply(*documents)


async def test_what_the_cluster_declares_is_in_force_within_what_it_is_allowed(cluster):
    await declare(cluster, SHOP, application("web", "team"), ELSEWHERE)
    found = await declarations(settings(cluster))
    assert set(found.repositories) == {Name("team", "shop")}
    assert set(found.applications) == {Name("team", "web")}
    assert found.refused == {Name("team", "far")}
    allowances = {"team": {"namespaces": ["kube-system"]}}
    found = await declarations(settings(cluster, allowances=allowances))
    assert set(found.applications) == {Name("team", "web"), Name("team", "far")}


async def test_it_is_read_where_the_settings_look_for_it(cluster):
    await declare(cluster, SHOP, application("web", "team"))
    assert (await declarations(settings(cluster, resource_namespaces=("other",)))).applications == {}
    assert set((await declarations(settings(cluster, resource_namespaces=("other", "team")))).applications) == {
        Name("team", "web")
    }


async def test_a_directory_comes_first(cluster):
    await declare(cluster, SHOP)
    (cluster / "declarations").mkdir()
    (cluster / "declarations" / "all.yaml").write_text(FILE)
    found = await declarations(settings(cluster, declarations=cluster / "declarations"))
    assert set(found.repositories) == {Name("trueup", "filed")}


async def test_a_cluster_without_the_kinds_says_how_to_have_them(cluster):
    with pytest.raises(Failure, match=r"does not serve.*trueup crds \| kubectl apply.*TRUEUP_DECLARATIONS"):
        await declarations(settings(cluster))


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


UNREACHED = {
    "neither is set": (None, ExitCode.USAGE, ["TRUEUP_DECLARATIONS", "KUBECONFIG"]),
    "a kubeconfig that is not there": ("", ExitCode.FAILED, ["kubeconfig", "TRUEUP_DECLARATIONS"]),
    "a cluster that does not answer": ("http://127.0.0.1:{port}", ExitCode.UNREACHABLE, ["127.0.0.1"]),
}


@pytest.mark.parametrize("command", ["render", "diff", "webhook show"])
@pytest.mark.parametrize(("server", "code", "told"), UNREACHED.values(), ids=UNREACHED)
def test_what_cannot_be_read_says_what_to_set(command, server, code, told, tmp_path):
    if server:
        text = KUBECONFIG.replace("URL", server.format(port=free_port()))
        (tmp_path / "kubeconfig").write_text(text)
    kubeconfig = None if server is None else str(tmp_path / "kubeconfig")
    ended = run(*command.split(), "web", environment={"KUBECONFIG": kubeconfig, "TRUEUP_WEBHOOK_KEYS": "ab" * 32})
    assert ended.code == code, ended.err
    assert all(word in ended.err for word in told), ended.err


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: URL}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        pytest.param(Declarations(), "there is no Application trueup/web; there are: none", id="not declared"),
        pytest.param(
            Declarations(refused=frozenset({Name("trueup", "web")})),
            "trueup/web is declared and cannot be in force",
            id="refused",
        ),
    ],
)
def test_an_application_that_is_not_in_force_says_so(declared, told):
    with pytest.raises(Failure, match=told):
        application_of(declared, Name("trueup", "web"))
