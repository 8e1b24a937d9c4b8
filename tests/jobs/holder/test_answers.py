"""What only a cluster's holder knows."""

import pytest

from jobs.holder.answers import Answers
from jobs.holder.removals import Removals
from reconciler.errors import Stalled
from tests.servers.held import key_of
from tests.servers.patience import until
from tests.servers.system import config_map

PATH = "/api/v1/namespaces/web/configmaps/a"


@pytest.fixture
async def answers(world):
    await world.sync("web", commit=await world.commit({"web/a.yaml": config_map("a"), "web/b.yaml": config_map("b")}))
    return Answers(world.held, Removals(world.held))


async def resources(answers):
    found = await answers.answer({"resources": "trueup/web"})
    return {item["object"]: item for item in found["items"]}


async def test_objects_are_told_as_they_are(answers):
    items = await resources(answers)
    assert list(items) == ["web/ConfigMap/a", "web/ConfigMap/b"]
    assert {(item["is_desired"], item["is_deleting"], item["health"], len(item["drift"])) for item in items.values()} == {
        (True, False, "Healthy", 0)
    }


async def test_drift_is_told_by_field_and_by_whom_and_without_values(world, answers):
    await world.kube("PATCH", PATH, {"data": {"value": "hunter2"}})
    item = await until(lambda: _drift(answers))
    (finding,) = item["drift"]
    assert [(field["path"], field["manager"]) for field in finding["fields"]] == [("data.value", "kubectl-edit")]
    assert "hunter2" not in str(item)


async def _drift(answers):
    item = (await resources(answers))["web/ConfigMap/a"]
    return item if item["drift"] else None


async def test_what_is_gone_is_missing(world, answers):
    await world.kube("DELETE", PATH)
    await until(lambda: world.held.cluster.index.live(key_of("a")) is None)
    item = (await resources(answers))["web/ConfigMap/a"]
    assert (item["health"], item["reason"]) == ("Missing", "not there")
    assert [finding["kind"] for finding in item["drift"]] == ["missing"]


async def test_what_is_ours_and_not_in_git_is_told_apart(world, answers):
    await world.sync("web", commit=await world.commit({"web/a.yaml": None, "web/b.yaml": None, "README": "x"}))
    assert {item["is_desired"] for item in (await resources(answers)).values()} == {False}


@pytest.mark.parametrize("is_searched", [False, True])
async def test_copies_are_strays(world, answers, is_searched):
    original = await world.kube("GET", PATH)
    copy = original | {"metadata": {"name": "copy", "labels": original["metadata"]["labels"]}}
    await world.kube("POST", "/api/v1/namespaces/web/configmaps", copy, "application/json")
    await until(lambda: world.held.cluster.strays)
    found = await answers.answer({"strays": is_searched})
    assert [item["object"] for item in found["items"]] == ["web/ConfigMap/copy"]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"resources": "trueup/api"}, "was not rendered yet"),
        ({"resources": "trueup/nope"}, "was not rendered yet"),
        ({"resources": 7}, "does not know the question resources"),
        ({"colour": "red"}, "does not know the question colour"),
        ({}, "does not know the question"),
        ({"strays": "yes"}, "does not know the question strays"),
    ],
)
async def test_what_it_cannot_answer_it_says(answers, question, told):
    with pytest.raises(Stalled, match=told):
        await answers.answer(question)
