"""PUT and the patches that are no apply: what they change, what they need, and what they leave alone."""

import pytest

from tests.contract.api import JSON_PATCH, MERGE, STRATEGIC, fields
from tests.contract.objects import config_map, container, cron_job, custom, definition, deployment


async def test_a_put_replaces_what_it_does_not_name(api):
    await api.create(config_map(data={"colour": "blue", "size": "3"}))
    assert (await api.replace(config_map(data={"colour": "red"}))).object["data"] == {"colour": "red"}


async def test_a_put_at_an_old_version_answers_409_conflict(api):
    made = (await api.create(config_map())).object
    await api.patch(config_map(), {"data": {"colour": "red"}})
    answer = await api.replace(made)
    assert answer.refusal == (409, "Conflict")
    assert "the object has been modified" in answer.message


async def test_a_put_without_a_version_wins(api):
    await api.create(config_map())
    await api.patch(config_map(), {"data": {"colour": "red"}})
    assert (await api.replace(config_map())).object["data"] == {"colour": "blue"}


async def test_a_put_for_another_uid_answers_409_conflict(api):
    await api.create(config_map())
    answer = await api.replace(config_map(uid="0b6ef2f0-0000-0000-0000-000000000000"))
    assert answer.refusal == (409, "Conflict")
    assert "Precondition failed: UID in precondition" in answer.message


async def test_a_put_of_what_is_not_there_answers_404(api):
    answer = await api.replace(config_map())
    assert answer.refusal == (404, "NotFound")
    assert answer.body["details"] == {"name": "settings", "kind": "configmaps"}


async def test_a_custom_resource_is_replaced_only_at_a_version(api, defined):
    widgets = await defined(definition("Widget"))
    await api.create(custom(widgets, spec={"size": 3}))
    answer = await api.replace(custom(widgets, spec={"size": 4}))
    assert answer.refusal == (422, "Invalid")
    assert answer.causes == [("FieldValueInvalid", "metadata.resourceVersion")]


async def test_writing_the_same_again_writes_nothing(api):
    made = (await api.create(cron_job())).object
    assert (await api.replace(made)).version == made["metadata"]["resourceVersion"]
    assert (await api.patch(made, {"spec": {"schedule": "0 3 * * *"}})).version == made["metadata"]["resourceVersion"]


async def test_generation_counts_changes_of_what_is_desired_only(api):
    made = (await api.create(deployment(paused=True))).object
    assert made["metadata"]["generation"] == 1
    labelled = (await api.patch(made, {"metadata": {"labels": {"a": "b"}}})).object
    assert labelled["metadata"]["generation"] == 1
    scaled = (await api.patch(made, {"spec": {"minReadySeconds": 1}})).object
    assert scaled["metadata"]["generation"] == 2


async def test_a_merge_patch_removes_with_null_and_replaces_lists(api):
    await api.create(deployment("web", container("web"), container("side")))
    change = {"spec": {"revisionHistoryLimit": None, "template": {"spec": {"containers": [container("web")]}}}}
    spec = (await api.patch(deployment(), change, content=MERGE)).object["spec"]
    assert [each["name"] for each in spec["template"]["spec"]["containers"]] == ["web"]
    assert spec["revisionHistoryLimit"] == 10  # removed, and filled in again


async def test_a_strategic_merge_patch_merges_list_items_by_their_key(api):
    await api.create(deployment("web", container("web"), container("side")))
    change = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:2"}]}}}}
    spec = (await api.patch(deployment(), change, content=STRATEGIC)).object["spec"]
    assert {each["name"]: each["image"] for each in spec["template"]["spec"]["containers"]} == {"web": "web:1", "side": "side:2"}


async def test_a_strategic_merge_patch_of_a_custom_resource_answers_415(api, defined):
    widgets = await defined(definition("Widget"))
    await api.create(custom(widgets, spec={"size": 3}))
    assert (await api.patch(custom(widgets), {"spec": {}}, content=STRATEGIC)).refusal == (415, "UnsupportedMediaType")


async def test_a_json_patch_whose_test_fails_answers_422_and_changes_nothing(api):
    made = (await api.create(config_map())).object
    change = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "replace", "path": "/data/colour", "value": "red"},
    ]
    assert (await api.patch(made, change, content=JSON_PATCH)).refusal == (422, "Invalid")
    assert (await api.get(made)).object == made


async def test_a_json_patch_at_the_right_version_is_applied(api):
    made = (await api.create(config_map())).object
    change = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/data/colour", "value": "red"},
    ]
    assert (await api.patch(made, change, content=JSON_PATCH)).object["data"] == {"colour": "red"}


@pytest.mark.parametrize("field", ["status", "metadata"])
async def test_the_status_is_not_written_beside_the_object(api, field):
    made = (await api.create(deployment(paused=True))).object
    change = {"status": {"replicas": 7}} if field == "status" else {"metadata": {"generation": 7, "creationTimestamp": None}}
    changed = (await api.patch(made, change)).object
    assert changed["status"].get("replicas", 0) == 0
    assert changed["metadata"]["generation"] == 1
    assert changed["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]


async def test_an_updater_owns_what_it_changes_and_no_more(api):
    await api.create(config_map(data={"colour": "blue", "size": "3"}))
    changed = (await api.patch(config_map(), {"data": {"colour": "red"}})).object
    assert fields(changed, "kubectl-edit", "Update") == {"f:data": {"f:colour": {}}}
    assert fields(changed, "kubectl-create", "Update") == {"f:data": {".": {}, "f:size": {}}}


async def test_an_immutable_field_answers_422_and_says_so(api):
    await api.create(deployment())
    answer = await api.patch(deployment(), {"spec": {"selector": {"matchLabels": {"app": "other"}}}})
    assert answer.refusal == (422, "Invalid")
    assert ("FieldValueInvalid", "spec.selector") in answer.causes
    assert "field is immutable" in answer.message
