"""`trueup webhook show`: the address and the secret to enter at a forge, which open the door."""

import json

import pytest

from jobs.derive import Purpose, derive_secret, text_of
from receiver.providers.event import WebhookRequest
from receiver.providers.registry import PROVIDERS
from reconciler.model.declared import Forge
from tests.servers.command_line import run
from trueup.cli.webhooks import FORMS

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
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: store}
spec: {url: 'https://github.com/Acme/Store.git', webhook: {generation: 3}}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: tools}
spec: {url: 'https://acme@dev.azure.com/acme/My%20Project/_git/Tools'}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: mixed}
spec: {url: 'https://git.example/acme/mixed.git', forge: gitea}
---
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: within}
spec: {url: 'https://github.com/Acme/Within.git', webhook: {register: true, scope: github.com/acme, generation: 4}}
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
    "events": "pushes, pull requests, issue comments",
    "secret": secret("github", Purpose.HMAC, "github.com/acme/shop"),
}
DOCS = {
    "address": "https://trueup.example/webhooks/gitlab/gitlab.example:8443/acme/docs",
    "content type": "application/json",
    "events": "push events, tag push events, comments, merge request events",
    "secret token": secret("gitlab", Purpose.TOKEN, "gitlab.example:8443/acme/docs", 2),
    "signing token": secret("gitlab", Purpose.SIGNING, "gitlab.example:8443/acme/docs", 2),
}
TOOLS = {
    "address": "https://trueup.example/webhooks/azure/dev.azure.com/acme/my%20project/_git/tools",
    "user name": "trueup",
    "resource details": "all",
    "events": "code pushed, pull request created, pull request updated, pull request commented on",
    "password": secret("azure", Purpose.TOKEN, "dev.azure.com/acme/my project/_git/tools"),
}
ACME = SHOP | {
    "address": "https://trueup.example/webhooks/github/github.com/acme",
    "secret": secret("github", Purpose.HMAC, "github.com/acme"),
}
STORE = SHOP | {
    "address": "https://trueup.example/webhooks/github/github.com/acme/store",
    "secret": secret("github", Purpose.HMAC, "github.com/acme/store", 3),
}
MIXED = {
    "address": "https://trueup.example/webhooks/gitea/git.example",
    "content type": "application/json",
    "events": "push, delete, pull request, pull request synchronized, pull request comment",
    "secret": secret("gitea", Purpose.HMAC, "git.example"),
}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param(["shop"], SHOP, id="a name"),
        pytest.param(["trueup/shop"], SHOP, id="a full name"),
        pytest.param(["team/docs"], DOCS, id="GitLab"),
        pytest.param(["tools"], TOOLS, id="Azure DevOps"),
        pytest.param(["--scope", "github.com/acme"], ACME, id="an organisation"),
        pytest.param(["within"], ACME, id="the one hook that it registers"),
        pytest.param(["--scope", "GitHub.com/Acme/"], ACME, id="an organisation, written otherwise"),
        pytest.param(["--scope", "github.com/acme/store"], STORE, id="a repository"),
        pytest.param(["--scope", "git.example", "--forge", "gitea"], MIXED, id="of one of two forges"),
    ],
)
def test_what_to_enter_at_the_forge(environment, arguments, shown):
    ended = run("webhook", "show", *arguments, environment=environment)
    assert (ended.code, ended.err) == (0, "")
    assert [tuple(line.split(":", 1)) for line in ended.out.splitlines()] == [
        (name, f"{' ' * (max(map(len, shown)) - len(name))} {value}") for name, value in shown.items()
    ]
    assert json.loads(run("webhook", "show", *arguments, "--json", environment=environment).out) == shown


@pytest.mark.parametrize("forge", Forge)
def test_every_forge_has_what_to_enter_and_takes_it(forge):
    assert set(FORMS) == set(PROVIDERS) == set(Forge)
    asked = set()
    carried = {"authorization": "Basic OmE=", "x-gitlab-token": "a", "webhook-signature": "v1,a", "webhook-timestamp": "0"}
    signed = dict.fromkeys(("x-hub-signature-256", "x-hub-signature", "x-signature", "x-gitea-signature"), f"sha256={'0' * 64}")
    PROVIDERS[forge].verify(WebhookRequest(carried | signed, b"", 0.0), lambda purpose: asked.add(purpose) or [])
    assert set(FORMS[forge].secrets.values()) >= asked
    assert asked


def test_without_a_public_address_it_is_where_trueup_listens(environment):
    ended = run("webhook", "show", "shop", environment=environment | {"TRUEUP_PUBLIC_URL": "", "TRUEUP_LISTEN": "0.0.0.0:80"})
    assert "http://0.0.0.0:80/webhooks/github/github.com/acme/shop" in ended.out


@pytest.mark.parametrize(
    ("arguments", "change", "code", "told"),
    [
        pytest.param(["shp"], {}, 1, "there is no Repository trueup/shp; there are: team/docs, trueup/mixed,", id="unknown"),
        pytest.param([], {}, 2, "trueup webhook show --scope github.com/acme", id="nothing"),
        pytest.param(["shop", "--scope", "github.com"], {}, 2, "name a Repository, or a scope", id="both"),
        pytest.param(["shop", "--forge", "github"], {}, 2, "name a Repository, or a scope", id="a forge that is known"),
        pytest.param(["--scope", "gitlab.com"], {}, 1, "no Repository is declared within gitlab.com", id="nothing within"),
        pytest.param(["--scope", "github.com/acm"], {}, 1, "no Repository is declared within", id="half an organisation"),
        pytest.param(["--scope", "github.com/acme", "--forge", "gitea"], {}, 1, "no Repository of gitea", id="another forge"),
        pytest.param(["--scope", "git.example"], {}, 2, "Repositories of generic and gitea; say which", id="two forges"),
        pytest.param(["--scope", "github.com//acme"], {}, 2, "not a scope; write host/owner/name", id="no scope"),
        pytest.param(["shop"], {"TRUEUP_WEBHOOK_KEYS": ""}, 2, "openssl rand -hex 32", id="no key"),
        pytest.param(["shop"], {"TRUEUP_WEBHOOK_KEYS": "hunter2"}, 2, "at least 32 bytes", id="a bad key"),
    ],
)
def test_what_cannot_be_shown_says_why(environment, arguments, change, code, told):
    ended = run("webhook", "show", *arguments, environment=environment | change)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err
    assert "hunter2" not in ended.err
