"""Every event of every forge, as its documentation shows it: what it means, and that nothing of it is taken for another forge's.

Left out: which requests are believed, and what is odd about payloads (the test of each provider, and test_fuzz).
"""

from collections import Counter

import pytest

from receiver.providers.registry import PROVIDERS
from tests.receiver.providers.made import azure, bitbucket, generic, gitea, github, gitlab, merges, pulls
from tests.receiver.providers.made.case import Case

CASES: list[Case] = [
    case for module in (github, gitlab, gitea, bitbucket, azure, generic, pulls, merges) for case in module.CASES
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.provider} {case.id}") for case in CASES])
def test_what_a_delivery_means(case):
    provider = PROVIDERS[case.provider]
    assert provider.parse(case.request) == case.means
    assert provider.event_name(case.request) == (case.event or "push")


def test_every_provider_has_its_deliveries():
    assert min(Counter(case.provider for case in CASES).values()) >= 10
    assert {case.provider for case in CASES} == set(PROVIDERS)
    assert len(CASES) >= 300
    assert len({(case.provider, case.id) for case in CASES}) == len(CASES)
