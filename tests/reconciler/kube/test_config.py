"""How a cluster is reached, and what is said when its configuration cannot be read."""

from pathlib import Path

import pytest

from reconciler.errors import Stalled
from reconciler.kube.config import Access, open_session, unreachable
from reconciler.settings import ReconcilerSettings
from trueup.sandbox.cluster import SandboxCluster


@pytest.mark.parametrize(
    ("context", "cluster", "access"),
    [
        (None, "in-cluster", Access(Path("/k"), None)),
        ("prod", "in-cluster", Access(Path("/k"), "prod")),
        ("prod", "staging", Access(Path("/k"), "staging")),
    ],
)
def test_a_destination_is_a_context(context, cluster, access):
    assert Access.of(ReconcilerSettings(KUBECONFIG="/k", context=context), cluster) == access


@pytest.mark.parametrize(
    ("access", "text"),
    [
        (Access(None, None), "the pod's service account"),
        (Access(Path("/k"), None), "/k"),
        (Access(Path("/k"), "prod"), "/k, context prod"),
    ],
)
def test_access_in_words(access, text):
    assert str(access) == text


async def test_a_kubeconfig_is_read(tmp_path):
    async with SandboxCluster() as cluster:
        (tmp_path / "config").write_text(cluster.kubeconfig)
        async with open_session(Access(tmp_path / "config", None)) as session:
            assert session.api.configuration.host == cluster.url


@pytest.mark.parametrize(
    ("content", "context", "told"),
    [
        pytest.param(None, None, "config", id="not there"),
        pytest.param("", None, "config", id="empty"),
        pytest.param("a: 1", None, "config", id="something else"),
        pytest.param("- a", None, "config", id="a list"),
        pytest.param("a: [", None, "config", id="no YAML"),
        pytest.param("clusters: 7\ncurrent-context: a\ncontexts: b", None, "config", id="nonsense"),
        pytest.param("GOOD", "nowhere", "context nowhere", id="another context"),
    ],
)
async def test_what_cannot_be_read_is_stalled_with_the_mend(tmp_path, content, context, told):
    file = tmp_path / "config"
    if content is not None:
        async with SandboxCluster() as cluster:
            file.write_text(cluster.kubeconfig if content == "GOOD" else content)
    with pytest.raises(Stalled, match="set KUBECONFIG to a file that kubectl can use") as stalled:
        async with open_session(Access(file, context)):
            pass
    assert told in str(stalled.value)


async def test_outside_a_cluster_there_is_no_service_account():
    with pytest.raises(Stalled, match="the pod's service account"):
        async with open_session(Access(None, None)):
            pass


@pytest.mark.parametrize(("error", "told"), [(OSError("refused"), "refused"), (TimeoutError(), "TimeoutError")])
def test_a_server_that_does_not_answer_is_named(error, told):
    assert str(unreachable("https://x", error)) == f"the API server at https://x does not answer: {told}"
