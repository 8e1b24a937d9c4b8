"""The subresources `status` and `scale`: who writes what through which door."""

import pytest

from tests.contract.api import JSON_PATCH, MERGE, entries, fields
from tests.contract.objects import config_map, cron_job, custom, definition, deployment, network_policy


async def test_through_status_only_the_status_is_written(api):
    made = (await api.create(cron_job())).object
    change = {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}, "spec": {"schedule": "1 1 1 1 1"}}
    changed = (await api.patch(made, change, "controller", subresource="status")).object
    assert changed["status"] == {"lastScheduleTime": "2026-01-01T00:00:00Z"}
    assert changed["spec"] == made["spec"]
    assert changed["metadata"]["generation"] == 1
    assert fields(changed, "controller", "Update", "status") == {"f:status": {"f:lastScheduleTime": {}}}


async def test_the_status_in_an_apply_is_nobodys(api):
    made = (await api.apply(cron_job() | {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}})).object
    assert made["status"] == {}
    assert "f:status" not in fields(made)


async def test_the_status_of_an_apply_through_its_subresource_is_owned(api):
    await api.apply(cron_job())
    status = cron_job() | {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}}
    changed = (await api.apply(status, "controller", subresource="status")).object
    assert fields(changed, "controller", "Apply", "status") == {"f:status": {"f:lastScheduleTime": {}}}
    assert fields(changed)["f:spec"]


async def test_the_status_of_a_custom_resource(api, defined):
    widgets = await defined(definition("Widget"))
    made = (await api.apply(custom(widgets, spec={"size": 3}, status={"ready": True}))).object
    assert "status" not in made
    assert fields(made) == {"f:spec": {"f:size": {}}}
    change = {"status": {"ready": True}, "spec": {"size": 4}, "metadata": {"labels": {"a": "b"}}}
    changed = (await api.patch(made, change, "controller", subresource="status")).object
    assert (changed["spec"], changed["status"], changed["metadata"].get("labels")) == ({"size": 3}, {"ready": True}, None)
    assert changed["metadata"]["generation"] == 1


async def test_a_kind_without_status_has_none(api):
    await api.create(config_map())
    assert (await api.get(config_map(), "status")).refusal == (404, "NotFound")
    assert (await api.apply(network_policy(), subresource="status")).refusal == (404, "NotFound")


async def test_scale_shows_replicas_and_selector(api):
    made = (await api.create(deployment(replicas=2, paused=True))).object
    scale = (await api.get(made, "scale")).object
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"]["selector"] == "app=web"
    assert scale["metadata"]["uid"] == made["metadata"]["uid"]


@pytest.mark.parametrize("way", ["put", "merge", "json", "apply"])
async def test_scaling_is_an_entry_of_the_subresource(api, way):
    await api.create(deployment(replicas=2))
    scale = (await api.get(deployment(), "scale")).object
    match way:
        case "put":
            del scale["metadata"]["resourceVersion"]
            answer = await api.replace(scale | {"spec": {"replicas": 1}}, "scaler", path=api.path(deployment(), "scale"))
        case "merge":
            answer = await api.patch(deployment(), {"spec": {"replicas": 1}}, "scaler", content=MERGE, subresource="scale")
        case "json":
            change = [{"op": "replace", "path": "/spec/replicas", "value": 1}]
            answer = await api.patch(deployment(), change, "scaler", content=JSON_PATCH, subresource="scale")
        case _:
            wanted = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 1}}
            answer = await api.apply(wanted, "scaler", path=api.path(deployment(), "scale"), force="true")
    assert answer.object["kind"] == "Scale"
    live = (await api.get(deployment())).object
    assert live["spec"]["replicas"] == 1
    assert fields(live, "scaler", "Apply" if way == "apply" else "Update", "scale") == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in fields(live, "kubectl-create", "Update")["f:spec"]
    assert live["metadata"]["generation"] == 2


async def test_replicas_scaled_to_zero_are_nobodys(api):
    """A Scale with 0 replicas is written without the field, so nobody is named who could have done it."""
    await api.apply(deployment(replicas=2))
    scale = (await api.patch(deployment(), {"spec": {"replicas": 0}}, "scaler", subresource="scale")).object
    assert scale["spec"] == {}
    live = (await api.get(deployment())).object
    assert live["spec"]["replicas"] == 0
    assert "f:replicas" not in fields(live)["f:spec"]
    assert fields(live, "scaler", "Update", "scale") == {}


async def test_scaling_by_an_applier_conflicts_like_any_apply(api):
    await api.apply(deployment(replicas=2))
    wanted = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 0}}
    answer = await api.apply(wanted, "scaler", path=api.path(deployment(), "scale"))
    assert answer.refusal == (409, "Conflict")
    assert answer.causes == [("FieldManagerConflict", ".spec.replicas")]


async def test_a_custom_resource_scales_where_its_definition_says(api, defined):
    widgets = await defined(definition("Widget"))
    await api.apply(custom(widgets, spec={"replicas": 3}))
    assert (await api.get(custom(widgets), "scale")).object["spec"] == {"replicas": 3}
    await api.patch(custom(widgets), {"spec": {"replicas": 1}}, "scaler", subresource="scale")
    live = (await api.get(custom(widgets))).object
    assert live["spec"] == {"replicas": 1}
    assert fields(live, "scaler", "Update", "scale") == {"f:spec": {"f:replicas": {}}}
    assert ("trueup", "Apply", "") not in entries(live)


async def test_a_kind_without_scale_has_none(api):
    await api.create(config_map())
    assert (await api.get(config_map(), "scale")).refusal == (404, "NotFound")
