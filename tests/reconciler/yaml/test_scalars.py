"""Every scalar of the table means what kubectl answered for it; fixtures/yaml/scalars.json holds its answers (kubectl 1.37.1)."""

import json
from pathlib import Path

import pytest

from reconciler.yaml.documents import load_one
from reconciler.yaml.scalars import json_number, parse_json_number, resolve_key

TABLE = json.loads((Path(__file__).parents[2] / "fixtures/yaml/scalars.json").read_text())

INT64 = range(-(1 << 63), 1 << 63)

UNEQUAL = {"! 12"}
"""kubectl reads the text "12"; the C parser's events do not tell it from a plain 12."""


@pytest.mark.parametrize(
    ("source", "value"), [row for row in TABLE["values"] if row[0] not in UNEQUAL], ids=lambda part: repr(part)[:30]
)
def test_a_scalar_means_what_kubectl_reads(source, value):
    found = load_one(f"x: {source}\n".encode(), name="x.yaml")["x"]
    is_large = isinstance(value, int) and value not in INT64  # kubectl prints a float of 64 bits as an integer
    assert found == (float(value) if is_large else value)
    assert type(found) is (float if is_large else type(value))


@pytest.mark.parametrize("source", TABLE["errors"])
def test_a_scalar_that_kubectl_refuses_is_refused(source):
    with pytest.raises(Exception, match=r"^x\.yaml, line 1: "):
        load_one(f"x: {source}\n".encode(), name="x.yaml")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("y", "true"),
        ("Off", "false"),
        ("1", "1"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("1e6", "1e+06"),
        ("1e-5", "1e-05"),
        ("1.25", "1.25"),
        ("123456.0", "123456"),
        ("0644", "420"),
        ("08", "8"),
        ("0x10", "16"),
        ("1_000", "1000"),
        ("-3", "-3"),
        ("2001-12-14", "2001-12-14"),
        ("1:30", "1:30"),
        ("web", "web"),
    ],
)
def test_a_key_is_text_as_kubectl_writes_it(text, key):
    assert resolve_key(text) == key


@pytest.mark.parametrize("text", ["", "~", "null", "9223372036854775808", ".inf", ".nan", "3.14159265358979", "1e100", "1e-50"])
def test_what_is_no_key_is_refused_with_the_mend(text):
    with pytest.raises(ValueError, match="quote it"):
        resolve_key(text)


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        ("1.0", 1),
        ("1e2", 100),
        ("-0.0", 0),
        ("1.5", 1.5),
        ("18446744073709551615", 1.8446744073709552e19),
        ("9" * 300, float("9" * 300)),
        ("1.2345678901234567e18", 1234567890123456800),
    ],
    ids=lambda part: str(part)[:20],
)
def test_a_number_of_json_means_what_kubernetes_reads(digits, value):
    found = parse_json_number(digits)
    assert found == value
    assert isinstance(found, int) == isinstance(value, int)


def test_a_number_too_large_for_json_is_refused():
    with pytest.raises(ValueError, match="too large"):
        parse_json_number("1e400")
    with pytest.raises(ValueError, match="too large"):
        parse_json_number("9" * 5000)


@pytest.mark.parametrize("value", [0, -1, (1 << 63) - 1, -(1 << 63)])
def test_an_integer_of_64_bits_stays_one(value):
    assert json_number(value) is value
