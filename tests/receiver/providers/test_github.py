"""GitHub's deliveries, as its documentation shows them: what each says, and which are believed.

Left out: which repositories a scope lets in; that is the business of `receiver.webhooks`.
"""

import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import quote_plus, urlencode

import pytest

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Ignored, Ping, Push, WebhookRequest
from receiver.providers.github import GitHub

PAYLOADS = Path(__file__).parent / "payloads" / "github"
NEW, OLD, ZEROS = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "0" * 40
SHOP = "github.com/acme/shop"
PUSH = Push(SHOP, "refs/heads/main", NEW, OLD, "ada")
FORM = "application/x-www-form-urlencoded"


def payload(name="push", **more):
    return json.loads((PAYLOADS / f"{name}.json").read_text()) | more


def within(part, **more):
    """The push with some fields of a part of it changed; None takes one out."""
    changed = {name: value for name, value in (payload()[part] | more).items() if value is not None}
    return payload(**{part: changed})


def request(body, event="push", content_type="application/json"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WebhookRequest({"x-github-event": event, "content-type": content_type}, raw, 0.0)


@pytest.mark.parametrize(
    ("body", "event"),
    [
        pytest.param(payload(), PUSH, id="push"),
        pytest.param(payload("tag-push"), Push(SHOP, "refs/tags/v1.1.0", NEW, ZEROS, "ada"), id="tag push"),
        pytest.param(payload("branch-deleted"), Push(SHOP, "refs/heads/feature/cart", "", OLD, "ada"), id="branch deleted"),
        pytest.param(payload("tag-push", after=ZEROS), Push(SHOP, "refs/tags/v1.1.0", "", ZEROS, "ada"), id="tag deleted"),
        pytest.param(payload(created=True, before=ZEROS), Push(SHOP, "refs/heads/main", NEW, ZEROS, "ada"), id="branch created"),
        pytest.param(payload(forced=True), PUSH, id="forced"),
        pytest.param(payload(commits=[], head_commit=None), PUSH, id="without commits"),
        pytest.param(payload(after="b" * 64), Push(SHOP, "refs/heads/main", "b" * 64, OLD, "ada"), id="SHA-256"),
        pytest.param(payload(after="0" * 64), Push(SHOP, "refs/heads/main", "", OLD, "ada"), id="deleted in SHA-256"),
        pytest.param(
            payload(ref="refs/heads/größe/日本"), Push(SHOP, "refs/heads/größe/日本", NEW, OLD, "ada"), id="letters of the world"
        ),
        pytest.param(within("pusher", name=None), Push(SHOP, "refs/heads/main", NEW, OLD, ""), id="nobody pushed"),
        pytest.param(within("pusher", name="x" * 200), Push(SHOP, "refs/heads/main", NEW, OLD, "x" * 100), id="a long name"),
        pytest.param(payload(before="f" * 99), Push(SHOP, "refs/heads/main", NEW, "f" * 64, "ada"), id="a long before"),
        pytest.param(
            within("repository", clone_url="https://github.com/acme/store.git", full_name="acme/store", ssh_url=None),
            Push("github.com/acme/store", "refs/heads/main", NEW, OLD, "ada"),
            id="renamed: what the payload says",
        ),
        pytest.param(
            within("repository", clone_url="https://ghe.example:8443/Acme/Shop.git", ssh_url="git@ghe.example:Acme/Shop.git"),
            Push("ghe.example:8443/acme/shop", "refs/heads/main", NEW, OLD, "ada", ("ghe.example/acme/shop",)),
            id="GitHub Enterprise Server on a port of its own",
        ),
    ],
)  # fmt: skip
def test_a_push_says_where_a_ref_is(body, event):
    assert GitHub().parse(request(body)) == event


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(urlencode({"payload": json.dumps(payload())}), FORM, id="as GitHub sends it"),
        pytest.param(urlencode({"payload": json.dumps(payload())}), f"{FORM}; charset=utf-8", id="with a charset"),
        pytest.param(urlencode({"payload": json.dumps(payload())}), FORM.upper(), id="in capitals"),
        pytest.param(f"a=1&payload={quote_plus(json.dumps(payload(ref='refs/heads/main')))}&b=2", FORM, id="beside others"),
    ],
)
def test_a_form_is_read_too(body, content_type):
    assert GitHub().parse(request(body.encode(), content_type=content_type)) == PUSH


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", "application/json", id="empty"),
        pytest.param(b"{", "application/json", id="half a payload"),
        pytest.param(b"[]", "application/json", id="a list"),
        pytest.param(b"null", "application/json", id="null"),
        pytest.param(b"\xff\xfe", "application/json", id="no text"),
        pytest.param(b'{"ref": "\\ud800"}', "application/json", id="half a character"),
        pytest.param(b'{"ref": NaN}', "application/json", id="NaN"),
        pytest.param(b"[" * 100_000, "application/json", id="deep"),
        pytest.param(json.dumps(payload()).encode(), FORM, id="JSON under a form's name"),
        pytest.param(b"payload=%7B", FORM, id="half a form"),
        pytest.param(b"payload=%FF%FE", FORM, id="a form that is no text"),
        pytest.param("payload=\u00e9".encode(), FORM, id="a form that is no ASCII"),
        pytest.param(b"&".join(b"a=1" for _ in range(50)), FORM, id="a form with many fields"),
        pytest.param(b"", FORM, id="an empty form"),
        pytest.param(json.dumps(payload(ref="main")).encode(), "", id="a short ref"),
        pytest.param(json.dumps(payload(ref="refs/pull/1/head")).encode(), "", id="a ref of another kind"),
        pytest.param(json.dumps(payload(ref="refs/heads/a..b")).encode(), "", id="a ref that git would refuse"),
        pytest.param(json.dumps(payload(after="6113728")).encode(), "", id="a short commit"),
        pytest.param(json.dumps(payload(after=NEW.upper())).encode(), "", id="a commit in capitals"),
        pytest.param(json.dumps(payload(after=1)).encode(), "", id="a commit that is a number"),
        pytest.param(json.dumps(payload(repository=None)).encode(), "", id="no repository"),
        pytest.param(json.dumps(within("repository", clone_url="", ssh_url=None)).encode(), "", id="an empty address"),
        pytest.param(json.dumps(within("repository", clone_url="ftp://x/y", ssh_url=None)).encode(), "", id="no address"),
        pytest.param(
            json.dumps(within("repository", clone_url="https://x/../y", ssh_url=None)).encode(), "", id="an address with dots"
        ),
        pytest.param(json.dumps(within("repository", clone_url="https://x:99999/y", ssh_url=None)).encode(), "", id="no port"),
        pytest.param(json.dumps(within("repository", clone_url="https://[x/y", ssh_url=None)).encode(), "", id="no host"),
    ],
)
def test_what_is_not_understood_is_ignored_with_a_reason(body, content_type):
    event = GitHub().parse(request(body, content_type=content_type))
    assert isinstance(event, Ignored)
    assert event.reason.startswith("payload ")
    assert len(event.reason) < 300


def test_a_ping_is_one():
    assert GitHub().parse(request(payload("ping"), "ping")) == Ping()


@pytest.mark.parametrize("event", ["issues", "pull_request_review", "create", "PUSH", ""])
def test_other_events_are_ignored(event):
    assert GitHub().parse(request(payload(), event)) == Ignored(f"event {event or '(none)'} means nothing to Trueup")


def test_the_delivery_and_the_event_are_in_the_headers():
    given = WebhookRequest({"x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958", "x-github-event": "push"}, b"", 0.0)
    assert GitHub().delivery_id(given) == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert GitHub().event_name(given) == "push"
    assert GitHub().delivery_id(WebhookRequest({}, b"", 0.0)) == ""


DOCUMENTED = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""Of this secret and body, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
SECRET = Secret(b"It's a Secret to Everybody", 0)
OLDER = Secret(b"the one before", 1)
SHA1 = hmac.new(SECRET.value, b"Hello, World!", hashlib.sha1).hexdigest()


@pytest.mark.parametrize(
    ("headers", "signer"),
    [
        pytest.param({"x-hub-signature-256": f"sha256={DOCUMENTED}"}, SECRET, id="GitHub's own example"),
        pytest.param(
            {"x-hub-signature-256": "sha256=" + hmac.new(OLDER.value, b"Hello, World!", hashlib.sha256).hexdigest()}, OLDER,
            id="by the key before",
        ),
        pytest.param({}, None, id="none"),
        pytest.param({"x-hub-signature-256": DOCUMENTED}, None, id="without the algorithm"),
        pytest.param({"x-hub-signature-256": "sha256="}, None, id="empty"),
        pytest.param({"x-hub-signature-256": f"sha1={SHA1}"}, None, id="SHA-1 in its place"),
        pytest.param({"x-hub-signature": f"sha1={SHA1}"}, None, id="SHA-1 alone"),
        pytest.param({"x-hub-signature-256": f"sha256={DOCUMENTED.upper()}"}, None, id="in capitals"),
        pytest.param({"x-hub-signature-256": f"sha256={DOCUMENTED}00"}, None, id="longer"),
        pytest.param({"x-hub-signature-256": f"sha256={DOCUMENTED[:-2]}"}, None, id="shorter"),
        pytest.param({"x-hub-signature-256": "sha256=" + "0" * 64}, None, id="wrong"),
        pytest.param({"x-hub-signature-256": "sha256=\udcff\u20ac"}, None, id="odd letters"),
    ],
)  # fmt: skip
def test_signatures(headers, signer):
    asked = []

    def candidates(purpose):
        asked.append(purpose)
        return [SECRET, OLDER]

    assert GitHub().verify(WebhookRequest(headers, b"Hello, World!", 0.0), candidates) is signer
    assert set(asked) <= {Purpose.HMAC}


def test_without_a_secret_nothing_is_believed():
    empty = "sha256=" + hmac.new(b"", b"", hashlib.sha256).hexdigest()
    assert GitHub().verify(WebhookRequest({"x-hub-signature-256": empty}, b"", 0.0), lambda _: []) is None
