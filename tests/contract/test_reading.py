"""Reading collections: pages, selectors, and the version that a list is of."""

import pytest

from tests.contract.objects import deployment, document, secret


@pytest.fixture
async def five(api):
    """Five Secrets, and a document that stands for them."""
    for number in range(5):
        labels = {"even": str(number % 2 == 0), f"n{number}": ""}
        await api.create(document("v1", "Secret", f"s{number}", metadata={"labels": labels}))
    return secret()


def names(answer):
    return [item["metadata"]["name"] for item in answer.object["items"]]


async def test_a_list_is_in_the_order_of_names_and_does_not_repeat_kinds(api, five):
    answer = await api.list(five)
    assert names(answer) == ["s0", "s1", "s2", "s3", "s4"]
    assert (answer.object["kind"], answer.object["apiVersion"]) == ("SecretList", "v1")
    assert "kind" not in answer.object["items"][0]


async def test_pages_follow_one_another_until_there_is_no_more(api, five):
    found, more, counts = [], "", []
    while True:
        answer = await api.list(five, limit="2", **({"continue": more} if more else {}))
        found += names(answer)
        counts.append(answer.object["metadata"].get("remainingItemCount"))
        if not (more := answer.object["metadata"].get("continue", "")):
            break
    assert found == ["s0", "s1", "s2", "s3", "s4"]
    assert counts == [3, 1, None]


async def test_pages_are_of_one_version(api, five):
    first = await api.list(five, limit="2")
    await api.create(secret("s2a"))
    await api.delete(secret("s4"))
    second = await api.list(five, limit="9", **{"continue": first.object["metadata"]["continue"]})
    assert names(second) == ["s2", "s3", "s4"]
    assert second.version == first.version


async def test_a_page_that_is_too_old_answers_410(api, five, server):
    first = await api.list(five, limit="2")
    await api.create(secret("s9"))
    await server.forget()
    query = {"limit": "2", "continue": first.object["metadata"]["continue"]}

    async def is_refused():  # the real server's cache takes some seconds to forget, too
        answer = await api.list(five, **query)
        return answer if answer.code != 200 else None

    answer = await api.until(is_refused, "the page is refused")
    assert answer.refusal == (410, "Expired")
    assert "The provided continue parameter is too old" in answer.message


async def test_a_token_that_is_none_answers_400(api):
    assert (await api.list(secret(), limit="2", **{"continue": "nonsense"})).refusal == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("even=True", ["s0", "s2", "s4"]),
        ("even==True", ["s0", "s2", "s4"]),
        ("even!=True", ["s1", "s3"]),
        ("n3", ["s3"]),
        ("!n3,even=False", ["s1"]),
        ("even in (False,None)", ["s1", "s3"]),
        ("even notin (True)", ["s1", "s3"]),
        ("n1,even=True", []),
    ],
)
async def test_label_selectors(api, five, selector, found):
    assert names(await api.list(five, labelSelector=selector)) == found


async def test_a_selector_that_cannot_be_read_answers_400(api):
    assert (await api.list(secret(), labelSelector="a in b")).refusal == (400, "BadRequest")


async def test_a_field_selector_for_the_name(api, five):
    assert names(await api.list(five, fieldSelector="metadata.name=s3")) == ["s3"]


async def test_a_field_selector_that_is_not_offered_answers_400(api):
    assert (await api.list(secret(), fieldSelector="data.word=x")).refusal == (400, "BadRequest")


async def test_version_0_lists_from_the_cache(api, five):
    async def is_complete():
        return names(await api.list(five, resourceVersion="0")) == ["s0", "s1", "s2", "s3", "s4"]

    await api.until(is_complete, "the cache has seen them")


async def test_a_list_over_all_namespaces(api, five):
    kind = api.kind(five)
    answer = await api.send("GET", kind.path(), labelSelector="even=True")
    assert {(api.namespace, f"s{number}") for number in (0, 2, 4)} <= {
        (item["metadata"]["namespace"], item["metadata"]["name"]) for item in answer.object["items"]
    }


async def test_an_empty_list_has_items_and_a_version(api):
    answer = await api.list(deployment())
    assert answer.object["items"] == []
    assert answer.object["metadata"]["resourceVersion"].isdecimal()


async def test_discovery_names_kinds_scope_and_subresources(api):
    web = api.kinds.find("apps", "Deployment")
    assert (web.plural, web.namespaced, web.has_status, web.has_scale) == ("deployments", True, True, True)
    assert {"get", "list", "watch", "create", "patch", "delete"} <= web.verbs
    settings, role = api.kinds.find("", "ConfigMap"), api.kinds.find("rbac.authorization.k8s.io", "ClusterRole")
    assert (settings.has_status, settings.has_scale) == (False, False)
    assert not role.namespaced
    assert api.kinds.is_complete
    assert api.kinds.version.startswith("v1.")


async def test_the_unaggregated_discovery_says_the_same(api):
    answer = (await api.send("GET", "/apis/apps/v1")).object
    resources = {each["name"]: each for each in answer["resources"]}
    assert resources["deployments"]["kind"] == "Deployment"
    assert {"deployments/status", "deployments/scale"} <= set(resources)
    assert document("apps/v1", "Deployment", "x")["apiVersion"] == answer["groupVersion"]


async def test_the_uid_of_kube_system_is_the_identity_of_a_cluster(api):
    system = document("v1", "Namespace", "kube-system")

    async def is_there():
        return (await api.metadata(system)).code == 200

    await api.until(is_there, "kube-system is made")
    assert (await api.metadata(system)).uid == (await api.metadata(system)).uid
    assert (await api.delete(system)).refusal == (403, "Forbidden")
