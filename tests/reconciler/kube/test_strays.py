"""A rare look at every kind: strays are found, what is ours and unrecorded is followed again, and what fails is named."""

import asyncio

import pytest

from reconciler.errors import ClusterUnavailable
from reconciler.kube.strays import search
from reconciler.model.declared import Instance
from reconciler.model.objects import Kind
from reconciler.plan.marks import INSTANCE, OWNER

BLUE = Instance("blue")
MAPS = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=frozenset({"list", "watch"}))
PODS = Kind("", "v1", "Pod", "pods", namespaced=True, verbs=frozenset({"list", "watch"}))
REVIEWS = Kind(
    "authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False, verbs=frozenset({"create"})
)


def item(name, *, is_ours):
    label = {"f:metadata": {"f:labels": {f"f:{INSTANCE}": {}}, "f:annotations": {f"f:{OWNER}": {}}}}
    entry = {"manager": BLUE.manager, "operation": "Apply", "fieldsV1": label}
    return {
        "metadata": {
            "name": name, "namespace": "shop", "labels": {INSTANCE: "blue"},
            "annotations": {OWNER: f"trueup/web:/ConfigMap:shop/{name}"}, "managedFields": [entry] if is_ours else [],
        }
    }  # fmt: skip


class Lists:
    """Lists by kind."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    async def list(self, kind, *, selector, metadata_only, cached):
        assert (selector, metadata_only, cached) == (f"{INSTANCE}=blue", True, True)
        self.asked.append(kind.kind)
        answer = self.answers.get(kind.kind, [])
        if isinstance(answer, Exception):
            raise answer
        return type("Listing", (), {"items": answer})


@pytest.mark.parametrize(
    ("answer", "strays", "unrecorded", "failed"),
    [
        pytest.param([], [], [], [], id="nothing"),
        pytest.param([item("a", is_ours=False)], ["shop/ConfigMap/a"], [], [], id="a copy"),
        pytest.param([item("a", is_ours=True)], [], ["ConfigMap"], [], id="ours, and nobody follows it"),
        pytest.param(
            [item("a", is_ours=True), item("b", is_ours=False)], ["shop/ConfigMap/b"], ["ConfigMap"], [], id="both"
        ),
        pytest.param(ClusterUnavailable("no backend"), [], [], ["ConfigMap: no backend"], id="it does not answer"),
    ],
)  # fmt: skip
def test_what_is_found(answer, strays, unrecorded, failed):
    found = asyncio.run(search(Lists(ConfigMap=answer), [MAPS, PODS], [], BLUE))
    assert sorted(map(str, found.strays)) == strays
    assert [kind.kind for kind in found.unrecorded] == unrecorded
    assert list(found.failed) == failed


def test_what_is_followed_or_cannot_be_listed_is_not_asked_for():
    lists = Lists()
    asyncio.run(search(lists, [MAPS, PODS, REVIEWS], [PODS], BLUE))
    assert lists.asked == ["ConfigMap"]
