"""Lists under server-side apply: by key, as sets, as a whole, empty, and with keys that the server fills in."""

import json

import pytest

from tests.contract.api import fields
from tests.contract.objects import config_map, container, custom, definition, deployment, network_policy, service

TCP, UDP = {"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}


def environment(**values):
    """A Deployment with these variables, in this order."""
    return deployment("web", container(env=[{"name": name, "value": value} for name, value in values.items()]))


def variables(live):
    return {each["name"]: each["value"] for each in live["spec"]["template"]["spec"]["containers"][0].get("env", ())}


def of_container(tree, name="web"):
    return tree["f:spec"]["f:template"]["f:spec"]["f:containers"][f'k:{{"name":"{name}"}}']


async def test_items_with_keys_are_owned_one_by_one(api):
    await api.apply(environment(A="1", B="2"))
    merged = (await api.apply(environment(C="3"), "other")).object
    assert variables(merged) == {"A": "1", "B": "2", "C": "3"}
    assert set(of_container(fields(merged))["f:env"]) == {'k:{"name":"A"}', 'k:{"name":"B"}'}
    assert of_container(fields(merged, "other"))["f:env"] == {'k:{"name":"C"}': {".": {}, "f:name": {}, "f:value": {}}}


async def test_an_item_that_is_no_longer_named_goes_and_those_of_others_stay(api):
    await api.apply(environment(A="1", B="2"))
    await api.apply(environment(C="3"), "other")
    assert variables((await api.apply(environment(B="2"))).object) == {"B": "2", "C": "3"}


async def test_an_item_is_created_with_its_defaults(api):
    ports = (await api.apply(service(ports=[{"port": 80}]))).object["spec"]["ports"]
    assert ports == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


async def test_a_key_that_is_left_out_counts_with_its_default(api):
    made = (await api.apply(service("dns", [TCP, UDP]))).object
    assert set(fields(made)["f:spec"]["f:ports"]) == {'k:{"port":53,"protocol":"TCP"}', 'k:{"port":53,"protocol":"UDP"}'}
    assert fields(made)["f:spec"]["f:ports"]['k:{"port":53,"protocol":"TCP"}'] == {".": {}, "f:name": {}, "f:port": {}}
    again = await api.apply(service("dns", [TCP, UDP]))
    assert again.version == made["metadata"]["resourceVersion"]


async def test_a_member_of_a_set_is_owned_by_itself(api):
    made = (await api.apply(config_map(finalizers=["example.com/a", "example.com/b"]))).object
    assert fields(made)["f:metadata"]["f:finalizers"] == {'v:"example.com/a"': {}, 'v:"example.com/b"': {}} | (
        {".": {}} if "." in fields(made)["f:metadata"]["f:finalizers"] else {}
    )
    both = (await api.apply(config_map(finalizers=["example.com/c"]), "other")).object
    assert set(both["metadata"]["finalizers"]) == {"example.com/a", "example.com/b", "example.com/c"}
    less = (await api.apply(config_map(finalizers=["example.com/a"]))).object
    assert set(less["metadata"]["finalizers"]) == {"example.com/a", "example.com/c"}


async def test_members_of_a_set_are_escaped_as_go_does(api, defined):
    words = {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}
    widgets = await defined(definition("Widget", spec={"type": "object", "properties": {"words": words}}))
    made = (await api.apply(custom(widgets, spec={"words": ["a<b&c"]}))).object
    member = next(name for name in fields(made)["f:spec"]["f:words"] if name != ".")
    assert member == 'v:"a\\u003cb\\u0026c"'
    assert json.loads(member[2:]) == "a<b&c"


async def test_an_atomic_list_is_owned_as_a_whole(api):
    arguments = deployment("web", container(args=["--port", "80"]))
    made = (await api.apply(arguments)).object
    assert of_container(fields(made))["f:args"] == {}
    longer = deployment("web", container(args=["--port", "80", "--debug"]))
    assert (await api.apply(longer, "other")).causes == [
        ("FieldManagerConflict", '.spec.template.spec.containers[name="web"].args')
    ]


async def test_an_empty_atomic_list_is_owned_though_it_is_not_kept(api):
    made = (await api.apply(network_policy())).object
    assert fields(made)["f:spec"]["f:ingress"] == {}
    assert "ingress" not in made["spec"]
    opened = (await api.patch(network_policy(), {"spec": {"ingress": [{}]}})).object
    assert fields(opened, "kubectl-edit", "Update")["f:spec"] == {"f:ingress": {}}
    assert (await api.apply(network_policy())).causes == [("FieldManagerConflict", ".spec.ingress")]
    closed = (await api.apply(network_policy(), force="true")).object
    assert "ingress" not in closed["spec"]


async def test_an_empty_list_by_key_removes_nothing_of_others(api):
    await api.apply(environment(A="1"), "other")
    wanted = deployment("web", container(env=[]))
    assert variables((await api.apply(wanted, force="true")).object) == {"A": "1"}


async def test_the_order_of_the_applied_list_wins(api):
    await api.apply(environment(A="1", B="2"))
    assert list(variables((await api.apply(environment(B="2", A="1"))).object)) == ["B", "A"]


async def test_an_empty_map_is_owned_and_kept(api):
    pod = deployment("web", container(volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}]))
    pod["spec"]["template"]["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    made = (await api.apply(pod)).object
    assert made["spec"]["template"]["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {}}]
    volumes = fields(made)["f:spec"]["f:template"]["f:spec"]["f:volumes"]
    assert volumes == {'k:{"name":"tmp"}': {".": {}, "f:emptyDir": {}, "f:name": {}}}


async def test_a_nested_key_of_two_fields(api):
    mounts = [{"mountPath": "/a", "name": "tmp"}, {"mountPath": "/b", "name": "tmp"}]
    pod = deployment("web", container(volumeMounts=mounts))
    pod["spec"]["template"]["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    made = (await api.apply(pod)).object
    assert set(of_container(fields(made))["f:volumeMounts"]) == {'k:{"mountPath":"/a"}', 'k:{"mountPath":"/b"}'}


@pytest.mark.parametrize(
    ("list_type", "merged"),
    [
        pytest.param({"x-kubernetes-list-type": "set"}, {"ours", "theirs"}, id="set"),
        pytest.param({"x-kubernetes-list-type": "atomic"}, {"theirs"}, id="atomic"),
        pytest.param({}, {"theirs"}, id="atomic when nothing is said"),
    ],
)
async def test_lists_of_custom_resources_are_what_their_definition_says(api, defined, list_type, merged):
    words = {"type": "array", "items": {"type": "string"}, **list_type}
    widgets = await defined(definition("Widget", spec={"type": "object", "properties": {"words": words}}))
    await api.apply(custom(widgets, spec={"words": ["ours"]}))
    live = (await api.apply(custom(widgets, spec={"words": ["theirs"]}), "other", force="true")).object
    assert set(live["spec"]["words"]) == merged


async def test_a_map_of_a_definition_can_be_atomic(api, defined):
    atomic = {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-map-type": "atomic"}
    widgets = await defined(definition("Widget", spec={"type": "object", "properties": {"marks": atomic}}))
    made = (await api.apply(custom(widgets, spec={"marks": {"a": "1"}}))).object
    assert fields(made)["f:spec"]["f:marks"] == {}
    assert (await api.apply(custom(widgets, spec={"marks": {"b": "1"}}), "other")).refusal == (409, "Conflict")


async def test_items_of_a_definition_are_matched_by_its_keys(api, defined):
    item = {
        "type": "object",
        "required": ["host"],
        "properties": {"host": {"type": "string"}, "port": {"type": "integer", "default": 80}, "note": {"type": "string"}},
    }
    rules = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["host", "port"]}
    widgets = await defined(definition("Widget", spec={"type": "object", "properties": {"rules": rules}}))
    wanted = custom(widgets, spec={"rules": [{"host": "a", "note": "x"}, {"host": "a", "port": 443}]})
    made = (await api.apply(wanted)).object
    assert {rule["port"] for rule in made["spec"]["rules"]} == {80, 443}
    assert set(fields(made)["f:spec"]["f:rules"]) == {'k:{"host":"a","port":80}', 'k:{"host":"a","port":443}'}
    assert (await api.apply(wanted)).version == made["metadata"]["resourceVersion"]


async def test_an_object_is_read_as_it_was(api):
    first = (await api.create(config_map())).object
    await api.patch(config_map(), {"data": {"colour": "red"}})
    query = {"resourceVersionMatch": "Exact", "fieldSelector": "metadata.name=settings"}
    answer = await api.list(config_map(), resourceVersion=first["metadata"]["resourceVersion"], **query)
    assert [item["data"] for item in answer.object["items"]] == [{"colour": "blue"}]
    await api.delete(config_map())
    again = await api.list(config_map(), resourceVersion=first["metadata"]["resourceVersion"], **query)
    assert again.object["items"] == answer.object["items"]


async def test_what_was_is_forgotten_in_time(api, server):
    first = (await api.create(config_map())).object
    await api.patch(config_map(), {"data": {"colour": "red"}})
    await server.forget()
    answer = await api.list(config_map(), resourceVersion=first["metadata"]["resourceVersion"], resourceVersionMatch="Exact")
    if answer.code == 200:  # a server's own snapshots may reach further back than its store
        assert [item["data"] for item in answer.object["items"]] == [{"colour": "blue"}]
    else:
        assert (answer.refusal, answer.message) == ((410, "Expired"), "The resourceVersion for the provided list is too old.")


async def test_what_was_at_no_version_is_refused(api):
    answer = await api.list(config_map(), resourceVersionMatch="Exact")
    assert answer.refusal == (422, "Invalid")
