"""Settings from the environment, and what is refused; no secret in a message."""

import base64

import pytest
from pydantic import ValidationError

from jobs.settings import JobSettings, decode_key, host_and_port

KEY = bytes(range(32))


@pytest.fixture
def environment(monkeypatch):
    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"TRUEUP_{name}", value)
        return JobSettings()

    return put


def test_durations_are_written_with_their_unit(environment):
    settings = environment(SWEEP="90s", RETENTION="2h")
    assert (settings.sweep, settings.retention) == (90.0, 7200.0)


def test_keys_are_separated_by_commas_newest_first(environment):
    settings = environment(WEBHOOK_KEYS=f"{KEY.hex()}, {base64.b64encode(KEY[::-1]).decode()}")
    assert settings.master_keys == (KEY, KEY[::-1])
    assert KEY.hex() not in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("ab" * 31, id="too short in hex"),
        pytest.param(base64.b64encode(KEY[:31]).decode(), id="too short in base64"),
        pytest.param("not a key at all!", id="neither"),
        pytest.param("ключ" * 20, id="not ASCII"),
        pytest.param("", id="empty"),
    ],
)
def test_a_bad_key_is_refused_with_the_mend_and_without_the_key(text, environment):
    with pytest.raises(ValueError, match="openssl rand -hex 32"):
        decode_key(text)
    if text:
        with pytest.raises(ValidationError) as refused:
            environment(WEBHOOK_KEYS=text)
        assert text not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SWEEP", "0s"), ("SWEEP", "soon"), ("CONCURRENCY", "0"), ("CONCURRENCY", "1000"), ("LOG_LEVEL", "loud")],
    ids=str,
)
def test_nonsense_is_refused(name, value, environment):
    with pytest.raises(ValidationError):
        environment(**{name: value})


def test_the_password_of_redis_is_not_printed(environment):
    settings = environment(REDIS_URL="redis://:hush@host:6379/0")
    assert "hush" not in repr(settings)
    assert settings.redis_url.get_secret_value().endswith("hush@host:6379/0")


def test_without_a_redis_there_is_a_directory_for_the_embedded_one(environment, tmp_path):
    settings = environment(STATE=str(tmp_path))
    assert settings.redis_url is None
    assert settings.valkey_directory == tmp_path / "valkey"


def test_keys_decode_from_both_spellings():
    assert decode_key(KEY.hex()) == decode_key(base64.b64encode(KEY).decode()) == KEY


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)), ("0.0.0.0:80", ("0.0.0.0", 80)), ("[::]:8080", ("::", 8080)),
        ("[fe80::1]:1", ("fe80::1", 1)), ("localhost:0", ("localhost", 0)), (":8080", ("127.0.0.1", 8080)), ("8080", ("127.0.0.1", 8080)),
    ],
)  # fmt: skip
def test_addresses(text, found):
    assert host_and_port(text) == found


@pytest.mark.parametrize(
    "text", ["", ":", "host", "host:", "host:port", "host:65536", "::1:8080", "http://host:80", "host:٣", "a b:1"]
)
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:8080"):
        host_and_port(text)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PROBE_LISTEN", "nowhere", "host:port"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("REDIS_URL", "http://:hunter2@x", "redis://"),
        ("PUBLIC_URL", "trueup.example", "https://"),
    ],
)
def test_an_address_of_another_kind_is_refused(name, value, told, environment):
    with pytest.raises(ValidationError, match=told) as refused:
        environment(**{name: value})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROBE_LISTEN", ""),
        ("REDIS_URL", "rediss://x"),
        ("REDIS_URL", "unix:///x"),
        ("PUBLIC_URL", "http://x"),
        ("PUBLIC_URL", ""),
    ],
)
def test_an_address_that_is_good(name, value, environment):
    environment(**{name: value})
