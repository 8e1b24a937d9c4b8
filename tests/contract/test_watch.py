"""Watches: what they begin with, what they tell, and how they end."""

from tests.contract.objects import config_map, custom, definition, secret

OURS = {"trueup.dev/instance": "trueup"}
SELECTED = {"labelSelector": "trueup.dev/instance=trueup"}


async def version_of(api, document):
    """The version of a list, from which a watch goes on."""
    return (await api.list(document)).version


async def test_a_watch_tells_what_happens_after_its_version(api):
    start = await version_of(api, secret())
    async with api.watch(secret(), resourceVersion=start) as watch:
        made = (await api.create(secret(word="YQ=="))).object
        assert await watch.next() == ("ADDED", made)
        changed = (await api.patch(secret(), {"data": {"word": "Yg=="}})).object
        assert await watch.next() == ("MODIFIED", changed)
        await api.delete(secret())
        kind, gone = await watch.next()
        assert (kind, gone["metadata"]["uid"]) == ("DELETED", made["metadata"]["uid"])
        assert int(gone["metadata"]["resourceVersion"]) > int(changed["metadata"]["resourceVersion"])


async def test_a_watch_that_is_resumed_misses_nothing(api):
    start = await version_of(api, secret())
    made = (await api.create(secret())).object
    await api.delete(secret())
    async with api.watch(secret(), resourceVersion=start) as watch:
        assert [(await watch.next())[0] for _ in range(2)] == ["ADDED", "DELETED"]
    async with api.watch(secret(), resourceVersion=made["metadata"]["resourceVersion"]) as watch:
        assert (await watch.next())[0] == "DELETED"


async def test_a_watch_without_a_version_begins_with_everything(api):
    await api.create(secret("one"))
    await api.create(secret("two"))
    async with api.watch(secret()) as watch:
        found = [await watch.next() for _ in range(2)]
    assert sorted((kind, each["metadata"]["name"]) for kind, each in found) == [("ADDED", "one"), ("ADDED", "two")]


async def test_a_write_that_changes_nothing_is_no_event(api):
    made = (await api.apply(secret(word="YQ=="))).object
    async with api.watch(secret(), resourceVersion=made["metadata"]["resourceVersion"]) as watch:
        await api.apply(secret(word="YQ=="))
        await api.apply(secret(word="Yg=="))
        kind, changed = await watch.next()
    assert (kind, changed["data"]) == ("MODIFIED", {"word": "Yg=="})


async def test_a_label_that_is_removed_arrives_as_deleted(api):
    start = await version_of(api, config_map())
    async with api.watch(config_map(), resourceVersion=start, **SELECTED) as watch:
        made = (await api.create(config_map(labels=OURS))).object
        assert (await watch.next())[0] == "ADDED"
        changed = (await api.patch(config_map(), {"metadata": {"labels": None}})).object
        kind, last = await watch.next()
        assert kind == "DELETED"
        assert last["metadata"]["labels"] == OURS  # as it was last seen
        assert last["metadata"]["uid"] == made["metadata"]["uid"]
        assert last["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
    assert (await api.get(config_map())).code == 200


async def test_a_label_that_is_added_arrives_as_added(api):
    await api.create(config_map())
    async with api.watch(config_map(), resourceVersion=await version_of(api, config_map()), **SELECTED) as watch:
        await api.patch(config_map(), {"data": {"colour": "red"}})
        await api.patch(config_map(), {"metadata": {"labels": OURS}})
        kind, seen = await watch.next()
    assert (kind, seen["data"]) == ("ADDED", {"colour": "red"})


async def test_a_deletion_that_waits_for_finalizers_is_a_change_first(api):
    await api.create(config_map(finalizers=["example.com/wait"]))
    async with api.watch(config_map(), resourceVersion=await version_of(api, config_map())) as watch:
        await api.delete(config_map())
        kind, going = await watch.next()
        assert (kind, "deletionTimestamp" in going["metadata"]) == ("MODIFIED", True)
        await api.patch(config_map(), {"metadata": {"finalizers": None}})
        assert (await watch.next())[0] == "DELETED"


async def test_a_watch_over_all_namespaces(api):
    made = (await api.create(config_map(labels={"only": api.namespace}))).object
    path = api.kind(made).path()
    async with api.watch_path(path, labelSelector=f"only={api.namespace}") as watch:
        assert await watch.next() == ("ADDED", made)


async def test_a_bookmark_tells_how_far_a_watch_has_come(api):
    await api.create(secret())
    query = {"allowWatchBookmarks": "true", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    async with api.watch(secret(), **query) as watch:
        assert (await watch.line())[0] == "ADDED"
        kind, mark = await watch.line()
    assert (kind, mark["kind"]) == ("BOOKMARK", "Secret")
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    made = (await api.create(secret("later"))).object
    async with api.watch(secret(), resourceVersion=mark["metadata"]["resourceVersion"]) as watch:
        assert await watch.next() == ("ADDED", made)


async def test_a_watch_ends_when_its_time_is_over(api):
    query = {"timeoutSeconds": "1", "allowWatchBookmarks": "true", "resourceVersion": await version_of(api, secret())}
    async with api.watch(secret(), **query) as watch:
        last = await watch.rest()
    assert all(kind == "BOOKMARK" for kind, _ in last)


async def test_a_version_that_is_too_old_is_an_error_with_410(api, defined, server):
    widgets = await defined(definition("Widget"))
    await api.create(custom(widgets))
    await server.forget()
    async with api.watch(custom(widgets), resourceVersion="1") as watch:
        kind, status = await watch.line()
    assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


async def test_a_watch_whose_selector_cannot_be_read_is_refused(api):
    answer = await api.send("GET", api.path(secret(), is_collection=True), watch="1", labelSelector="a in b")
    assert answer.refusal == (400, "BadRequest")
