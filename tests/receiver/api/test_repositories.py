"""Which repositories the Repositories are, for whoever may look."""

import pytest

from jobs.store.identities import IdentityRecord, IdentityStore
from tests.servers.front_door import SCOPE


@pytest.mark.parametrize(("role", "status"), [("viewer", 200), ("", 401)])
async def test_what_was_renamed(door, role, status):
    store = IdentityStore(door.front.redis, door.front.keys)
    shop = IdentityRecord(repository="trueup/shop", forge="github", scope=SCOPE, id="1", renamed="git.example/acme/store")
    await store.put(shop)
    await store.put(shop.model_copy(update={"repository": "trueup/old", "scope": "git.example/acme/old"}))
    answer = await door.ask("GET", "/api/v1/repositories", role=role)
    assert answer.status == status
    if role:
        (item,) = answer.json["items"]
        assert (item["repository"], item["id"], item["renamed"]) == ("trueup/shop", "1", "git.example/acme/store")
        assert item["message"].endswith("write its new address in spec.url")
