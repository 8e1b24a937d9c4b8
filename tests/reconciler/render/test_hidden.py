"""What was decrypted, or read of a Secret, is found in whatever a renderer made of it; and no message has it."""

import base64
import json
from urllib.parse import quote

import pytest

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.objects import RawDocument
from reconciler.plan.marks import MASKED
from reconciler.render.hidden import Hidden, given_values
from reconciler.render.result import Data, Given

VALUE = "Canary-$ecret 7'"
PEM = "-----BEGIN KEY-----\nbase64ofthekey\n-----END KEY-----\n"


def fields(values, **data):
    """The fields of `data` that are masked."""
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}
    found = Hidden(values).marked(RawDocument(document, "")).document
    said = found["metadata"].get("annotations", {}).get(MASKED, "")
    return sorted(path.removeprefix("data.") for path in said.split()) if said else []


def b64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(VALUE, id="as it is"),
        pytest.param(f"url: http://u:{VALUE}@h/", id="within a text"),
        pytest.param(VALUE.upper(), id="in capitals"),
        pytest.param(b64(VALUE), id="base64"),
        *(pytest.param(b64(f"{'u' * n}:{VALUE}:{'x' * n}"), id=f"within base64, {n}") for n in range(4)),
        pytest.param(base64.urlsafe_b64encode(f"??>{VALUE}".encode()).decode(), id="base64 for URLs"),
        pytest.param("\n".join(b64(VALUE)[n : n + 5] for n in range(0, 30, 5)), id="base64 in lines"),
        pytest.param(json.dumps({"a": f"\n{VALUE}"}), id="JSON"),
        pytest.param(f"a: '{VALUE.replace(chr(39), chr(39) * 2)}'", id="YAML"),
        pytest.param(quote(VALUE), id="a URL"),
        pytest.param(VALUE[4:13], id="a part"),
    ],
)
def test_every_form_of_a_value_is_found(shown):
    assert fields([VALUE], a=shown, b="plain") == ["a"]


@pytest.mark.parametrize(
    ("value", "hidden", "plain"),
    [
        pytest.param("abc", ["abc", "x-abc:1", "ABC"], ["abcd", "xabc"], id="three letters are a word"),
        pytest.param("a", ["a", " a\n"], ["a b", "ab"], id="one letter is a whole text"),
        pytest.param(7, [7, "7"], [8, "17", "x7"], id="a digit"),
        pytest.param(8080, [8080, "http://x:8080/"], [808], id="a number"),
        pytest.param(1.5, [1.5, "1.5"], [1], id="a fraction"),
        pytest.param(True, [True, False, "true"], [1, "yes"], id="true, and so false"),
        pytest.param("false", [True, False], ["falsehood"][:0], id="false as text"),
        pytest.param(b64("decoded secret"), ["decoded secret", "x decoded secret y"], ["decoded"], id="what it encodes"),
        pytest.param(
            f"{PEM}",
            [PEM, PEM.replace("\n", "\n  "), "x: base64ofthekey"],
            [PEM.replace("ofthekey", "ofanother")],
            id="lines of a key",
        ),
        pytest.param("", [], ["", "a"], id="nothing"),
        pytest.param(" ", [], ["", "a b"], id="a space"),
    ],
)
def test_short_and_odd_values(value, hidden, plain):
    shown = {f"hidden{number}": text for number, text in enumerate(hidden)}
    shown |= {f"plain{number}": text for number, text in enumerate(plain)}
    assert fields([value], **shown) == [name for name in shown if name.startswith("hidden")]


def test_data_of_a_secret_is_masked_anyway_and_the_rest_of_it_too():
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": b64(VALUE)}}
    assert Hidden([VALUE]).marked(RawDocument(secret, "")).document == secret
    noted = {**secret, "metadata": {"name": "a", "annotations": {"note": VALUE}}}
    assert (
        Hidden([VALUE]).marked(RawDocument(noted, "")).document["metadata"]["annotations"][MASKED] == "metadata.annotations.note"
    )


def test_items_of_a_list_have_their_own():
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": VALUE}}
    found = Hidden([VALUE]).marked(RawDocument({"kind": "List", "items": [item, 1]}, "")).document
    assert found["items"][0]["metadata"]["annotations"] == {MASKED: "data.x"}
    assert "metadata" not in found


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        pytest.param(
            InvalidManifest(f"a.yaml: {VALUE} is no number"), InvalidManifest, "a.yaml: *** is no number", id="an error"
        ),
        pytest.param(
            InvalidManifest(f"a.yaml: it says {VALUE[:9]}"), InvalidManifest, "a.yaml: it says ***", id="cut within a value"
        ),
        pytest.param(InvalidManifest("a.yaml: all else"), InvalidManifest, "a.yaml: all else", id="about something else"),
        pytest.param(KeyError(VALUE.upper()), RenderFailed, 'the renderer failed: KeyError: "***"', id="a bug"),
    ],
)
def test_no_message_has_a_value(error, kind, told):
    with pytest.raises(kind) as caught, Hidden([VALUE]).kept():
        raise error
    assert str(caught.value) == told


def test_a_bug_without_values_and_a_lack_of_memory_go_through():
    with pytest.raises(KeyError), Hidden([]).kept():
        raise KeyError(VALUE)
    with pytest.raises(MemoryError), Hidden([VALUE]).kept():
        raise MemoryError


def test_values_of_given_secrets_are_hidden_also_those_in_a_file_of_values():
    data = (
        Data(
            "Secret", "s", (("a", "hunter2"), ("values.yaml", "db: {password: swordfish, ports: [1234]}"), ("broken", "a: [\nb"))
        ),
        Data("ConfigMap", "c", (("a", "plain"),)),
    )
    found = list(given_values(Given(data=data)))
    assert {"hunter2", "swordfish", 1234, "a: [\nb"} <= set(found)
    assert "plain" not in found


def test_very_many_values_are_looked_for_in_bounds():
    values = [f"value-number-{number}-of-many" for number in range(1500)]
    assert fields(
        values, **{f"a{number}": f"plain {number}" for number in range(2000)}, b=f"x {values[7]}", c=b64(values[8])
    ) == ["b", "c"]


@pytest.mark.parametrize(
    "shown",
    ["correct horse battery", "swordfish", "a line by itself, of words", "x: a line by itself, of words", "value of a key"],
)
def test_parts_of_a_very_long_value_are_found(shown):
    filler = "\n".join(f"line {number} of a filler" for number in range(1000))
    text = f'{{"a": "correct horse battery", "b": [swordfish]}}\n  a line by itself, of words\nkey: value of a key\n{filler}'
    assert fields([text], a=shown, b="plain and simple") == ["a"]
