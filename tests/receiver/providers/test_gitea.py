"""Gitea's and Forgejo's deliveries: which are believed, how they are known again, and what is not understood.

Left out: what each event means (test_deliveries), and payloads broken at random (test_fuzz).
"""

import pytest

from receiver.providers.event import Ignored, WebhookRequest
from receiver.providers.gitea import Forgejo, Gitea
from tests.receiver.providers.made.case import GONE, MAIN, Case
from tests.receiver.providers.made.gitea import gone, push, repository
from tests.receiver.providers.made.signed import RIGHT, SECRET, believed, signatures

GITEA, FORGEJO = signatures("x-gitea-signature"), signatures("x-forgejo-signature")
HOST = "gitea.example"


@pytest.mark.parametrize(("headers", "signer"), GITEA.values(), ids=GITEA)
@pytest.mark.parametrize("provider", [Gitea(), Forgejo()], ids=["Gitea", "Forgejo"])
def test_signatures(provider, headers, signer):
    assert believed(provider, headers) is signer


@pytest.mark.parametrize(("headers", "signer"), FORGEJO.values(), ids=FORGEJO)
def test_signatures_under_forgejos_own_name(headers, signer):
    assert believed(Forgejo(), headers) is signer
    assert believed(Gitea(), headers) is None


@pytest.mark.parametrize(
    ("forgejo", "gitea", "signer"),
    [(RIGHT, RIGHT, SECRET), (RIGHT, "wrong", SECRET), ("wrong", RIGHT, None), ("", RIGHT, SECRET)],
    ids=["both right", "its own right", "its own wrong", "its own empty"],
)
def test_forgejos_own_header_counts_where_there_is_one(forgejo, gitea, signer):
    assert believed(Forgejo(), {"x-forgejo-signature": forgejo, "x-gitea-signature": gitea}) is signer


def test_the_delivery_and_the_event_are_in_the_headers():
    both = {"x-gitea-delivery": "g", "x-gitea-event": "push", "x-forgejo-delivery": "f", "x-forgejo-event": "create"}
    given = WebhookRequest(both | {"x-github-event": "ping", "x-gogs-event": "fork", "x-github-delivery": "h"}, b"", 0.0)
    assert (Gitea().delivery_id(given), Gitea().event_name(given)) == ("g", "push")
    assert (Forgejo().delivery_id(given), Forgejo().event_name(given)) == ("f", "create")
    assert Gitea().delivery_id(WebhookRequest({}, b"", 0.0)) == ""


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        pytest.param("push", [], id="a list"),
        pytest.param("push", push(HOST, "main"), id="a short ref"),
        pytest.param("push", push(HOST, after="6113728"), id="a short commit"),
        pytest.param("push", push(HOST, after=None), id="no commit"),
        pytest.param("push", push(HOST, repository=None), id="no repository"),
        pytest.param("push", push(HOST, repository=repository(HOST, clone_url="", ssh_url="x")), id="no address"),
        pytest.param("push", push(HOST, head_commit="main"), id="a newest commit that is none"),
        pytest.param("push", push(HOST, pusher=[]), id="a list of people"),
        pytest.param("delete", gone(HOST, "", "branch"), id="nothing deleted"),
        pytest.param("delete", gone(HOST, "a..b", "branch"), id="a branch that git would refuse"),
        pytest.param("delete", {"ref": "x", "ref_type": "branch"}, id="nowhere deleted"),
        pytest.param("delete", gone(HOST, MAIN, None), id="deleted of no kind"),
    ],
)
def test_what_is_not_understood_is_ignored_with_a_reason(event, payload):
    found = Gitea().parse(Case("", "gitea", event, payload, Ignored("")).request)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload ")


def test_a_tag_whose_commit_is_told_and_that_is_gone_is_gone():
    found = Gitea().parse(Case("", "gitea", "push", push(HOST, "refs/tags/v1", after=GONE), Ignored("")).request)
    assert found.commit == ""
