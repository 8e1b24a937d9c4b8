"""A receiver on the Valkey of the test process."""

import pytest

from tests.servers.front_door import front_door


@pytest.fixture
async def door(valkey, keys):
    async with front_door(valkey.url, keys) as door:
        yield door
