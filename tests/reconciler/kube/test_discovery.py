"""What a cluster serves, from servers that aggregate and from those that do not; what did not answer is unknown, not absent."""

import pytest

from reconciler.errors import ClusterUnavailable
from reconciler.kube.discovery import discover

STATUS = [{"subresource": "status"}, {"subresource": "scale"}]
APPS = {
    "metadata": {"name": "apps"},
    "versions": [
        {"version": "v1", "resources": [
            {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced", "verbs": ["list"], "subresources": STATUS}
        ]},
        {"version": "v1beta1", "resources": [{"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced"}]},
    ],
}  # fmt: skip
CORE = {
    "metadata": {},
    "versions": [{"version": "v1", "resources": [{"resource": "nodes", "responseKind": {"kind": "Node"}, "scope": "Cluster"}]}],
}
STALE = {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}


def aggregated(*groups):
    return {"kind": "APIGroupDiscoveryList", "items": list(groups)}


class Server:
    """Answers by path; an error where it has one, None where it has nothing."""

    def __init__(self, **answers):
        self.answers = {"/version": {"gitVersion": "v1.37.1"}} | {
            path.replace("_", "/"): answer for path, answer in answers.items()
        }
        self.asked = []

    async def raw(self, path, *, accept=""):
        self.asked.append((path, "apidiscovery" in accept))
        answer = self.answers.get(path)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_an_aggregating_server_is_asked_twice():
    server = Server(_api=aggregated(CORE), _apis=aggregated(APPS))
    kinds = await discover(server)
    assert [(kind.api_version, kind.kind, kind.namespaced) for kind in kinds] == [
        ("v1", "Node", False),
        ("apps/v1", "Deployment", True),
    ]
    deployment = kinds.find("apps", "Deployment")
    assert (deployment.plural, deployment.verbs, deployment.has_status, deployment.has_scale) == (
        "deployments",
        {"list"},
        True,
        True,
    )
    assert kinds.find("apps", "Deployment", "v1beta1").has_status is False
    assert (kinds.version, kinds.is_complete) == ("v1.37.1", True)
    assert [path for path, _ in server.asked] == ["/version", "/api", "/apis"]


async def test_a_group_that_is_stale_is_unknown():
    kinds = await discover(Server(_api=aggregated(CORE), _apis=aggregated(APPS, STALE)))
    assert (kinds.failed, kinds.is_complete) == ({"metrics.k8s.io"}, False)


@pytest.mark.parametrize("answer", [None, ClusterUnavailable("no backend")], ids=["nothing", "an error"])
async def test_an_older_server_is_asked_for_each_group(answer):
    resources = [
        {"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": ["list"]},
        {"name": "deployments/status", "kind": "Deployment", "namespaced": True},
    ]  # fmt: skip
    groups = [
        {"name": "apps", "versions": [{"version": "v1beta1"}, {"version": "v1"}], "preferredVersion": {"version": "v1"}},
        {"name": "metrics.k8s.io", "versions": [{"version": "v1"}]},
    ]
    server = Server(
        _api={"versions": ["v1"]}, _apis={"groups": groups}, _api_v1={"resources": [{"name": "nodes", "kind": "Node", "namespaced": False}]},
        _apis_apps_v1={"resources": resources}, _apis_apps_v1beta1={"resources": resources[:1]}, **{"_apis_metrics.k8s.io_v1": answer},
    )  # fmt: skip
    kinds = await discover(server)
    assert [kind.api_version for kind in kinds] == ["v1", "apps/v1"]
    assert kinds.find("apps", "Deployment").has_status
    assert not kinds.find("apps", "Deployment", "v1beta1").has_status
    assert kinds.failed == {"metrics.k8s.io"}


async def test_a_server_that_says_nothing_serves_nothing():
    kinds = await discover(Server(_version=None))
    assert (list(kinds), kinds.version) == ([], "")


async def test_the_sandbox_is_discovered_whole(client):
    kinds = await discover(client)
    assert kinds.is_complete
    assert kinds.find("apps", "Deployment").path("shop", "web") == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert kinds.find("", "Namespace").namespaced is False
