import pytest

from trueup.sandbox.controllers.endpoints import OWN_LABELS, wanted_labels


@pytest.mark.parametrize(
    ("labels", "address", "more"),
    [
        pytest.param({}, "10.96.0.1", {}, id="its own"),
        pytest.param({"team": "shop"}, "10.96.0.1", {"team": "shop"}, id="and the Service's"),
        pytest.param({}, "None", {"service.kubernetes.io/headless": ""}, id="headless"),
    ],
)
def test_the_labels_of_a_slice(labels, address, more):
    service = {"metadata": {"name": "web", "labels": labels}, "spec": {"clusterIP": address}}
    assert wanted_labels(service) == {"kubernetes.io/service-name": "web"} | OWN_LABELS | more
