"""`trueup up`, `receiver` and `worker`: settings that are wrong are named, and a process ends when it is told to."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.command_line import run
from tests.servers.ports import free_port

SERVERS = ("up", "receiver", "worker")
KEY = "ab" * 32


@pytest.mark.parametrize("command", SERVERS)
@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TRUEUP_INSTANCE", "Blue", "TRUEUP_INSTANCE: "),
        ("TRUEUP_WEBHOOK_KEYS", "hunter2", "TRUEUP_WEBHOOK_KEYS: a key must be at least 32 bytes"),
        ("TRUEUP_SWEEP", "soon", "TRUEUP_SWEEP: "),
        ("TRUEUP_REDIS_URL", "localhost:6379", "TRUEUP_REDIS_URL: must begin with redis://"),
        ("TRUEUP_PROBE_LISTEN", "nowhere", "TRUEUP_PROBE_LISTEN: 'nowhere' is no address"),
        ("TRUEUP_CONFIG", "/nowhere.yaml", "TRUEUP_CONFIG: /nowhere.yaml: No such file"),
    ],
)
def test_a_wrong_setting_is_named_with_its_variable(command, variable, value, told):
    ended = run(command, environment={variable: value})
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert "hunter2" not in ended.err


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TRUEUP_LISTEN", "nowhere", "TRUEUP_LISTEN: 'nowhere' is no address"),
        ("TRUEUP_API_TOKENS", "ada:admin:hunter2", "TRUEUP_API_TOKENS: entry 1"),
        ("TRUEUP_WEBHOOK_SECRETS", "{bad", "webhook_secrets"),
        ("TRUEUP_WEBHOOK_SECRETS", '{"github.com": "hunter2"}', "TRUEUP_WEBHOOK_SECRETS: the secret of github.com"),
        ("TRUEUP_BODY_LIMIT", "many", "TRUEUP_BODY_LIMIT: "),
    ],
)
def test_what_only_a_receiver_needs_is_looked_at_by_a_receiver(variable, value, told):
    ended = run("receiver", environment={variable: value})
    assert ended.code == 2
    assert told in ended.err
    assert "hunter2" not in ended.err


def test_all_that_is_wrong_is_told_at_once():
    ended = run("receiver", environment={"TRUEUP_INSTANCE": "A", "TRUEUP_LISTEN": "x", "TRUEUP_SWEEP": "0s"})
    assert [part.partition(":")[0] for part in ended.err.removeprefix("trueup: ").split("; ") if part.startswith("TRUEUP")] == [
        "TRUEUP_INSTANCE", "TRUEUP_SWEEP", "TRUEUP_LISTEN",
    ]  # fmt: skip


@pytest.mark.parametrize("command", SERVERS)
def test_a_key_of_the_file_that_means_nothing_is_a_mistake(tmp_path, command):
    file = tmp_path / "trueup.yaml"
    file.write_text("listen: '127.0.0.1:1'\nwebhook_key: x\n")
    ended = run(command, environment={"TRUEUP_CONFIG": str(file)})
    assert (ended.code, ended.err) == (2, "trueup: TRUEUP_CONFIG: there is no setting webhook_key; see docs/configuration.md")


@pytest.mark.parametrize("command", ["receiver", "up"])
def test_without_a_key_no_receiver_starts(tmp_path, command):
    ended, said = process(
        tmp_path, command, TRUEUP_WEBHOOK_KEYS="", TRUEUP_REDIS_URL="redis://127.0.0.1:1", TRUEUP_SECRETS="/tmp"
    )
    assert ended == 1
    assert "TRUEUP_WEBHOOK_KEYS is not set; webhook secrets are derived from it: openssl rand -hex 32" in said


def test_a_port_that_is_taken_is_named(tmp_path, valkey):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        ended, said = process(tmp_path, "up", TRUEUP_LISTEN=listen, TRUEUP_REDIS_URL=valkey.url, TRUEUP_SECRETS="/tmp")
    assert ended == 1
    assert f"cannot listen on {listen}" in said
    assert "TRUEUP_LISTEN" in said


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    ended, said = process(tmp_path, "worker", TRUEUP_STATE=str(tmp_path / "file"), TRUEUP_SECRETS="/tmp")
    assert ended == 1
    assert "TRUEUP_STATE" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "started", "number"),
    [("receiver", ["receiver.started"], signal.SIGTERM), ("up", ["receiver.started", "worker.started"], signal.SIGINT)],
)
def test_a_process_ends_in_order_when_it_is_told_to(tmp_path, valkey, command, started, number):
    environment = settings(tmp_path, TRUEUP_REDIS_URL=valkey.url, TRUEUP_LISTEN=f"127.0.0.1:{free_port()}", TRUEUP_SECRETS="/tmp")
    arguments = [sys.executable, "-m", "trueup", command]
    with subprocess.Popen(arguments, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        lines = until_said(running, started)
        began = time.monotonic()
        running.send_signal(number)
        rest = running.communicate(timeout=20)[1]
    assert running.returncode == 0
    assert time.monotonic() - began < 10
    assert "Traceback" not in "".join(lines) + rest
    assert KEY not in "".join(lines) + rest


def settings(directory: Path, **more: str) -> dict[str, str]:
    known = {
        "PATH": os.environ["PATH"], "HOME": str(directory), "TRUEUP_WEBHOOK_KEYS": KEY, "TRUEUP_STATE": str(directory / "state"),
        "TRUEUP_PROBE_LISTEN": "", "TRUEUP_LOG_FORMAT": "json",
    }  # fmt: skip
    return known | more


def process(directory: Path, command: str, **more: str) -> tuple[int, str]:
    """The exit code of a process that ends by itself, and what it said."""
    arguments = [sys.executable, "-m", "trueup", command]
    done = subprocess.run(
        arguments, env=settings(directory, **more), cwd=directory, capture_output=True, text=True, timeout=40, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def until_said(running: subprocess.Popen[str], events: list[str]) -> list[str]:
    """The lines up to the one where all of these were said."""
    lines, missing = [], set(events)
    assert running.stderr is not None
    while missing:
        line = running.stderr.readline()
        assert line, lines
        lines.append(line)
        missing.discard(json.loads(line)["event"])
    return lines
