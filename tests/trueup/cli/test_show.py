"""`trueup version`; `trueup demo` is run as a whole in tests/trueup/demo."""

import importlib.metadata
import json

import pytest

from tests.servers.command_line import run
from trueup.cli import show
from trueup.demo.play import DemoFailed


def test_the_version():
    assert run("version").out == importlib.metadata.version("trueup") + "\n"
    assert json.loads(run("version", "--json").out) == {"version": importlib.metadata.version("trueup")}


@pytest.mark.parametrize(("arguments", "stays"), [([], True), (["--exit"], False)])
def test_the_demo_stays_unless_it_is_told_to_leave(monkeypatch, arguments, stays):
    seen = []

    async def play(*, stay):
        seen.append(stay)

    monkeypatch.setattr(show, "play", play)
    assert (run("demo", *arguments).code, seen) == (0, [stays])


def test_a_demo_that_fails_says_where(monkeypatch):
    async def play(*, stay):
        raise DemoFailed(f"nothing came up ({stay})")

    monkeypatch.setattr(show, "play", play)
    ended = run("demo")
    assert (ended.code, ended.err) == (1, "trueup: the demo failed: nothing came up (True)")
