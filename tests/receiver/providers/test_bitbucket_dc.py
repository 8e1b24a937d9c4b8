"""Bitbucket Data Center's deliveries: which are believed, how they are known again, and what is not understood.

Left out: what each event means (test_deliveries), and payloads broken at random (test_fuzz).
"""

import pytest

from receiver.providers.bitbucket_dc import BitbucketDataCenter
from receiver.providers.event import Ignored, WebhookRequest
from tests.receiver.providers.made.bitbucket import HTTP, ref_change, server
from tests.receiver.providers.made.case import Case
from tests.receiver.providers.made.signed import believed, signatures

SIGNATURES = signatures("x-hub-signature", "sha256=")


@pytest.mark.parametrize(("headers", "signer"), SIGNATURES.values(), ids=SIGNATURES)
def test_signatures(headers, signer):
    assert believed(BitbucketDataCenter(), headers) is signer


def test_the_delivery_and_the_event_are_in_the_headers():
    given = WebhookRequest({"x-request-id": "r", "x-event-key": "diagnostics:ping"}, b"", 0.0)
    assert (BitbucketDataCenter().delivery_id(given), BitbucketDataCenter().event_name(given)) == ("r", "diagnostics:ping")
    assert BitbucketDataCenter().delivery_id(WebhookRequest({}, b"", 0.0)) == ""


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param([], id="a list"),
        pytest.param(server(), id="no change"),
        pytest.param(server(None), id="a change that is none"),
        pytest.param(server(ref_change(), clone="https://bitbucket.example/scm/ac/shop.git"), id="links that are text"),
        pytest.param(server(ref_change(), clone=[[HTTP]]), id="a link that is a list"),
        pytest.param(server(ref_change(), clone=[{"href": [HTTP], "name": "http"}]), id="an address that is a list"),
        pytest.param(server(ref_change(), clone=[{"href": "https://h", "name": "http"}]), id="an address of nothing"),
        pytest.param(server(ref_change(), repository={"slug": "shop"}), id="no links"),
        pytest.param(server(ref_change(after="6113728")), id="a short commit"),
        pytest.param(server(ref_change("refs/pull-requests/1/from")), id="a ref of another kind"),
    ],
)
def test_what_is_not_understood_is_ignored_with_a_reason(payload):
    found = BitbucketDataCenter().parse(Case("", "bitbucket-dc", "repo:refs_changed", payload, Ignored("")).request)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload ")
