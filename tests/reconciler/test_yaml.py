"""YAML as kubectl reads it: a table of what differs between loaders, kubectl itself, and input that means harm."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import InvalidManifest
from reconciler.yaml import parse_documents, resolve

SCALARS = [
    ("yes", True), ("no", False), ("on", True), ("y", True), ("N", False), ("True", True), ("tRUE", "tRUE"), ("~", None), ("null", None),
    ("nUll", "nUll"), ("0644", 420), ("0o644", 420), ("0O644", 420), ("0X1F", 31), ("0b101", 5), ("1_000", 1000), ("12e3", 12000),
    ("1E3", 1000), ("1e-3", 0.001), (".5", 0.5), ("5.", 5), ("-0", 0), ("Infinity", "Infinity"), ("NaN", "NaN"), ("1:30", "1:30"),
    ("2001-12-14", "2001-12-14"), ("08", 8), ("09", 9), ("-0644", -420), ("0_7", 7), ("1e400", "1e400"), ("1e22", 1e22), ("=", "="),
    ("9223372036854775807", 9223372036854775807), ("1.0", 1), ("100.00", 100), ("-0.0", 0), ("1__0", 10), ("_1", "_1"), ("1_", 1),
    ("0x", "0x"), ("+", "+"), (".", "."), ("+.5", 0.5), ("1e", "1e"), ("0644.5", 644.5), ("1.2.3", "1.2.3"), (".1_0", 0.1), ("'yes'", "yes"),
    ('"1"', "1"), ("!!str 123", "123"), ('!!int "5"', 5), ("!!float 5", 5), ("!!binary aGVsbG8=", "hello"), ("!foo bar", "bar"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[text for text, _ in SCALARS])
def test_scalars_are_kubectls(text, value):
    (raw,) = parse_documents(f"v: {text}\n".encode(), name="f")
    assert raw.document == {"v": value}
    assert type(raw.document["v"]) is type(value)


def test_kubectl_agrees_with_the_table():
    kubectl = Path(sys.executable).with_name("kubectl")
    lines = "".join(f"  k{i}: {text}\n" for i, (text, _) in enumerate(SCALARS))
    document = f"apiVersion: v1\nkind: X\nmetadata: {{name: x}}\nspec:\n{lines}"
    argv = [kubectl, "patch", "--local", "--type=merge", "-p", "{}", "-f", "-", "-o", "json"]
    done = subprocess.run(argv, input=document, capture_output=True, text=True, timeout=30, check=True)
    theirs = json.loads(done.stdout)["spec"]
    ours = parse_documents(document.encode(), name="f")[0].document["spec"]
    assert {k: v for k, v in ours.items() if v is not None} == {k: v for k, v in theirs.items() if v is not None}


@pytest.mark.parametrize(
    ("key", "name"), [("y", "true"), ("1", "1"), ("1e3", "1000"), ("0644", "420"), ("2001-12-14", "2001-12-14"), ("no", "false")]
)
def test_keys_are_text(key, name):
    assert parse_documents(f"{key}: 1\n".encode(), name="f")[0].document == {name: 1}


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("# only words\n", [], id="comment"),
        pytest.param("a: 1\n---\n---\n# x\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="several, some empty"),
        pytest.param("--- # first\na: 1\n", [{"a": 1}], id="separator with comment"),
        pytest.param("\ufeffa: 1\r\nb: 2\r\n", [{"a": 1, "b": 2}], id="byte order mark and CRLF"),
        pytest.param('{"a": 1}\n{"b": 2}', [{"a": 1}, {"b": 2}], id="stream of JSON"),
        pytest.param("kind: List\nitems: [{a: 1}, {b: 2}]", [{"a": 1}, {"b": 2}], id="List"),
        pytest.param("a: &x {b: 1}\nc: {<<: *x, d: 2}", [{"a": {"b": 1}, "c": {"b": 1, "d": 2}}], id="merge key"),
        pytest.param("a: |\n  x\n  ---\n  y\n", [{"a": "x\n---\ny\n"}], id="separator within a text"),
    ],
)
def test_documents(text, documents):
    assert [raw.document for raw in parse_documents(text.encode(), name="f")] == documents


def test_a_document_knows_its_line():
    assert [raw.source for raw in parse_documents(b"a: 1\n---\n\nb: 2\n", name="apps/x.yaml")] == [
        "apps/x.yaml, line 1",
        "apps/x.yaml, line 4",
    ]


LEVELS = "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))
BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + LEVELS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: 1\na: 2\n", "stands twice", id="duplicate key"),
        pytest.param('{"a": 1, "a": 2}', "stands twice", id="duplicate key in JSON"),
        pytest.param("a: .inf\n", "quote it", id="infinity"),
        pytest.param("a: [1\n", "line", id="not closed"),
        pytest.param("- 1\n", "no object", id="a list"),
        pytest.param("null: 1\n", "cannot be a key", id="null key"),
        pytest.param("[" * 60_000, "deeper", id="nested brackets, which would end the process"),
        pytest.param('{"a":' * 60_000, "deeper", id="nested JSON"),
        pytest.param("a: &a [*a]\n", "contains itself", id="recursive alias"),
        pytest.param(BOMB, "aliases are expanded", id="half a kilobyte that asks for gigabytes"),
        pytest.param("a: " + "x" * 6_000_000, "MiB", id="too large"),
    ],
)  # fmt: skip
def test_refusals_name_the_file(text, said):
    with pytest.raises(InvalidManifest, match=said) as caught:
        parse_documents(text.encode(), name="apps/x.yaml")
    assert str(caught.value).startswith("apps/x.yaml")


def test_not_finite_is_an_error():
    with pytest.raises(ValueError, match="quote it"):
        resolve("-.INF")
