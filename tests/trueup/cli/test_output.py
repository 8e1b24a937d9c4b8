"""What commands print: tables that tell all, JSON that is JSON, and nothing that plays tricks on a terminal."""

import json

import click
import pytest
from click.testing import CliRunner

from reconciler.errors import ClusterUnavailable, InvalidManifest, Waiting
from trueup.cli.output import MEANINGS, ExitCode, Failure, complain, json_option, plain, print_json, print_table, told


def printed(*arguments, table=None, value=None):
    @click.command()
    @json_option
    def command(as_json):
        print_json(value) if as_json else print_table(*table)

    return CliRunner().invoke(command, arguments).stdout


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("spec.containers[name=web].image", id="what looks like markup"),
        pytest.param("unexpected [/usr/bin]", id="what looks like the end of markup"),
        pytest.param("fix :bug: [red]now[/red]", id="emoji and colours"),
        pytest.param("x" * 500, id="long"),
        pytest.param("größe 日本", id="letters of the world"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_table_tells_a_cell_as_it_is(cell):
    header, row = printed(table=(("NAME", "MESSAGE"), [("web", cell)])).splitlines()
    assert header.split() == ["NAME", "MESSAGE"]
    assert row.rstrip() == f"web   {cell}".rstrip()


def test_an_empty_table_has_its_header():
    assert printed(table=(("NAME", "STATE"), [])).split() == ["NAME", "STATE"]


@pytest.mark.parametrize("odd", ["\x1b[2J", "\x1b]0;title\x07", "\r", "\x00", "\x9b31m", "\u202e", "\x7f"], ids=repr)
def test_nothing_that_others_wrote_moves_the_cursor(odd):
    assert odd not in printed(table=(("NAME",), [(f"a{odd}b",)]))
    assert plain(f"a{odd}b").startswith("a\ufffd")


@pytest.mark.parametrize("text", ["two\nlines", "a\ttab", "größe 日本 🎉"])
def test_what_people_write_stays(text):
    assert plain(text) == text


@pytest.mark.parametrize("value", [{"a": [1, None, "ü"], "b": {}}, [], {"odd": "\x1b"}])
def test_json_is_json(value):
    out = printed("--json", value=value)
    assert json.loads(out) == value
    assert out.endswith("\n")
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidManifest("a.yaml, line 1"), ExitCode.FAILED),
        (ClusterUnavailable("it does not answer"), ExitCode.UNREACHABLE),
        (Waiting("not yet"), ExitCode.UNREACHABLE),
    ],
)
def test_errors_have_an_exit_code(error, code):
    failure = Failure.of(error)
    assert (failure.code, str(failure)) == (code, str(error))


def test_a_failure_is_one_line_on_standard_error(capsys):
    complain(Failure("it is \x1b[31mred"))
    assert capsys.readouterr() == ("", "trueup: it is \ufffd[31mred\n")


def test_every_exit_code_has_a_meaning():
    assert set(MEANINGS) == set(ExitCode)
    assert told([ExitCode.DONE, ExitCode.HELD]) == "0 done; 4 held for approval"
