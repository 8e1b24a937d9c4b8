"""What single objects ask for."""

import pytest

from reconciler.model.options import ApplyMode, ObjectOptions


@pytest.mark.parametrize("mode", ApplyMode)
def test_an_object_is_left_alone_where_it_says_so(mode):
    assert ObjectOptions(apply=mode).is_left_alone is (mode in {ApplyMode.IGNORE, ApplyMode.IF_ABSENT})
