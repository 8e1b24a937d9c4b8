"""The forms that Flux documents, and that what is written as YAML on the way is read again as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import InvalidManifest
from reconciler.model.objects import RawDocument
from reconciler.render.substitute import expand, substitute
from reconciler.yaml.documents import load_one
from reconciler.yaml.write import dump

VARIABLES = {"A": "apple", "N": "3", "E": "", "P": "a/b/c.tar.gz", "Q": '"', "U": "ÄB"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${A}", "apple"), ("x${A}y${N}z", "xappley3z"), ("$A ${A} $", "$A apple $"), ("$${A}", "${A}"), ("$${A} ${A}", "${A} apple"),
        ("${E}", ""), ("${E:=d}", "d"), ("${E:-d}", "d"), ("${E-d}", ""), ("${E=d}", ""), ("${X:=d}", "d"), ("${X:-d}", "d"),
        ("${X-d}", "d"), ("${X=d}", "d"), ("${A:=d}", "apple"), ("${X:=}", ""), ("${X:=${A}}", "apple"), ("${X:=${Y:-${N}}}", "3"),
        ("${A:?no}", "apple"), ("${#A}", "5"), ("${A^}", "Apple"), ("${A^^}", "APPLE"), ("${U,,}", "äb"), ("${U,}", "äB"),
        ("${A:1}", "pple"), ("${A:1:3}", "ppl"), ("${A: -2}", "le"), ("${A:9}", ""), ("${A:0:-1}", "appl"),
        ("${A/p/q}", "aqple"), ("${A//p/q}", "aqqle"), ("${A/p}", "aple"), ("${A/#a/b}", "bpple"), ("${A/#p/b}", "apple"),
        ("${A/%e/x}", "applx"), ("${P#*/}", "b/c.tar.gz"), ("${P##*/}", "c.tar.gz"), ("${P%.*}", "a/b/c.tar"), ("${P%%.*}", "a/b/c"),
        ("${P#z}", "a/b/c.tar.gz"), ("${P%/}", "a/b/c.tar.gz"), ("no", "no"), ("", ""),
    ],
)  # fmt: skip
def test_forms(text, expected):
    assert expand(text, VARIABLES) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${X}", r"\$\{X\}: there is no variable X; add it to spec\.render\.substitute"),
        ("${X^}", "there is no variable X"),
        ("${#X}", "there is no variable X"),
        ("${X:?give one}", "^X: give one"),
        ("${E:?}", "^E: is missing or empty"),
        ("${A", "has no closing brace"),
        ("${}", "names no variable"),
        ("${1}", "names no variable"),
        ("${ A }", "names no variable"),
        ("${A@Q}", "'@Q' is no function"),
        ("${A:b}", "is no position and length"),
        ("${A:1:2:3}", "is no position and length"),
        ("${X:=" * 30 + "}" * 30, "too often"),
        ("${A#****a}", "has too many stars"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(ValueError, match=message):
        expand(text, VARIABLES)


def replaced(document, **variables):
    return substitute(RawDocument(document, "a.yaml, line 1"), variables).document


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("${N}", 3, id="a number"),
        pytest.param("${T}", True, id="a boolean"),
        pytest.param("${Q}${N}${Q}", "3", id="quoted on purpose"),
        pytest.param("v${N}", "v3", id="text"),
        pytest.param("yes", "yes", id="what was quoted stays text"),
        pytest.param("${L}", ["a", "b"], id="a list"),
        pytest.param("a\n${N}\n", "a\n3\n", id="several lines"),
        pytest.param("a: ${C}", "a: x", id="a text with a colon"),
    ],
)
def test_a_value_is_read_again(value, expected):
    document = {"kind": "A", "metadata": {"name": "a"}, "spec": {"v": value, "k": "0644", "t": "${N}x"}}
    found = replaced(document, N="3", T="true", Q='"', L="[a, b]", C="x")
    assert found["spec"] == {"v": expected, "k": "0644", "t": "3x"}


@pytest.mark.parametrize("place", ["annotations", "labels"])
@pytest.mark.parametrize("name", ["trueup.dev/substitute", "kustomize.toolkit.fluxcd.io/substitute"])
def test_an_object_opts_out(place, name):
    document = {"kind": "A", "metadata": {"name": "a", place: {name: "disabled"}}, "v": "${X}"}
    assert replaced(document) == document


def test_a_mistake_names_the_object():
    with pytest.raises(InvalidManifest, match=r"^a\.yaml, line 1: ConfigMap web: \$\{X\}: there is no variable X"):
        replaced({"kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "${X}"}})
    with pytest.raises(InvalidManifest, match=r"^a\.yaml, line 1: ConfigMap web, with its variables replaced, line 6: "):
        replaced({"kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "${X}"}}, X="[")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
WORDS = [
    "yes",
    "0644",
    "1e3",
    "~",
    "null",
    ".inf",
    "=",
    "<<",
    "a: b",
    "- a",
    "#c",
    "a\nb\n",
    " a\nb",
    "a\n\n",
    "\t",
    "2001-01-01",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcyn01.:-", min_size=1, max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_what_is_written_is_read_again_as_it_was(value):
    document = {"a": value}
    assert load_one(dump(document).encode(), name="") == document
