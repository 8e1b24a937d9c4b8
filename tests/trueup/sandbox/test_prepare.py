import pytest

from trueup.sandbox.prepare import qos_class

FULL = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        pytest.param([{}], "BestEffort", id="nothing is asked for"),
        pytest.param([{"requests": {"example.com/gpu": "1"}}], "BestEffort", id="only something else"),
        pytest.param([FULL], "Guaranteed", id="all of it, and no more"),
        pytest.param([FULL, {}], "Burstable", id="by one of two"),
        pytest.param([{"requests": {"cpu": "1"}}], "Burstable", id="some"),
    ],
)
def test_the_quality_of_service(resources, quality):
    assert qos_class({"containers": [{"resources": each} for each in resources]}) == quality
