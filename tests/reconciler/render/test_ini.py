"""INI files are read and written as SOPS does; the real one is asked in test_decrypted."""

import pytest

from reconciler.render.ini import read, write


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        pytest.param("[a]\nb = c\nd=e=f\n", {"a": {"b": "c", "d": "e=f"}}, id="keys"),
        pytest.param("x = 1\n\n[a]\n", {"DEFAULT": {"x": "1"}, "a": {}}, id="before the first section"),
        pytest.param("; c\n[a]\n# d\nb =\n", {"a": {"b": ""}}, id="comments"),
        pytest.param('[a]\nb = """x\ny = z"""\nc = d', {"a": {"b": "x\ny = z", "c": "d"}}, id="three quotes"),
        pytest.param('[a]\nb = `c;d`\ne = " f "\ng = "h', {"a": {"b": "c;d", "e": " f ", "g": '"h'}}, id="quotes"),
        pytest.param("", {}, id="nothing"),
    ],
)
def test_what_is_read(text, sections):
    assert read(text) == sections
    assert read(write(sections)) == sections


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\nb\n", "line 2: is no key = value"),
        ("[a]\n[a]\n", "line 2: the section a is there twice"),
        ("a=1\n a = 2", "line 2: is there twice"),
    ],
)
def test_what_has_no_meaning_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_what_is_written():
    assert write({"DEFAULT": {"x": "1"}, "a": {"long": "c\nd", "e": "`"}, "f": {}}) == (
        'x = 1\n\n[a]\nlong = """c\nd"""\ne    = """`"""\n\n[f]\n'
    )
