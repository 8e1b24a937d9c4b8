"""The hooks that workers registered, for whoever may look."""

from datetime import UTC, datetime

import pytest

from jobs.store.hooks import HookRecord, HookState, HookStore


@pytest.mark.parametrize(("role", "status"), [("viewer", 200), ("", 401)])
async def test_how_hooks_are(door, role, status):
    record = HookRecord(
        repository="trueup/shop",
        forge="github",
        state=HookState.FAILING,
        message="away",
        checked=datetime(2026, 1, 1, tzinfo=UTC),
    )
    await HookStore(door.front.redis, door.front.keys).put(record)
    answer = await door.ask("GET", "/api/v1/webhooks", role=role)
    assert answer.status == status
    if role:
        assert [(item["repository"], item["state"], item["message"]) for item in answer.json["items"]] == [
            ("trueup/shop", "failing", "away")
        ]
