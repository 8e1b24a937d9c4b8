"""Health, readiness and metrics of the receiver."""

import asyncio
import os
import signal

import pytest

from tests.servers.front_door import front_door, push_of, signed


async def test_a_receiver_that_has_all_it_needs_is_ready(door):
    assert (await door.ask("GET", "/healthz", role="")).json == {"status": "ok"}
    ready = await door.ask("GET", "/readyz", role="")
    assert (ready.status, ready.json) == (200, {"status": "ok", "checks": {"redis": "", "scopes": ""}})


async def test_without_a_worker_it_is_ready_and_says_what_is_missing(valkey, keys):
    async with front_door(valkey.url, keys, has_scopes=False) as door:
        ready = await door.ask("GET", "/readyz", role="")
    assert ready.status == 200
    assert "no worker has said yet" in ready.json["checks"]["scopes"]


async def test_without_redis_it_is_not_ready_and_names_it_but_lives(own_valkey, keys):
    async with front_door(own_valkey.url, keys) as door:
        own_valkey.kill()
        ready = await door.ask("GET", "/readyz", role="")
        assert (ready.status, ready.json["status"]) == (503, "failing")
        assert "Redis does not answer" in ready.json["checks"]["redis"]
        assert (await door.ask("GET", "/healthz", role="")).status == 200
        own_valkey.start()
        assert (await door.ask("GET", "/readyz", role="")).status == 200


@pytest.mark.long
async def test_a_redis_that_is_silent_is_found_out_in_time(own_valkey, keys):
    async with front_door(own_valkey.url, keys) as door:
        pid = own_valkey._server._process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(4):
                ready = await door.ask("GET", "/readyz", role="")
            assert "not within 2 s" in ready.json["checks"]["redis"]
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_metrics_are_open_and_tell_of_deliveries(door):
    await door.send(push_of(), signed(push_of()))
    await door.send(push_of(), {})
    async with door.session.get("/metrics") as response:
        text = await response.text()
    assert 'trueup_deliveries_total{generation="0",key="0",outcome="queued",provider="github"}' in text
    assert 'trueup_webhook_refusals_total{status="401"}' in text
    assert "trueup_jobs_total" in text, "those of a worker in the same process too"


@pytest.mark.parametrize(("role", "status"), [("", 401), ("viewer", 200)])
async def test_metrics_can_be_closed(valkey, keys, role, status):
    headers = {"Authorization": f"Bearer {role}-token"} if role else {}
    async with (
        front_door(valkey.url, keys, metrics_open=False) as door,
        door.session.get("/metrics", headers=headers) as response,
    ):
        assert response.status == status
