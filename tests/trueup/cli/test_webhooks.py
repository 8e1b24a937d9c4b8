"""`trueup webhook show`: the address and the secret to enter at a forge, which open the door."""

import json

import pytest

from jobs.derive import Purpose, derive_secret, text_of
from tests.servers.command_line import run

KEY, OLDER = "ab" * 32, "cd" * 32
DECLARED = """
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: shop}
spec: {url: 'https://github.com/Acme/Shop.git'}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: docs, namespace: team}
spec: {url: 'https://gitlab.example:8443/acme/docs.git', forge: gitlab, api: 'https://gitlab.example:8443/api/v4', webhook: {generation: 2}}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: other}
spec: {url: 'https://git.example/acme/other.git', forge: generic}
"""


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "all.yaml").write_text(DECLARED)
    return {
        "TRUEUP_DECLARATIONS": str(tmp_path), "TRUEUP_WEBHOOK_KEYS": f"{KEY},{OLDER}", "TRUEUP_PUBLIC_URL": "https://trueup.example/",
    }  # fmt: skip


def secret(provider, purpose, scope, generation=0):
    return text_of(derive_secret(bytes.fromhex(KEY), provider, purpose, scope, generation), purpose)


SHOP = {
    "address": "https://trueup.example/webhooks/github/github.com/acme/shop",
    "content type": "application/json",
    "events": "push",
    "secret": secret("github", Purpose.HMAC, "github.com/acme/shop"),
}
DOCS = {
    "address": "https://trueup.example/webhooks/gitlab/gitlab.example:8443/acme/docs",
    "content type": "application/json",
    "events": "push events, tag push events",
    "secret token": secret("gitlab", Purpose.TOKEN, "gitlab.example:8443/acme/docs", 2),
    "signing token": secret("gitlab", Purpose.SIGNING, "gitlab.example:8443/acme/docs", 2),
}


@pytest.mark.parametrize(("repository", "shown"), [("shop", SHOP), ("trueup/shop", SHOP), ("team/docs", DOCS)])
def test_what_to_enter_at_the_forge(environment, repository, shown):
    ended = run("webhook", "show", repository, environment=environment)
    assert (ended.code, ended.err) == (0, "")
    assert dict(line.split(":", 1) for line in ended.out.splitlines()) == {
        name: f"{' ' * (15 - len(name))}{value}" for name, value in shown.items()
    }
    assert json.loads(run("webhook", "show", repository, "--json", environment=environment).out) == shown


def test_without_a_public_address_it_is_where_trueup_listens(environment):
    ended = run("webhook", "show", "shop", environment=environment | {"TRUEUP_PUBLIC_URL": "", "TRUEUP_LISTEN": "0.0.0.0:80"})
    assert "http://0.0.0.0:80/webhooks/github/github.com/acme/shop" in ended.out


@pytest.mark.parametrize(
    ("arguments", "change", "code", "told"),
    [
        pytest.param(
            ["shp"], {}, 1, "there is no Repository trueup/shp; there are: team/docs, trueup/other, trueup/shop", id="unknown"
        ),
        pytest.param(["other"], {}, 1, "its heads are polled", id="a forge without webhooks"),
        pytest.param(["shop"], {"TRUEUP_WEBHOOK_KEYS": ""}, 2, "openssl rand -hex 32", id="no key"),
        pytest.param(["shop"], {"TRUEUP_WEBHOOK_KEYS": "hunter2"}, 2, "at least 32 bytes", id="a bad key"),
    ],
)
def test_what_cannot_be_shown_says_why(environment, arguments, change, code, told):
    ended = run("webhook", "show", *arguments, environment=environment | change)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err
    assert "hunter2" not in ended.err
