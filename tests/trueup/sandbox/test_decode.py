from decimal import Decimal

import pytest

from trueup.sandbox.decode import Reading, Unreadable, amount, decode, quantity
from trueup.sandbox.schema import named


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("1000m", "1"), ("0.5", "500m"), ("1", "1"), ("1024Ki", "1Mi"), ("1536Mi", "1536Mi"), ("1000k", "1M"), ("1e3", "1e3"), ("0", "0"),
        ("2Ti", "2Ti"), ("-1500m", "-1500m"), (".5", "500m"), ("1000", "1k"), ("0.5Gi", "512Mi"),
    ],
)  # fmt: skip
def test_a_quantity_is_printed_canonically(written, canonical):
    assert quantity(written) == canonical


@pytest.mark.parametrize("text", ["", "x", "1x", "1 Mi", "--1"])
def test_what_is_no_quantity(text):
    with pytest.raises(Unreadable, match="quantities must match"):
        quantity(text)


def test_quantities_compare_by_what_they_are():
    assert amount("1Gi") == amount("1024Mi") == Decimal(2**30)
    assert amount("100m") < amount("0.2") < amount("1") < amount("1k")
    assert amount("1e3") == amount("1k")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        pytest.param("replicas", 1.5, "cannot convert float64 to int32", id="half a number"),
        pytest.param("replicas", "many", "cannot unmarshal string into Go struct field DeploymentSpec.replicas of type int32", id="text"),
        pytest.param("paused", 1, "cannot unmarshal number into Go struct field DeploymentSpec.paused of type bool", id="number"),
        pytest.param("selector", [], "cannot unmarshal array into Go struct field DeploymentSpec.selector", id="list"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_told_in_the_words_of_the_server(field, value, words):
    with pytest.raises(Unreadable, match=words):
        decode(named("apps.v1.DeploymentSpec"), {field: value}, Reading())


def test_what_is_empty_is_left_out_where_the_server_leaves_it_out():
    variable = decode(named("core.v1.EnvVar"), {"name": "A", "value": ""}, Reading())
    assert variable == {"name": "A"}
    assert decode(named("apps.v1.DeploymentSpec"), {"replicas": 0, "minReadySeconds": 0}, Reading())["replicas"] == 0


def test_unknown_fields_are_paths_in_the_order_of_the_document():
    reading = Reading()
    decode(named("core.v1.Container"), {"name": "a", "x": 1, "ports": [{"containerPort": 1, "y": 2}]}, reading)
    assert reading.unknown == ["x", "ports[0].y"]
