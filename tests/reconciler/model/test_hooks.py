"""What reports say of hooks, and what is told from it."""

import pytest

from reconciler.model.hooks import Phase


@pytest.mark.parametrize(("phase", "reason"), [(Phase.PRE_SYNC, "pre-sync hook"), (Phase.POST_SYNC, "post-sync hook")], ids=str)
def test_a_step_says_of_which_phase_its_hook_is(phase, reason):
    assert phase.reason == reason
