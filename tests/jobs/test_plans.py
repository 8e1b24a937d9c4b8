"""Of which pull requests a plan is made, and why none is made of the others.

Left out: what a plan comes to, from the event to the comment, which is seen with git and a cluster in tests/e2e/test_plans.py.
"""

from dataclasses import replace

import pytest

from jobs.plans import not_offered, why_none
from jobs.records import PullRecord
from reconciler.model.declared import Forge, ForkPolicy, PullRequestPolicy
from tests.servers.forges import on_forge

MAIN, FOLLOWERS = "refs/heads/main", ("trueup/web",)
OWN = PullRecord(number=7, base=MAIN)
FORKS = PullRecord(number=7, base=MAIN, is_fork=True)
ASKED = PullRecord(number=7, base=MAIN, is_fork=True, is_asked=True)


@pytest.mark.parametrize(
    ("pull", "policy", "followers", "silent", "why"),
    [
        pytest.param(OWN, {}, FOLLOWERS, "", "", id="of the repository"),
        pytest.param(OWN, {}, (), "", "no application follows main of trueup/shop", id="into a branch that nobody follows"),
        pytest.param(OWN, {"plan": False}, FOLLOWERS, "", "spec.pullRequests.plan of trueup/shop is false", id="switched off"),
        pytest.param(OWN, {}, FOLLOWERS, "no token", "pull request 7: no token", id="nothing can be written"),
        pytest.param(FORKS, {"forks": ForkPolicy.IGNORE}, FOLLOWERS, "", "spec.pullRequests.forks", id="from a fork, ignored"),
        pytest.param(ASKED, {"forks": ForkPolicy.IGNORE}, FOLLOWERS, "", "ignores", id="from a fork, ignored though asked for"),
        pytest.param(FORKS, {"forks": ForkPolicy.ASK}, FOLLOWERS, "", "must say /trueup plan", id="from a fork, not asked for"),
        pytest.param(ASKED, {"forks": ForkPolicy.ASK}, FOLLOWERS, "", "", id="from a fork, asked for"),
        pytest.param(OWN, {"forks": ForkPolicy.IGNORE}, FOLLOWERS, "", "", id="of the repository, forks ignored"),
    ],
)
def test_why_no_plan_is_made(pull, policy, followers, silent, why):
    repository = replace(on_forge("https://api.example"), pulls=PullRequestPolicy(**policy))
    found = why_none(repository, pull, followers, silent=silent)
    assert why in found
    assert bool(found) == bool(why)


def test_of_a_fork_that_the_forge_does_not_offer_it_is_said_where_to_push():
    assert not_offered(on_forge("https://api.example", Forge.BITBUCKET)).endswith(
        "push its branch to acme/shop to have it planned"
    )
