"""Azure DevOps' deliveries: whose password is believed, how they are known again, and what is not understood.

Left out: what each event means (test_deliveries), and payloads broken at random (test_fuzz).
"""

import base64

import pytest

from jobs.derive import Purpose
from receiver.providers.azure import Azure
from receiver.providers.event import Ignored, WebhookRequest
from tests.receiver.providers.made.azure import event, push, update
from tests.receiver.providers.made.case import Case
from tests.receiver.providers.made.signed import OLDER, RIGHT, SECRET, believed


def basic(user, password):
    raw = user.encode() + b":" + (password if isinstance(password, bytes) else password.encode())
    return f"Basic {base64.b64encode(raw).decode()}"


KNOWN = SECRET.value.decode()


@pytest.mark.parametrize(
    ("headers", "signer"),
    [
        pytest.param({"authorization": basic("trueup", KNOWN)}, SECRET, id="right"),
        pytest.param({"authorization": basic("", KNOWN)}, SECRET, id="of nobody"),
        pytest.param({"authorization": basic("ünal", KNOWN)}, SECRET, id="of somebody else"),
        pytest.param({"authorization": basic("trueup", OLDER.value)}, OLDER, id="by the key before"),
        pytest.param({"authorization": basic("trueup", KNOWN).replace("Basic", "bAsIc ")}, SECRET, id="written otherwise"),
        pytest.param({}, None, id="none"),
        pytest.param({"authorization": ""}, None, id="empty"),
        pytest.param({"authorization": "Basic"}, None, id="the scheme alone"),
        pytest.param({"authorization": "Basic Og=="}, None, id="an empty password"),
        pytest.param({"authorization": basic(KNOWN, "")}, None, id="as the user"),
        pytest.param({"authorization": f"Basic {base64.b64encode(SECRET.value).decode()}"}, None, id="without a user's colon"),
        pytest.param({"authorization": f"Bearer {KNOWN}"}, None, id="as a bearer token"),
        pytest.param({"authorization": basic("trueup", KNOWN).replace("Basic", "Digest")}, None, id="by another scheme"),
        pytest.param({"authorization": f"Basic {KNOWN}"}, None, id="without base64"),
        pytest.param({"authorization": basic("trueup", KNOWN[:-1])}, None, id="shorter"),
        pytest.param({"authorization": basic("trueup", KNOWN + "!")}, None, id="longer"),
        pytest.param({"authorization": basic("trueup:x", KNOWN)}, None, id="behind another colon"),
        pytest.param({"authorization": basic("trueup", b"\xff\x00")}, None, id="odd bytes"),
        pytest.param({"authorization": "Basic \udcff\u20ac"}, None, id="odd letters"),
        pytest.param({"authorization": "Basic " + "A" * 1_000_000}, None, id="endless"),
        pytest.param({"x-hub-signature-256": f"sha256={RIGHT}"}, None, id="a signature"),
    ],
)
def test_passwords(headers, signer):
    assert believed(Azure(), headers, Purpose.TOKEN) is signer


def test_the_delivery_and_the_event_are_in_the_payload():
    given = Case("", "azure", "", push(update()), Ignored("")).request
    assert (Azure().delivery_id(given), Azure().event_name(given)) == ("03c164c2-8912-4d5e-8009-3707d5f83734", "git.push")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": 1, "eventType": []}', b"\xff", b"null"])
def test_where_there_is_none_there_is_none(body):
    given = WebhookRequest({}, body, 0.0)
    assert (Azure().delivery_id(given), Azure().event_name(given)) == ("", "")
    assert Azure().parse(given) == Ignored("event (none) means nothing to Trueup")


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(push(None), id="no change"),
        pytest.param(push(update("main")), id="a short ref"),
        pytest.param(push(update(after="")), id="no commit"),
        pytest.param(push(update(), repository=None), id="no repository"),
        pytest.param(push(update(), url="https://dev.azure.com"), id="no address"),
        pytest.param(push(update(), refUpdates={}), id="changes that are none"),
        pytest.param(event("git.push", []), id="a resource that is a list"),
    ],
)
def test_what_is_not_understood_is_ignored_with_a_reason(payload):
    found = Azure().parse(Case("", "azure", "git.push", payload, Ignored("")).request)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload ")
