"""What a script sends: which deliveries are believed, how they are known again, and what is not understood.

Left out: what each event means (test_deliveries), and payloads broken at random (test_fuzz).
"""

import pytest

from receiver.providers.event import Ignored, WebhookRequest
from receiver.providers.generic import Generic
from tests.receiver.providers.made.case import Case
from tests.receiver.providers.made.generic import push
from tests.receiver.providers.made.signed import believed, signatures

SIGNATURES = signatures("x-signature", "sha256=")


@pytest.mark.parametrize(("headers", "signer"), SIGNATURES.values(), ids=SIGNATURES)
def test_signatures(headers, signer):
    assert believed(Generic(), headers) is signer


def test_a_delivery_is_known_by_the_key_that_the_sender_chose():
    assert Generic().delivery_id(WebhookRequest({"idempotency-key": "build-17"}, b"", 0.0)) == "build-17"
    assert Generic().delivery_id(WebhookRequest({}, b"", 0.0)) == ""


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="nothing"),
        pytest.param(push("main"), id="a short ref"),
        pytest.param(push(after="HEAD"), id="no commit"),
        pytest.param(push(after=""), id="an empty commit"),
        pytest.param(push(repository="acme/shop"), id="no address"),
        pytest.param(push(repository={"url": "https://git.example/acme/shop"}), id="an address in an object"),
        pytest.param(push(actor=7), id="a number of a person"),
    ],
)
def test_what_is_not_understood_is_ignored_with_a_reason(payload):
    found = Generic().parse(Case("", "generic", "", payload, Ignored("")).request)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload ")
    assert "hunter2" not in found.reason
