"""Records of hooks come back as they were, by repository, until they are forgotten."""

from datetime import UTC, datetime

import pytest

from jobs.store.hooks import HookRecord, HookState, HookStore

RECORDS = {
    name: HookRecord(repository=name, forge="github", state=HookState.WORKING, checked=datetime(2026, 1, 1, tzinfo=UTC))
    for name in ("trueup/b", "trueup/a")
}


@pytest.fixture
def store(redis, keys):
    return HookStore(redis, keys)


async def test_what_is_put_is_found_in_order(store):
    for record in RECORDS.values():
        await store.put(record)
    assert list((await store.all()).items()) == sorted(RECORDS.items())


@pytest.mark.parametrize(("gone", "left"), [([], 2), (["trueup/a"], 1), (["trueup/a", "trueup/b", "x"], 0)])
async def test_what_is_forgotten_is_gone(store, gone, left):
    for record in RECORDS.values():
        await store.put(record)
    await store.forget(gone)
    assert len(await store.all()) == left
