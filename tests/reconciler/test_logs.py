"""What a process writes, read from its standard error; and that no secret is in it."""

import json
import subprocess
import sys

import pytest

from reconciler.logs import MASK, mask

STORY = """
import logging, sys, structlog
from reconciler.logs import configure
configure(level=sys.argv[2], style=sys.argv[1])
log = structlog.get_logger()
with structlog.contextvars.bound_contextvars(sync_id="s1", job="j1"):
    log.info("sync.started", application="t/web", token="canary-1", nested={"password": "canary-2", "list": [{"secret": "canary-3"}]})
    logging.getLogger("aiohttp.server").error("failed on %s", "https://me:canary-4@h/x", extra={"authorization": "Bearer canary-5"})
    try:
        raise ValueError("https://me:canary-6@h: Authorization: Bearer canary-7777 token=canary-8")
    except ValueError:
        log.exception("job.crashed", thing=object)
    log.info("odd", path="apps/\\udcff", count=2**70)
log.debug("detail")
logging.getLogger("arq.worker").info("arq says the same again")
"""


def story(style: str, level: str = "info") -> str:
    done = subprocess.run(
        [sys.executable, "-c", STORY, style, level], capture_output=True, text=True, check=True, timeout=30,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("style", ["json", "auto"])
def test_a_machine_reads_one_object_a_line(style):
    lines = [json.loads(line) for line in story(style).splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("sync.started", "info"), (f"failed on https://{MASK}@h/x", "error"), ("job.crashed", "error"), ("odd", "info"),
    ]  # fmt: skip
    assert all((line["sync_id"], line["job"]) == ("s1", "j1") for line in lines)
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert lines[2]["exception"].startswith("Traceback")
    assert (lines[3]["path"], lines[3]["count"]) == ("apps/\udcff", 2**70)


def test_a_person_reads_key_and_value():
    text = story("console")
    assert "sync.started" in text
    assert "application=t/web job=j1" in text
    assert "Traceback" in text
    assert "\x1b[" not in text  # no colours where there is no terminal


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_secret_is_written(style):
    assert "canary" not in story(style)


def test_the_level_is_heeded_and_arq_does_not_repeat_us():
    assert "detail" not in story("json", "info")
    assert "detail" in story("json", "debug")
    assert "arq says" not in story("json", "debug")


@pytest.mark.parametrize(
    "key",
    ["token", "api_token", "Authorization", "X-Gitlab-Token", "password", "passwd", "client_secret", "private_key", "webhook_keys",
     "master_key", "api-key", "set-cookie", "credentials"],
)  # fmt: skip
def test_values_of_telling_keys_are_masked(key):
    assert mask(None, "", {key: "x"}) == {key: MASK}
    assert mask(None, "", {"headers": {key: b"x"}}) == {"headers": {key: MASK}}


@pytest.mark.parametrize(
    ("key", "value"),
    [("key", "shop/web"), ("keys", ["a"]), ("path", "apps/secret-store"), ("token", ""), ("has_token", True), ("count", 3)],
)
def test_other_values_are_written_as_they_are(key, value):
    assert mask(None, "", {key: value}) == {key: value}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("https://u:p@h/x and ssh://t@h", f"https://{MASK}@h/x and ssh://{MASK}@h"),
        ("Authorization: Bearer abcdefgh.ij-k", f"Authorization: Bearer {MASK}"),
        ("private_token=abc&x=1", f"private_token={MASK}&x=1"),
        ('{"password": "abc", "b": 1}', f'{{"password": "{MASK}", "b": 1}}'),
        ("the token is missing", "the token is missing"),
        (b"\0binary", "7 bytes"),
        (ValueError("https://u:p@h"), f"ValueError: https://{MASK}@h"),
        (("a", {"b"}), ["a", ["b"]]),
    ],
)
def test_secrets_within_values_are_masked(value, written):
    assert mask(None, "", {"x": value}) == {"x": written}


def test_values_within_values_end_somewhere():
    deep: object = "x"
    for _ in range(50):
        deep = [deep]
    assert "…" in repr(mask(None, "", {"x": deep}))
