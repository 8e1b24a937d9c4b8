"""CustomResourceDefinitions and their objects, from the definition's birth to its end."""

import pytest

from tests.contract.api import APPLY, entries, fields
from tests.contract.objects import OPEN, custom, definition


async def test_a_definition_becomes_established_and_its_kind_is_discovered(api):
    widgets = definition("Widget")
    made = (await api.apply(widgets)).object
    assert made["spec"]["names"]["singular"] == "widget"
    assert made["spec"]["names"]["listKind"] == "WidgetList"

    async def is_established():
        conditions = (await api.get(widgets)).object["status"].get("conditions") or ()
        return {each["type"]: each["status"] for each in conditions} == {"NamesAccepted": "True", "Established": "True"}

    await api.until(is_established, "the definition is established")
    await api.served(widgets)
    kind = api.kind(custom(widgets))
    assert (kind.plural, kind.namespaced, kind.has_status, kind.has_scale) == ("widgets", True, True, True)
    assert (await api.get(widgets)).object["status"]["storedVersions"] == ["v1"]


async def test_a_kind_that_is_not_defined_yet_is_no_answer_of_an_object(api):
    widgets = definition("Widget")
    path = f"/apis/{widgets['spec']['group']}/v1/namespaces/{api.namespace}/widgets/left"
    answer = await api.send("PATCH", path, custom(widgets), content=APPLY, fieldManager="trueup")
    assert (answer.code, answer.body) == (404, "404 page not found\n")


async def test_an_object_is_created_changed_and_counted(api, defined):
    widgets = await defined(definition("Widget"))
    made = (await api.apply(custom(widgets, spec={"size": 3}))).object
    assert made["metadata"]["generation"] == 1
    changed = (await api.apply(custom(widgets, spec={"size": 4}))).object
    assert changed["metadata"]["generation"] == 2
    labelled = (await api.patch(custom(widgets), {"metadata": {"labels": {"a": "b"}}})).object
    assert labelled["metadata"]["generation"] == 2
    assert (await api.list(custom(widgets))).object["kind"] == "WidgetList"


async def test_defaults_of_the_schema_are_filled_in_and_not_owned_by_the_applier(api, defined):
    schema = {"type": "object", "properties": {"size": {"type": "integer", "default": 3}, "name": {"type": "string"}}}
    widgets = await defined(definition("Widget", spec=schema))
    made = (await api.apply(custom(widgets, spec={"name": "a"}))).object
    assert made["spec"] == {"name": "a", "size": 3}
    assert fields(made) == {"f:spec": {"f:name": {}}}
    assert (await api.apply(custom(widgets, spec={"name": "a"}))).object == made


async def test_a_map_without_a_schema_is_owned_field_by_field_and_a_list_as_a_whole(api, defined):
    widgets = await defined(definition("Widget"))
    made = (await api.apply(custom(widgets, spec={"deep": {"a": 1, "b": [{"name": "x"}]}}))).object
    assert fields(made)["f:spec"]["f:deep"] == {".": {}, "f:a": {}, "f:b": {}} or fields(made)["f:spec"]["f:deep"] == {
        "f:a": {},
        "f:b": {},
    }


async def test_null_is_a_default_where_there_is_one_nothing_in_a_create_and_invalid_in_an_apply(api, defined):
    properties = {"size": {"type": "integer", "default": 3}, "name": {"type": "string"}}
    widgets = await defined(definition("Widget", spec={"type": "object", "properties": properties}))
    assert (await api.apply(custom(widgets, spec={"size": None}))).object["spec"] == {"size": 3}
    assert (await api.create(custom(widgets, "right", spec={"name": None}))).object["spec"] == {"size": 3}
    answer = await api.apply(custom(widgets, spec={"name": None}))
    assert answer.refusal == (422, "Invalid")
    assert answer.causes == [("FieldValueTypeInvalid", "spec.name")]


async def test_two_versions_show_one_object(api, defined):
    widgets = await defined(definition("Widget", versions=("v1alpha1", "v1")))
    made = (await api.apply(custom(widgets, version="v1alpha1", spec={"size": 3}))).object
    assert made["apiVersion"].endswith("/v1alpha1")
    seen = (await api.get(custom(widgets))).object
    assert seen["apiVersion"].endswith("/v1")
    assert seen["metadata"]["uid"] == made["metadata"]["uid"]
    again = (await api.apply(custom(widgets, spec={"size": 4}))).object
    assert list(entries(again)) == [("trueup", "Apply", "")]
    assert [entry["apiVersion"].rpartition("/")[2] for entry in again["metadata"]["managedFields"]] == ["v1"]


async def test_an_update_at_another_version_is_an_entry_of_its_own(api, defined):
    widgets = await defined(definition("Widget", versions=("v1alpha1", "v1")))
    await api.create(custom(widgets, spec={"size": 3, "colour": "blue"}), "editor")
    changed = (await api.patch(custom(widgets, version="v1alpha1"), {"spec": {"size": 4}}, "editor")).object
    assert [entry["apiVersion"].rpartition("/")[2] for entry in changed["metadata"]["managedFields"]] == ["v1", "v1alpha1"]


async def test_a_definition_that_goes_takes_its_objects_and_its_kind_with_it(api, defined):
    widgets = await defined(definition("Widget"))
    left = custom(widgets)
    await api.create(left)
    path = api.path(left)
    going = (await api.delete(widgets)).object
    assert going["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    await api.until_gone(widgets)

    async def is_unserved():
        return (await api.send("GET", path)).body == "404 page not found\n"

    await api.until(is_unserved, "the kind is served no more")


async def test_a_definition_waits_for_the_finalizers_of_its_objects(api, defined):
    widgets = await defined(definition("Widget"))
    held = custom(widgets, metadata={"finalizers": ["example.com/wait"]})
    await api.create(held)
    await api.delete(widgets)

    async def is_going():
        return "deletionTimestamp" in (await api.get(held)).object["metadata"]

    await api.until(is_going, "the object is being deleted")
    assert (await api.get(widgets)).code == 200
    await api.patch(held, {"metadata": {"finalizers": None}})
    await api.until_gone(widgets)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"metadata": {"name": "others.example.com"}}, "metadata.name", id="a name that is not plural.group"),
        pytest.param({"spec": {"versions": []}}, "spec.versions", id="no version"),
    ],
)
async def test_a_definition_that_is_none_answers_422(api, change, field):
    widgets = definition("Widget")
    for part, values in change.items():
        widgets[part] |= values
    answer = await api.create(widgets)
    assert answer.refusal == (422, "Invalid")
    assert field in [cause[1] for cause in answer.causes]


async def test_a_schema_that_keeps_unknown_fields_keeps_them(api, defined):
    widgets = await defined(definition("Widget", spec=OPEN))
    assert (await api.apply(custom(widgets, spec={"any": {"thing": 1}}), fieldValidation="Strict")).object["spec"] == {
        "any": {"thing": 1}
    }
