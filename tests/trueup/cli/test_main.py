"""The table of commands: help that is quick and has an example, exit codes that are documented, errors as one line."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.servers.command_line import leaves, run
from trueup.cli import main as module
from trueup.cli.main import COMMANDS, EXITS, cli, main
from trueup.cli.output import ExitCode, Failure

LEAVES = leaves()
WITHOUT_JSON = {"up", "demo", "receiver", "worker"}
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_help_with_an_example_of_itself(name):
    ended = run(*name.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    command = LEAVES[name]
    assert command.epilog.startswith("Example: ")
    assert f"trueup {name}" in command.epilog
    assert command.help.partition("\n")[0].rstrip().endswith(".")


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_says_what_it_is_for(name):
    for parameter in LEAVES[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize("name", LEAVES)
def test_what_answers_can_answer_in_json(name):
    assert ("--json" in run(*name.split(), "--help").out) is (name not in WITHOUT_JSON)


def test_the_exit_codes_of_every_command_are_documented():
    assert set(EXITS) == set(LEAVES)
    page = (ROOT / "docs" / "cli.md").read_text()
    for name, codes in EXITS.items():
        section = page.split(f"# trueup {name}\n")[1].split("\n##")[0]
        (sentence,) = re.findall(r"^Exit codes: (.*)\.$", section, re.MULTILINE)
        assert [int(part.split()[0]) for part in sentence.split("; ")] == sorted(codes)
    for code in ExitCode:
        assert f"{code.value} " in run("--help").out


@pytest.mark.parametrize("words", [[name] for name, command in COMMANDS.items() if name in ("app", "job", "cluster", "webhook")])
def test_a_group_alone_shows_its_commands(words):
    ended = run(*words)
    assert (ended.code, "Commands:" in ended.out + ended.err) == (2, True)


def test_the_list_is_that_of_the_table():
    text = run("--help").out
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name}\s+{re.escape(line)}", text, re.MULTILINE)


@pytest.mark.parametrize(
    "words", [["nonsense"], ["--nonsense"], ["app", "nonsense"], ["app", "list", "--nonsense"]], ids=" ".join
)
def test_what_there_is_not_is_wrong_usage(words):
    ended = run(*words)
    assert ended.code == 2
    assert "--help" in ended.err


def test_help_is_quick_since_no_commands_room_is_imported():
    code = (
        "import sys; from trueup.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\nprint(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30, cwd=ROOT)
    loaded = done.stdout.rpartition("[")[2]
    assert not {name for name in ("aiohttp", "kubernetes_asyncio", "arq", "pydantic") if f"'{name}'" in loaded}


def test_a_failure_is_one_line_and_an_exit_code(monkeypatch, capsys):
    @click.command()
    def fails():
        raise Failure("nothing is held", ExitCode.HELD)

    monkeypatch.setattr(module, "cli", fails)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 4
    assert capsys.readouterr().err == "trueup: nothing is held\n"


def test_the_version_of_the_program_is_the_first_thing_a_bug_report_needs():
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run("version").out)
    assert cli.get_command(click.Context(cli), "version") is LEAVES["version"]
