import pytest

from trueup.sandbox.status import Refused
from trueup.sandbox.store import Store

SECRETS = ("", "secrets")


def secret(name, value, namespace="shop"):
    return {"metadata": {"name": name, "namespace": namespace}, "data": value}


def names(documents):
    return [document["metadata"]["name"] for document in documents]


def test_a_collection_is_in_the_order_of_namespace_and_name():
    store = Store(history=10)
    for name, namespace in (("b", "x"), ("a", "y"), ("a", "x")):
        store.put(SECRETS, secret(name, 1, namespace))
    assert [(d["metadata"]["namespace"], d["metadata"]["name"]) for d in store.all(SECRETS)] == [
        ("x", "a"),
        ("x", "b"),
        ("y", "a"),
    ]


def test_a_collection_can_be_seen_as_it_was():
    store = Store(history=10)
    store.put(SECRETS, secret("a", 1))
    store.put(SECRETS, secret("b", 1))
    then = store.revision
    store.put(SECRETS, secret("a", 2))
    store.put(SECRETS, secret("c", 1))
    store.put(("", "configmaps"), secret("d", 1))
    store.remove(SECRETS, store.get(SECRETS, "shop", "b"))
    assert names(store.at(then, SECRETS)) == ["a", "b"]
    assert store.at(then, SECRETS)[0]["data"] == 1
    assert store.at(then, SECRETS, "elsewhere") == []
    assert names(store.at(store.revision, SECRETS)) == names(store.all(SECRETS)) == ["a", "c"]


def test_what_was_forgotten_is_refused_with_410():
    store = Store(history=2)
    revisions = [int(store.put(SECRETS, secret("a", n))["metadata"]["resourceVersion"]) for n in range(4)]
    assert len(store.since(revisions[1], SECRETS)) == 2
    with pytest.raises(Refused) as caught:
        store.since(revisions[0], SECRETS)
    assert caught.value.code == 410
    store.forget()
    assert not store.is_current(revisions[2])


def test_a_listener_hears_until_it_ends():
    store, heard = Store(history=1), []
    stop = store.listen(lambda event: heard.append(event.type))
    made = store.put(SECRETS, secret("a", 1))
    store.put(SECRETS, secret("a", 2))
    stop()
    store.remove(SECRETS, made)
    assert heard == ["ADDED", "MODIFIED"]
