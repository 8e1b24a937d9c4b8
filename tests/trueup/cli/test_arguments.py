"""What is wrong with an argument is said before anything is asked: exit code 2, and how to write it."""

import click
import pytest

from reconciler.model.declared import Name
from tests.servers.command_line import ask
from trueup.cli.arguments import CommitType, Duration, JobIdType, NameType


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (NameType(), "web", Name("trueup", "web")),
        (NameType(), "team-a/web.v2", Name("team-a", "web.v2")),
        (NameType(), Name("a", "b"), Name("a", "b")),
        (CommitType(), "A" * 40, "a" * 40),
        (CommitType(), "0" * 64, "0" * 64),
        (CommitType(), "", ""),
        (JobIdType(), "01m832s9v90eg4qd5rnekstmc6", "01m832s9v90eg4qd5rnekstmc6"),
        (Duration(), "90s", 90.0),
        (Duration(), "5m", 300.0),
        (Duration(), "1.5h", 5400.0),
        (Duration(), "7", 7.0),
        (Duration(), 2, 2.0),
    ],
)
def test_what_is_good(kind, text, value):
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        *((NameType(), text, "is no name") for text in ("", "/", "a/", "/a", "a/b/c", "../../healthz", "Web", "a b", "-a", "a\x1b")),
        *((CommitType(), text, "git rev-parse HEAD") for text in ("main", "3f1c9a2", "g" * 40, "a" * 41)),
        *((JobIdType(), text, "trueup job list") for text in ("", "j1", "../../healthz", "A" * 26)),
        *((Duration(), text, "90s, 5m or 1h") for text in ("", "soon", "-1s", "1d", "1e9", "s", "٣s", "9" * 400)),
    ],
)  # fmt: skip
def test_what_is_wrong(kind, text, told):
    with pytest.raises(click.BadParameter, match=told):
        kind.convert(text, None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sync", "../../healthz"], ["app", "get", "a/b/c"], ["app", "resources", "A"], ["app", "history", "a b"],
        ["app", "approve", ""], ["app", "history", "web", "--limit", "0"], ["render", "A"], ["diff", "A"], ["webhook", "show", "A"],
        ["job", "get", "j1"], ["job", "list", "--state", "done"], ["job", "list", "--limit", "501"],
        ["job", "list", "--commit", "main"], ["job", "list", "--repository", "a/b/c"], ["wait", "--commit", "3f1c9a2"],
        ["wait"], ["sync"], ["sync", "web", "--timeout", "soon"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_command_looks_at_its_arguments_first(story, arguments):
    ended = ask(story, *arguments)
    assert (ended.code, story.seen) == (2, [])
    assert "Usage: trueup" in ended.err
