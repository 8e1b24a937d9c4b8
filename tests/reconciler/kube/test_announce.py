"""Events about objects: where they go, and within the server's limits."""

import pytest

from reconciler.kube.announce import Announcement, event
from reconciler.model.declared import Instance
from tests.reconciler.plan.made import key, live

WEB = key("Deployment", "web", group="apps")


def test_an_event_names_its_object_and_who_says_it():
    found = event(live(WEB, api_version="apps/v1"), Instance("blue"), Announcement("DriftRepaired", "put back", is_warning=False))
    assert found["metadata"]["namespace"] == "shop"
    about = found["involvedObject"]
    assert (about["apiVersion"], about["kind"], about["name"], about["uid"]) == ("apps/v1", "Deployment", "web", "uid-web")
    assert (found["type"], found["reason"], found["message"]) == ("Normal", "DriftRepaired", "put back")
    assert found["source"] == {"component": "trueup-blue"}


def test_an_event_about_an_object_of_the_cluster_goes_to_the_default_namespace():
    found = event(live(key("Namespace", "web", namespace="")), Instance(), Announcement("DriftFound", "", is_warning=True))
    assert (found["metadata"]["namespace"], found["involvedObject"]["namespace"], found["type"]) == ("default", "", "Warning")


@pytest.mark.parametrize("length", [1, 253])
def test_names_and_messages_stay_within_the_servers_limits(length):
    found = event(live(key(name="n" * length)), Instance(), Announcement("DriftFound", "m" * 5000, is_warning=True))
    assert len(found["metadata"]["name"]) <= 253
    assert len(found["message"]) == 1024
