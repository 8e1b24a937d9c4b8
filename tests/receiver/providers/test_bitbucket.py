"""Bitbucket Cloud's deliveries: which are believed, how they are known again, and what is not understood.

Left out: what each event means (test_deliveries), and payloads broken at random (test_fuzz).
"""

import pytest

from receiver.providers.bitbucket import Bitbucket
from receiver.providers.event import Ignored, WebhookRequest
from tests.receiver.providers.made.bitbucket import UP, change, push, repository, state
from tests.receiver.providers.made.case import Case
from tests.receiver.providers.made.signed import believed, signatures

SIGNATURES = signatures("x-hub-signature", "sha256=")


@pytest.mark.parametrize(("headers", "signer"), SIGNATURES.values(), ids=SIGNATURES)
def test_signatures(headers, signer):
    assert believed(Bitbucket(), headers) is signer


def test_the_delivery_and_the_event_are_in_the_headers():
    given = WebhookRequest({"x-request-uuid": "u", "x-hook-uuid": "h", "x-event-key": "repo:push"}, b"", 0.0)
    assert (Bitbucket().delivery_id(given), Bitbucket().event_name(given)) == ("u", "repo:push")
    assert Bitbucket().delivery_id(WebhookRequest({}, b"", 0.0)) == ""


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param([], id="a list"),
        pytest.param(push(UP, repository=repository() | {"links": {"html": "x"}}), id="a link that is text"),
        pytest.param(push(UP, repository=repository("") | {"links": {"html": {"href": "http://"}}}), id="no address"),
        pytest.param(push(UP, push=[]), id="changes that are none"),
        pytest.param(push(None), id="no change"),
        pytest.param(push(change(None, None)), id="a change of nothing"),
        pytest.param(push(change(state("main", "x" * 40), None)), id="a commit that is none"),
        pytest.param(push(change(state("a..b"), None)), id="a branch that git would refuse"),
        pytest.param(push(change(state("main") | {"target": None}, None)), id="a branch that is nowhere"),
        pytest.param(push(change(state("main", kind="named_branch"), None)), id="of another system"),
    ],
)
def test_what_is_not_understood_is_ignored_with_a_reason(payload):
    found = Bitbucket().parse(Case("", "bitbucket", "repo:push", payload, Ignored("")).request)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload ")


@pytest.mark.parametrize("name", ["https://ada:hunter2@h/a", "ada:hunter2@h/a", "../acme/shop", "acme", "a/b/c", ""])
def test_a_name_that_is_none_is_no_address(name):
    payload = push(
        UP, repository=repository() | {"full_name": name, "links": {"html": {"href": "https://bitbucket.org/acme/shop"}}}
    )
    found = Bitbucket().parse(Case("", "bitbucket", "repo:push", payload, Ignored("")).request)
    assert (found.scope, found.also) == ("bitbucket.org/acme/shop", ())
