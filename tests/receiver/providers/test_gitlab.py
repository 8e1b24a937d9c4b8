"""GitLab's deliveries, as its documentation shows them: what each says, and which are believed.

Left out: which repositories a scope lets in; that is the business of `receiver.webhooks`.
"""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from jobs.derive import Purpose
from receiver.keys import Secret
from receiver.providers.event import Ignored, Push, WebhookRequest
from receiver.providers.gitlab import GitLab

PAYLOADS = Path(__file__).parent / "payloads" / "gitlab"
NEW, OLD, ZEROS = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5", "0" * 40
SHOP = "gitlab.example/acme/group/shop"
NOW = 1_800_000_000.0


def payload(name="push", **more):
    return json.loads((PAYLOADS / f"{name}.json").read_text()) | more


def within(part, **more):
    """The push with some fields of a part of it changed."""
    return payload(**{part: payload()[part] | more})


def parse(body, event="Push Hook"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return GitLab().parse(WebhookRequest({"x-gitlab-event": event}, raw, NOW))


@pytest.mark.parametrize(
    ("body", "event_name", "event"),
    [
        pytest.param(payload(), "Push Hook", Push(SHOP, "refs/heads/main", NEW, OLD, "ada"), id="push"),
        pytest.param(
            payload("tag-push"), "Tag Push Hook", Push(SHOP, "refs/tags/v1.1.0", NEW, ZEROS, "ada"), id="tag push"
        ),
        pytest.param(
            payload("branch-deleted"), "Push Hook", Push(SHOP, "refs/heads/feature/cart", "", OLD, "ada"), id="branch deleted"
        ),
        pytest.param(
            payload("tag-push", after=ZEROS, checkout_sha=None), "Tag Push Hook",
            Push(SHOP, "refs/tags/v1.1.0", "", ZEROS, "ada"), id="tag deleted",
        ),
        pytest.param(payload(commits=[]), "Push Hook", Push(SHOP, "refs/heads/main", NEW, OLD, "ada"), id="without commits"),
        pytest.param(
            within("project", git_http_url="https://gitlab.example/acme/other/shop.git", git_ssh_url=None), "Push Hook",
            Push("gitlab.example/acme/other/shop", "refs/heads/main", NEW, OLD, "ada"), id="moved to another group",
        ),
        pytest.param(
            {key: value for key, value in payload().items() if key not in ("user_username", "user_name")}, "Push Hook",
            Push(SHOP, "refs/heads/main", NEW, OLD, ""), id="nobody pushed",
        ),
    ],
)  # fmt: skip
def test_a_push_says_where_a_ref_is(body, event_name, event):
    assert parse(body, event_name) == event


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(payload(ref="main"), id="a short ref"),
        pytest.param(payload(ref="refs/merge-requests/1/head"), id="a ref of another kind"),
        pytest.param(payload(after=None), id="no commit"),
        pytest.param(payload(after="x" * 40), id="a commit that is none"),
        pytest.param(payload(project=None), id="no project"),
        pytest.param(within("project", git_http_url="http://", git_ssh_url=""), id="no address"),
    ],
)
def test_what_is_not_understood_is_ignored_with_a_reason(body):
    event = parse(body)
    assert isinstance(event, Ignored)
    assert event.reason.startswith("payload ")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param([], id="a list"),
        pytest.param(payload(event_name="push", ref="main"), id="a push of a short ref"),
        pytest.param({"event_name": "repository_update"}, id="an update of nothing"),
        pytest.param(payload(event_name="repository_update", changes=[]), id="an update of no ref"),
        pytest.param(payload(event_name="repository_update", changes=[{"ref": "refs/heads/main"}]), id="an update to nowhere"),
        pytest.param(payload(event_name="repository_update", changes={}), id="changes that are none"),
        pytest.param(payload(event_name=["push"]), id="events"),
    ],
)
def test_what_is_not_understood_of_a_system_hook_is_ignored_with_a_reason(body):
    event = parse(body, "System Hook")
    assert isinstance(event, Ignored)
    assert event.reason.startswith("payload ")


@pytest.mark.parametrize("event", ["Pipeline Hook", "push hook", ""])
def test_other_events_are_ignored(event):
    assert parse(payload(), event) == Ignored(f"event {event or '(none)'} means nothing to Trueup")


@pytest.mark.parametrize(
    ("headers", "delivery"),
    [
        pytest.param(
            {"webhook-id": "msg_1", "idempotency-key": "i", "x-gitlab-event-uuid": "u"}, "msg_1", id="of the signed message"
        ),
        pytest.param({"idempotency-key": "i", "x-gitlab-event-uuid": "u"}, "i", id="the same on a retry"),
        pytest.param({"webhook-id": "", "x-gitlab-event-uuid": "u"}, "u", id="of the event"),
        pytest.param({}, "", id="none"),
    ],
)
def test_a_retry_has_the_same_delivery_id(headers, delivery):
    assert GitLab().delivery_id(WebhookRequest(headers, b"", NOW)) == delivery


TOKEN, OLDER_TOKEN = Secret(b"t0ken", 0), Secret(b"older", 1)
SIGNING, OLDER_SIGNING = Secret(b"s" * 32, 0), Secret(b"o" * 32, 1)
BODY = b'{"test": 2432232314}'


def candidates(purpose):
    return {Purpose.TOKEN: [TOKEN, OLDER_TOKEN], Purpose.SIGNING: [SIGNING, OLDER_SIGNING]}.get(purpose, [])


def signed(*keys, message="msg_1", at=NOW, body=BODY):
    content = f"{message}.{at:.0f}.".encode() + body
    texts = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "webhook-id": message,
        "webhook-timestamp": f"{at:.0f}",
        "webhook-signature": " ".join(f"v1,{text}" for text in texts),
    }


@pytest.mark.parametrize(
    ("headers", "signer"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"x-gitlab-token": "t0ken"}, TOKEN, id="the token"),
        pytest.param({"x-gitlab-token": "older"}, OLDER_TOKEN, id="the token before"),
        pytest.param({"x-gitlab-token": "T0KEN"}, None, id="a token in capitals"),
        pytest.param({"x-gitlab-token": "t0ken\udcff"}, None, id="odd letters"),
        pytest.param({"x-gitlab-token": "s" * 32}, None, id="the signing key as a token"),
        pytest.param(signed(b"s" * 32), SIGNING, id="a signature"),
        pytest.param(signed(b"o" * 32), OLDER_SIGNING, id="by the key before"),
        pytest.param(signed(b"x" * 32, b"s" * 32), SIGNING, id="one of two"),
        pytest.param(signed(b"t0ken"), None, id="signed with the token"),
        pytest.param(signed(b"s" * 32, at=NOW - 301), None, id="too old"),
        pytest.param(signed(b"s" * 32, at=NOW + 301), None, id="from the future"),
        pytest.param(signed(b"s" * 32, at=NOW - 299), SIGNING, id="five minutes ago"),
        pytest.param(signed(b"s" * 32) | {"webhook-id": "msg_2"}, None, id="under another id"),
        pytest.param(signed(b"s" * 32) | {"webhook-timestamp": f"{NOW + 1:.0f}"}, None, id="at another time"),
        pytest.param(signed(b"s" * 32, body=b"{}"), None, id="another body"),
        pytest.param(signed(b"s" * 32) | {"webhook-timestamp": ""}, None, id="without a time"),
        pytest.param({"webhook-signature": "v1,"}, None, id="an empty signature"),
        pytest.param(signed(b"s" * 32) | {"x-gitlab-token": "t0ken"}, SIGNING, id="both"),
        pytest.param(signed(b"x" * 32) | {"x-gitlab-token": "t0ken"}, None, id="the token, and a wrong signature"),
        pytest.param(signed(b"s" * 32) | {"x-gitlab-token": "wrong"}, None, id="a wrong token, and the signature"),
    ],
)
def test_whatever_a_request_carries_must_be_right(headers, signer):
    assert GitLab().verify(WebhookRequest(headers, BODY, NOW), candidates) is signer


def test_without_a_secret_nothing_is_believed():
    headers = {"x-gitlab-token": ""} | signed(b"")
    assert GitLab().verify(WebhookRequest(headers, BODY, NOW), lambda _: []) is None
