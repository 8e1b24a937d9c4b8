"""Anchors, merge keys and bounds. What could end a process is tried in one of its own, with 512 MiB."""

import textwrap

import pytest
import yaml

from reconciler.yaml.builder import LIMIT_DEPTH, build
from tests.servers.limited import run_limited

READ = """
import sys
from reconciler.errors import InvalidManifest
from reconciler.yaml.documents import parse_documents
text = eval(sys.argv[1])
try:
    print(len(parse_documents(text.encode(), name="a.yaml", limit_bytes=1 << 30)), "documents")
except InvalidManifest as error:
    print(error)
"""


def value(text: str):
    built = build(textwrap.dedent(text))
    return built.value if built else None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("{z: &z {k: 1, j: 5}, a: {<<: *z, k: 2}}", {"k": 2, "j": 5}, id="what comes after wins"),
        pytest.param("{z: &z {k: 1, j: 5}, a: {k: 2, <<: *z}}", {"k": 1, "j": 5}, id="and loses before: kubectl's way"),
        pytest.param("{z: &z {k: 1}, w: &w {k: 3, l: 4}, a: {<<: [*z, *w]}}", {"k": 1, "l": 4}, id="of a list the first wins"),
        pytest.param("{z: &z {k: 1}, a: {<<: *z, <<: {m: 2}}}", {"k": 1, "m": 2}, id="twice"),
        pytest.param("{a: {'<<': 1}}", {"<<": 1}, id="quoted it is a key"),
        pytest.param("{a: {<<: {<<: {q: 1}}}}", {"q": 1}, id="merge in a merge"),
    ],
)
def test_merge_keys(text, found):
    assert value(text)["a"] == found


def test_a_mapping_that_overrides_a_merged_key_may_be_merged_itself():
    text = """
        x: {w: {a: &a {<<: &z {k: 1}, k: 2}}}
        b: {<<: *a}
    """
    assert value(text)["b"] == {"k": 2}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("&k aa: b\nzz: {*k : c}", {"aa": "b", "zz": {"aa": "c"}}, id="alias as a key"),
        pytest.param("a: &x [1]\nb: *x\nc: &x 2\nd: *x", {"a": [1], "b": [1], "c": 2, "d": 2}, id="anchor set again"),
        pytest.param("a: !!set {x, z}\nb: !!omap [x: 1]", {"a": {"x": None, "z": None}, "b": [{"x": 1}]}, id="sets and ordered maps"),
        pytest.param("a: !foo bar\nb: !foo {c: 1}", {"a": "bar", "b": {"c": 1}}, id="unknown tags are ignored"),
        pytest.param("a: !!timestamp 2001-12-14", {"a": "2001-12-14"}, id="a date stays text"),
        pytest.param("a:\n  enum:\n  - =\n  - '!='", {"a": {"enum": ["=", "!="]}}, id="an equals sign is text"),
        pytest.param("a: {}\nb: []\nc:", {"a": {}, "b": [], "c": None}, id="empty"),
    ],
)  # fmt: skip
def test_values(text, found):
    assert value(text) == found


def test_nothing_is_built_of_nothing():
    assert build("# a comment\n") is None


def test_the_lines_of_items_are_known():
    built = build("# c\nkind: List\nitems:\n- a: 1\n  b: [{c: 1}]\n- d: 1\n")
    assert built is not None
    assert (built.line, built.items) == (1, (3, 5))


def test_the_deepest_that_may_be_is_read_and_one_deeper_is_not():
    assert build("[" * LIMIT_DEPTH + "]" * LIMIT_DEPTH) is not None
    with pytest.raises(yaml.MarkedYAMLError, match="nested deeper than 100 levels"):
        build("[" * (LIMIT_DEPTH + 1) + "]" * (LIMIT_DEPTH + 1))


LAUGHS = "'a0: &a0 [x,x,x,x,x,x,x,x,x]\\n' + ''.join(f'a{i+1}: &a{i+1} [' + ','.join([f'*a{i}']*9) + ']\\n' for i in range(9))"
MERGES = "'a0: &a0 {k: v}\\n' + ''.join(f'a{i+1}: &a{i+1} {{<<: [' + ','.join([f'*a{i}']*9) + ']}\\n' for i in range(9))"
LONG = "'a: &a ' + 'x' * 1000000 + '\\nb: [' + ','.join(['*a'] * 10000) + ']'"
MAPS = "'\\n---\\n'.join(['kind: A'] * 10000)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("'[' * 60000", "nested deeper than 100 levels", id="60 kB of open brackets"),
        pytest.param("'{a: ' * 60000", "nested deeper than 100 levels", id="of open braces"),
        pytest.param("'- ' * 60000", "nested deeper than 100 levels", id="of dashes"),
        pytest.param("'? ' * 60000", "nested deeper than 100 levels", id="of question marks"),
        pytest.param("'{\"a\":' * 60000", "nested deeper than JSON is read", id="of JSON objects"),
        pytest.param(LAUGHS, "more than 500000 values, with aliases expanded", id="a billion laughs"),
        pytest.param(MERGES, "more than 500000 values, with aliases expanded", id="endless merge keys"),
        pytest.param(LONG, "more than 20 MiB, with aliases expanded", id="one long text, ten thousand times"),
        pytest.param("'a: &a [*a]'", "alias *a contains itself", id="an alias in its own anchor"),
        pytest.param("'a: &a {<<: *a}'", "alias *a contains itself", id="a merge of itself"),
        pytest.param("'a: &a {b: &b [*a, *b]}'", "alias *a contains itself", id="two anchors in each other"),
        pytest.param("'a: ' + 'x' * 50_000_000", "more than 20 MiB", id="a scalar of 50 MB"),
        pytest.param("'a: ' + '9' * 5_000_000", "1 documents", id="a number of five million digits is a text"),
        pytest.param("'a: 0x' + 'f' * 5_000_000", "1 documents", id="also in hexadecimal"),
        pytest.param("'{\"a\": ' + '9' * 100_000 + '}'", "infinite, too large or no number", id="in JSON it is refused"),
        pytest.param("'{' + ','.join(f'k{i}: 1' for i in range(200_000)) + '}'", "1 documents", id="200,000 keys of one mapping"),
        pytest.param(MAPS, "10000 documents", id="10,000 documents"),
    ],
)  # fmt: skip
def test_hostile_text_is_refused_with_words_within_memory_and_time(text, said):
    ended = run_limited(READ, text)
    assert said in ended.said
    assert ended.code == 0
    assert ended.seconds < 20
