import pytest

from trueup.sandbox.bodies import duplicate_keys, duplicates, parse_yaml
from trueup.sandbox.status import Refused


@pytest.mark.parametrize(
    ("body", "document"),
    [
        pytest.param(b"a: yes", {"a": True}, id="the switches of YAML 1.1"),
        pytest.param(b"a: 2026-01-01", {"a": "2026-01-01"}, id="no dates"),
        pytest.param(b"1: a", {"1": "a"}, id="keys are text"),
        pytest.param(b'{"a": 1}', {"a": 1}, id="JSON"),
        pytest.param(b"{a: 1}", {"a": 1}, id="flow style is not JSON"),
        pytest.param(b"a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}, id="aliases"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_yaml_is_read_as_the_server_does(body, document):
    assert parse_yaml(body) == document


BOMB = b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n".encode() for n in range(1, 8)
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"a: b: c", "mapping values", id="no YAML"),
        pytest.param(b"[" * 200 + b"]" * 200, "nests too deeply", id="deep"),
        pytest.param(BOMB, "excessive aliasing", id="a bomb of aliases"),
        pytest.param(b"a: &a [*a]", "excessive aliasing", id="what contains itself"),
    ],
)
def test_what_is_refused(body, words):
    with pytest.raises(ValueError, match=words):
        parse_yaml(body)


def test_binary_is_no_json():
    with pytest.raises(Refused, match="is not JSON"):
        parse_yaml(b"a: !!binary aGk=")


def test_fields_that_stand_twice_are_named_by_path_or_line():
    assert duplicates(b'{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 2}], "c": []}') == ["a.b", "c[0].d", "c"]
    assert duplicates(b"no JSON") == []
    assert duplicate_keys(b"a: 1\nb:\n  c: 1\n  c: 2\n") == ['line 4: key "c" already set in map']
