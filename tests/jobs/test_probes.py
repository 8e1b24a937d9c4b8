"""Probes over real HTTP."""

import asyncio

import aiohttp
import pytest

from jobs import probes as room
from jobs.probes import probes
from reconciler.errors import Stalled
from tests.servers.ports import free_port


async def well():
    return ""


async def ill():
    return "Redis does not answer"


async def silent():
    await asyncio.sleep(60)
    return ""


async def ask(port, path):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await (response.json() if "json" in response.content_type else response.text())


@pytest.mark.parametrize(
    ("checks", "status", "body"),
    [
        pytest.param({}, 200, {"status": "ok", "checks": {}}, id="nothing to check"),
        pytest.param({"redis": well}, 200, {"status": "ok", "checks": {"redis": ""}}, id="all well"),
        pytest.param(
            {"redis": ill, "declarations": well},
            503, {"status": "failing", "checks": {"redis": "Redis does not answer", "declarations": ""}}, id="one fails",
        ),
        pytest.param(
            {"redis": silent, "declarations": silent},
            503, {"status": "failing", "checks": dict.fromkeys(["redis", "declarations"], "no answer within 0.05 s")}, id="silent",
        ),
    ],
)  # fmt: skip
async def test_readiness_names_what_fails(checks, status, body, monkeypatch):
    monkeypatch.setattr(room, "CHECK_SECONDS", 0.05)
    port = free_port()
    async with probes(f"127.0.0.1:{port}", checks):
        assert await ask(port, "/readyz") == (status, body)
        assert (await ask(port, "/healthz"))[0] == 200


async def test_metrics_are_prometheus_text():
    port = free_port()
    async with probes(f"127.0.0.1:{port}", {}):
        status, text = await ask(port, "/metrics")
    assert status == 200
    assert "trueup_syncs_total" in text


async def test_nothing_listens_without_an_address_or_after_the_end():
    async with probes("", {}):
        pass
    port = free_port()
    async with probes(f"127.0.0.1:{port}", {}):
        pass
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(port, "/healthz")


async def test_a_port_in_use_is_said_so_and_leaves_nothing_running():
    port = free_port()
    async with probes(f"127.0.0.1:{port}", {}):
        with pytest.raises(Stalled, match="TRUEUP_PROBE_LISTEN"):
            async with probes(f"127.0.0.1:{port}", {}):
                pass
        assert (await ask(port, "/healthz"))[0] == 200
