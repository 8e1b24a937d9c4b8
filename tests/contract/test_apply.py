"""Server-side apply: creation, conflicts, force, shared fields, and fields that are no longer named."""

import pytest

from tests.contract.api import entries, fields
from tests.contract.objects import config_map, cron_job, deployment, document

BLUE, RED = config_map(), config_map(data={"colour": "red"})
BOTH = config_map(data={"colour": "blue", "size": "3"})


async def test_apply_creates_with_201_and_changes_with_200(api):
    made = await api.apply(BLUE)
    assert made.code == 201
    changed = await api.apply(RED)
    assert changed.code == 200
    assert changed.object["data"] == {"colour": "red"}
    assert changed.uid == made.uid


async def test_the_applier_owns_exactly_what_it_names(api):
    made = (await api.apply(deployment(), "trueup")).object
    assert list(entries(made)) == [("trueup", "Apply", "")]
    assert set(fields(made)["f:spec"]) == {"f:replicas", "f:selector", "f:template"}
    assert "f:metadata" not in fields(made)


async def test_a_second_apply_changes_no_resource_version_and_no_time(api):
    made = (await api.apply(cron_job())).object
    again = await api.apply(cron_job())
    assert again.code == 200
    assert again.object == made


async def test_a_field_of_another_manager_answers_409_with_manager_and_field(api):
    await api.apply(BLUE, "other")
    answer = await api.apply(RED)
    assert answer.refusal == (409, "Conflict")
    assert answer.causes == [("FieldManagerConflict", ".data.colour")]
    assert answer.body["details"]["causes"][0]["message"] == 'conflict with "other"'
    assert answer.message == 'Apply failed with 1 conflict: conflict with "other": .data.colour'
    assert (await api.get(BLUE)).object["data"] == {"colour": "blue"}


async def test_a_conflict_with_an_updater_says_which_version_it_used(api):
    await api.create(deployment(replicas=3), "kubectl-create")
    answer = await api.apply(deployment(replicas=1))
    assert answer.refusal == (409, "Conflict")
    cause = answer.body["details"]["causes"][0]
    assert cause["message"] == 'conflict with "kubectl-create" using apps/v1'
    assert cause["field"] == ".spec.replicas"


async def test_a_conflict_names_items_by_their_keys(api):
    await api.apply(deployment(), "other")
    wanted = deployment()
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
    wanted["spec"]["replicas"] = 2
    answer = await api.apply(wanted)
    assert sorted(answer.causes) == [
        ("FieldManagerConflict", ".spec.replicas"),
        ("FieldManagerConflict", '.spec.template.spec.containers[name="web"].image'),
    ]
    assert answer.message.startswith('Apply failed with 2 conflicts: conflicts with "other":\n- .spec')


async def test_force_takes_the_field_from_its_owner(api):
    await api.apply(BOTH, "other")
    forced = (await api.apply(RED, force="true")).object
    assert forced["data"] == {"colour": "red", "size": "3"}
    assert fields(forced, "other") == {"f:data": {"f:size": {}}}
    assert fields(forced) == {"f:data": {"f:colour": {}}}


async def test_an_owner_that_loses_everything_loses_its_entry(api):
    await api.apply(BLUE, "other")
    forced = (await api.apply(RED, force="true")).object
    assert list(entries(forced)) == [("trueup", "Apply", "")]


async def test_equal_values_are_owned_together_without_a_word(api):
    await api.apply(BLUE, "other")
    answer = await api.apply(BLUE)
    assert answer.code == 200
    assert fields(answer.object, "other") == fields(answer.object) == {"f:data": {"f:colour": {}}}


async def test_a_field_that_is_no_longer_named_goes(api):
    await api.apply(BOTH)
    assert (await api.apply(BLUE)).object["data"] == {"colour": "blue"}


async def test_a_field_that_somebody_shares_stays(api):
    await api.apply(BOTH)
    await api.apply(BOTH, "other")
    left = (await api.apply(BLUE)).object
    assert left["data"] == {"colour": "blue", "size": "3"}
    assert fields(left) == {"f:data": {"f:colour": {}}}


async def test_a_field_with_a_default_falls_back_to_it(api):
    await api.apply(deployment(minReadySeconds=5, revisionHistoryLimit=3))
    spec = (await api.apply(deployment())).object["spec"]
    assert "minReadySeconds" not in spec
    assert spec["revisionHistoryLimit"] == 10


async def test_fields_of_others_are_left_alone(api):
    await api.apply(BLUE)
    await api.patch(BLUE, {"data": {"size": "3"}, "metadata": {"annotations": {"note": "x"}}})
    again = (await api.apply(RED)).object
    assert again["data"] == {"colour": "red", "size": "3"}
    assert again["metadata"]["annotations"] == {"note": "x"}


async def test_null_names_nothing(api):
    made = (await api.apply(document("v1", "ConfigMap", "settings", data={"colour": "blue"}, binaryData=None))).object
    assert "binaryData" not in made


async def test_nobody_owns_the_identity_of_an_object(api):
    made = (await api.apply(BLUE)).object
    assert fields(made) == {"f:data": {"f:colour": {}}}


async def test_apply_by_two_appliers_is_two_entries_and_update_a_third(api):
    await api.apply(BLUE, "one")
    await api.apply(config_map(data={"size": "3"}), "two")
    await api.patch(BLUE, {"data": {"shape": "round"}}, "one")
    live = (await api.get(BLUE)).object
    assert set(entries(live)) == {("one", "Apply", ""), ("two", "Apply", ""), ("one", "Update", "")}


async def test_an_applier_without_a_name_is_refused(api):
    answer = await api.send("PATCH", api.path(BLUE), BLUE, content="application/apply-patch+yaml")
    assert answer.refusal == (422, "Invalid")
    assert answer.causes == [("FieldValueRequired", "fieldManager")]


@pytest.mark.parametrize(
    ("change", "refusal", "words"),
    [
        pytest.param({"apiVersion": "v2"}, (400, "BadRequest"), "invalid object type", id="another version"),
        pytest.param({"kind": "Secret"}, (400, "BadRequest"), "invalid object type", id="another kind"),
        pytest.param({"metadata": {"name": "else"}}, (400, "BadRequest"), "does not match the name on the URL", id="another name"),
        pytest.param(
            {"metadata": {"name": "settings", "namespace": "else"}}, (400, "BadRequest"),
            "the namespace of the provided object does not match", id="another namespace",
        ),
        pytest.param(
            {"metadata": {"name": "settings", "managedFields": []}}, (400, "BadRequest"), "metadata.managedFields must be nil",
            id="managed fields",
        ),
        pytest.param(
            {"metadata": {"name": "settings", "uid": "0b6ef2f0-0000-0000-0000-000000000000"}}, (409, "Conflict"), "uid mismatch",
            id="a uid where nothing is",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_applied(api, change, refusal, words):
    answer = await api.send("PATCH", api.path(BLUE), BLUE | change, content="application/apply-patch+yaml", fieldManager="trueup")
    assert answer.refusal == refusal
    assert words in answer.message


async def test_another_uid_answers_422(api):
    await api.apply(BLUE)
    answer = await api.apply(config_map(uid="0b6ef2f0-0000-0000-0000-000000000000"))
    assert answer.refusal == (422, "Invalid")
    assert answer.causes == [("FieldValueInvalid", "metadata.uid")]


async def test_an_old_resource_version_answers_409_without_causes(api):
    made = (await api.apply(BLUE)).object
    await api.apply(RED)
    answer = await api.apply(config_map(resourceVersion=made["metadata"]["resourceVersion"]), force="true")
    assert answer.refusal == (409, "Conflict")
    assert "causes" not in answer.body["details"]


async def test_yaml_is_taken_as_well_as_json(api):
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n"
    answer = await api.send("PATCH", api.path(BLUE), body, content="application/apply-patch+yaml", fieldManager="trueup")
    assert answer.object["data"] == {"colour": "blue"}


async def test_a_dry_run_answers_as_if_and_changes_nothing(api):
    new = await api.apply(BLUE, dryRun="All")
    assert new.code == 201
    assert new.object["data"] == {"colour": "blue"}
    assert (await api.get(BLUE)).code == 404
    made = (await api.apply(BLUE)).object
    changed = (await api.apply(RED, dryRun="All")).object
    assert changed["data"] == {"colour": "red"}
    assert changed["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert (await api.get(BLUE)).object == made


async def test_a_dry_run_shows_conflicts_and_defaults(api):
    await api.apply(BLUE, "other")
    assert (await api.apply(RED, dryRun="All")).refusal == (409, "Conflict")
    assert (await api.apply(deployment(), dryRun="All")).object["spec"]["revisionHistoryLimit"] == 10


async def test_a_dry_run_of_nothing_new_is_the_live_object(api):
    made = (await api.apply(cron_job())).object
    assert (await api.apply(cron_job(), dryRun="All")).object == made
