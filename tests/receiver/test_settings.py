"""Settings of the receiver: what is refused, with the mend, and without the secret."""

import hashlib
import json

import pytest
from pydantic import ValidationError

from receiver.settings import ReceiverSettings

HASH = hashlib.sha256(b"t").hexdigest()
LONG = "correct horse battery"


@pytest.fixture
def environment(monkeypatch):
    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"TRUEUP_{name}", value)
        return ReceiverSettings()

    return put


def test_tokens_are_separated_by_commas(environment):
    settings = environment(API_TOKENS=f"ada:admin:{HASH}, ci-bot.prod:deployer:{HASH},")
    assert settings.api_tokens == (f"ada:admin:{HASH}", f"ci-bot.prod:deployer:{HASH}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("hunter2", id="a token instead of its hash"),
        pytest.param(f"ada:root:{HASH}", id="no role"),
        pytest.param(f"ada:admin:{HASH[:-1]}", id="half a hash"),
        pytest.param(f"ada:admin:{HASH.upper()}", id="in capitals"),
        pytest.param(f":admin:{HASH}", id="no name"),
        pytest.param("ada:admin:hunter2", id="a token for a hash"),
    ],
)
def test_a_bad_token_is_named_by_its_number_and_not_shown(environment, text):
    with pytest.raises(ValidationError, match="entry 2") as refused:
        environment(API_TOKENS=f"eve:viewer:{HASH},{text}")
    assert "hunter2" not in str(refused.value)
    assert "sha256sum" in str(refused.value)


def test_chosen_secrets_are_by_canonical_scope(environment):
    settings = environment(WEBHOOK_SECRETS=json.dumps({"GitHub.com/Acme/": LONG}))
    assert {scope: secret.get_secret_value() for scope, secret in settings.webhook_secrets.items()} == {"github.com/acme": LONG}
    assert LONG not in repr(settings)


@pytest.mark.parametrize(
    ("scope", "secret", "told"),
    [
        pytest.param("github.com", "", "less than 16", id="empty: anybody could sign"),
        pytest.param("github.com", "hunter2", "less than 16", id="short"),
        pytest.param("github.com", "whsec_hunter2-hunter2-hunter2", "no base64", id="no signing secret"),
        pytest.param("github.com//acme", LONG, "not a scope", id="no scope"),
        pytest.param("github.com/../acme", LONG, "not a scope", id="dots"),
    ],
)
def test_a_bad_secret_is_refused_and_not_shown(environment, scope, secret, told):
    with pytest.raises(ValidationError, match=told) as refused:
        environment(WEBHOOK_SECRETS=json.dumps({scope: secret}))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "nowhere"), ("LISTEN", "host:port"), ("LISTEN", "host:99999"), ("LISTEN", ""), ("BODY_LIMIT", "0"),
        ("BODY_BUDGET", "-1"), ("DURABLE_TIMEOUT", "0"), ("METRICS_OPEN", "perhaps"),
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_is_refused(environment, name, value):
    with pytest.raises(ValidationError):
        environment(**{name: value})
