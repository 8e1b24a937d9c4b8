"""Creating objects: what the server adds, and what it refuses."""

import re

from tests.contract.api import entries
from tests.contract.objects import config_map, deployment, document, service


async def test_a_new_object_gets_an_identity(api):
    made = (await api.create(config_map())).object
    metadata = made["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["resourceVersion"].isdecimal()
    assert metadata["namespace"] == api.namespace
    assert "generation" not in metadata
    assert (await api.get(made)).object == made


async def test_a_new_object_answers_201_and_names_who_made_it(api):
    answer = await api.create(config_map(), "somebody")
    assert answer.code == 201
    assert list(entries(answer.object)) == [("somebody", "Update", "")]


async def test_without_a_field_manager_the_user_agent_is_it(api):
    made = (await api.send("POST", api.path(config_map(), is_collection=True), config_map())).object
    assert list(entries(made)) == [("contract", "Update", "")]


async def test_a_name_that_is_taken_answers_409_already_exists(api):
    await api.create(config_map())
    assert (await api.create(config_map())).refusal == (409, "AlreadyExists")


async def test_an_identity_of_another_time_is_not_taken_over(api):
    old = {"uid": "0b6ef2f0-0000-0000-0000-000000000000", "creationTimestamp": "2020-01-01T00:00:00Z", "generation": 7}
    made = (await api.create(deployment(metadata=old))).object["metadata"]
    assert made["uid"] != old["uid"]
    assert made["creationTimestamp"] != old["creationTimestamp"]
    assert made["generation"] == 1


async def test_a_resource_version_on_a_new_object_is_refused(api):
    answer = await api.create(config_map(resourceVersion="5"))
    assert answer.refusal[0] in (400, 500)
    assert "resourceVersion should not be set on objects to be created" in answer.message


async def test_generate_name_makes_a_name_each_time(api):
    names = {
        (await api.create(document("v1", "ConfigMap", "", metadata={"generateName": "job-"}))).object["metadata"]["name"]
        for _ in range(2)
    }
    assert len(names) == 2
    assert all(re.fullmatch(r"job-[a-z0-9]{5}", name) for name in names)


async def test_without_any_name_it_is_invalid(api):
    answer = await api.create(document("v1", "ConfigMap", ""))
    assert answer.refusal == (422, "Invalid")
    assert ("FieldValueRequired", "metadata.name") in answer.causes


async def test_defaults_are_filled_in_and_owned_by_whoever_made_the_object(api):
    made = (await api.create(deployment(), "somebody")).object
    assert made["spec"]["revisionHistoryLimit"] == 10
    assert made["spec"]["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    assert made["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] == "/dev/termination-log"
    assert "f:revisionHistoryLimit" in entries(made)["somebody", "Update", ""]["f:spec"]


async def test_a_service_is_given_an_address_that_it_keeps(api):
    made = (await api.create(service())).object
    assert re.fullmatch(r"10(\.\d+){3}", made["spec"]["clusterIP"])
    assert made["spec"]["clusterIPs"] == [made["spec"]["clusterIP"]]
    again = (await api.apply(service(), force="true")).object
    assert again["spec"]["clusterIP"] == made["spec"]["clusterIP"]


async def test_a_namespace_that_is_not_there_answers_404_and_names_it(api):
    answer = await api.create(config_map(namespace="nowhere"))
    assert answer.refusal == (404, "NotFound")
    assert answer.body["details"] == {"name": "nowhere", "kind": "namespaces"}


async def test_a_namespace_other_than_that_of_the_path_is_refused(api):
    answer = await api.send("POST", api.path(config_map(), is_collection=True), config_map(namespace="other"))
    assert answer.refusal == (400, "BadRequest")


async def test_server_set_metadata_of_a_secret_value_written_as_text(api):
    made = (await api.create(document("v1", "Secret", "password", data={"old": "b2xk"}, stringData={"new": "new"}))).object
    assert made["data"] == {"old": "b2xk", "new": "bmV3"}
    assert "stringData" not in made
    assert made["type"] == "Opaque"
