"""PartialObjectMetadata: enough to see ownership, and never a value."""

import pytest

from reconciler.kube.client import METADATA, METADATA_LIST
from tests.contract.api import fields
from tests.contract.objects import config_map, custom, definition, deployment, secret

SECRET = secret(word="c2VjcmV0")


def is_bare(document):
    """Whether it is metadata and no more."""
    return document["kind"] == "PartialObjectMetadata" and set(document) == {"apiVersion", "kind", "metadata"}


async def test_get(api):
    made = (await api.apply(deployment())).object
    partial = (await api.metadata(deployment())).object
    assert is_bare(partial)
    assert partial["apiVersion"] == "meta.k8s.io/v1"
    assert partial["metadata"]["uid"] == made["metadata"]["uid"]
    assert fields(partial) == fields(made)


async def test_the_answer_to_an_apply(api):
    partial = (await api.apply(config_map(labels={"a": "b"}), accept=METADATA)).object
    assert is_bare(partial)
    assert partial["metadata"]["labels"] == {"a": "b"}
    assert fields(partial)["f:data"] == {"f:colour": {}}


async def test_a_list_does_not_name_kinds_of_its_items(api):
    await api.apply(config_map("one"))
    await api.apply(config_map("two"))
    answer = (await api.list(config_map(), accept=METADATA_LIST)).object
    assert (answer["kind"], answer["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert answer["metadata"]["resourceVersion"].isdecimal()
    assert [item["metadata"]["name"] for item in answer["items"] if not item["metadata"]["name"].startswith("kube-")] == [
        "one",
        "two",
    ]
    assert all(is_bare(item) for item in answer["items"])


async def test_a_watch(api):
    await api.apply(config_map())
    async with api.watch(config_map(), accept=METADATA, fieldSelector="metadata.name=settings") as watch:
        kind, partial = await watch.next()
        assert (kind, is_bare(partial)) == ("ADDED", True)
        await api.patch(config_map(), {"data": {"colour": "red"}})
        kind, partial = await watch.next()
        assert (kind, is_bare(partial)) == ("MODIFIED", True)
        assert fields(partial, "kubectl-edit", "Update") == {"f:data": {"f:colour": {}}}
        await api.delete(config_map())
        kind, partial = await watch.next()
        assert (kind, is_bare(partial)) == ("DELETED", True)


async def test_custom_resources_too(api, defined):
    widgets = await defined(definition("Widget"))
    assert is_bare((await api.apply(custom(widgets, spec={"size": 3}), accept=METADATA)).object)
    assert is_bare((await api.metadata(custom(widgets))).object)


async def test_values_of_secrets_are_in_no_answer(api):
    answers = [
        await api.apply(SECRET, accept=METADATA),
        await api.metadata(SECRET),
        await api.list(SECRET, accept=METADATA_LIST),
    ]
    async with api.watch(SECRET, accept=METADATA) as watch:
        event = await watch.next()
    for shown in (*(answer.object for answer in answers), event):
        assert "word" in str(shown)  # its name is in the managed fields
        assert "c2VjcmV0" not in str(shown)
        assert "secret'" not in str(shown)


@pytest.mark.parametrize("accept", [METADATA_LIST, METADATA], ids=["a list form for an object", "an object form for a list"])
async def test_the_wrong_form_answers_406(api, accept):
    await api.apply(config_map())
    answer = await (api.get(config_map(), accept=accept) if accept == METADATA_LIST else api.list(config_map(), accept=accept))
    assert answer.refusal == (406, "NotAcceptable")


async def test_a_form_that_is_not_offered_falls_back_to_the_next(api):
    await api.apply(config_map())
    answer = await api.get(config_map(), accept="application/json;as=Nothing;g=meta.k8s.io;v=v1,application/json")
    assert answer.object["data"] == {"colour": "blue"}
