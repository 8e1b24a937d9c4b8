"""What forges know repositories by comes back as it was; that something changed is seen; what people are told of it."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.store.identities import REPLACED_SECONDS, IdentityRecord, IdentityStore

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def identity(name="shop", **more):
    return IdentityRecord(repository=f"trueup/{name}", forge="github", scope=f"git.example/acme/{name}", **{"id": "1"} | more)


@pytest.fixture
def store(redis, keys):
    return IdentityStore(redis, keys)


async def test_what_is_put_is_found_until_it_is_forgotten(store):
    numbers = [await store.number()]
    for name in ("b", "a"):
        await store.put(identity(name))
        numbers.append(await store.number())
    assert len(set(numbers)) == 3
    assert list(await store.all()) == ["trueup/a", "trueup/b"]
    assert await store.get("trueup/a") == identity("a")
    await store.forget([])
    await store.forget(["trueup/a", "x"])
    assert (await store.get("trueup/a"), list(await store.all())) == (None, ["trueup/b"])


@pytest.mark.parametrize(
    ("record", "told"),
    [
        pytest.param(identity(), "", id="all is well"),
        pytest.param(identity(renamed="git.example/acme/store"), "is git.example/acme/store at the forge by now", id="renamed"),
        pytest.param(identity(replaced="2", replaced_at=NOW), "(its id is 1, and was 2)", id="another took its name"),
        pytest.param(identity(replaced="2", replaced_at=NOW - timedelta(seconds=REPLACED_SECONDS + 1)), "", id="long ago"),
    ],
)
def test_what_people_are_told(record, told):
    mend = record.mend(NOW)
    assert told in mend
    assert bool(mend) is bool(told)
    assert ("spec.url" in mend) is bool(told)
