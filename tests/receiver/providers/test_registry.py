"""Every provider keeps the promise of `Provider`: nothing is believed without a secret, and parsing never raises."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.keys import Secret
from receiver.providers.event import Ignored, Ping, Push, Pushes, WebhookRequest
from receiver.providers.registry import PROVIDERS
from reconciler.model.declared import Forge

HEADERS = (
    "x-github-event", "x-gitlab-event", "x-github-delivery", "x-hub-signature-256", "x-gitlab-token", "webhook-id",
    "webhook-timestamp", "webhook-signature", "content-type", "x-gitea-event", "x-gitea-signature", "x-forgejo-event",
    "x-forgejo-signature", "x-event-key", "x-hub-signature", "x-request-id", "authorization", "x-signature", "idempotency-key",
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "push",
            "Push Hook",
            "System Hook",
            "repo:push",
            "sha256=00",
            "v1,AAAA",
            "application/x-www-form-urlencoded",
            "²",
            "1" * 5000,
            "Basic \xff",
            "Basic Og==",
        ]
    ),
)
REQUESTS = st.builds(WebhookRequest, st.dictionaries(st.sampled_from(HEADERS), VALUES), st.binary(max_size=200), st.just(0.0))


def test_a_provider_is_found_by_the_name_in_its_address():
    assert sorted(PROVIDERS) == sorted(Forge)
    assert all(provider.name == name for name, provider in PROVIDERS.items())


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@given(request=REQUESTS)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_too_odd(name, request):
    provider = PROVIDERS[name]
    assert provider.verify(request, lambda _: []) is None
    assert provider.verify(request, lambda _: [Secret(b"s" * 32, 0)]) is None
    assert isinstance(provider.parse(request), Push | Pushes | Ping | Ignored)
    assert isinstance(provider.delivery_id(request), str)
    assert isinstance(provider.event_name(request), str)
