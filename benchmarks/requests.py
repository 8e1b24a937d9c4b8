"""Requests per sync, counted at the API server: N for N new objects, 1 for one that changed, 0 for none."""

import tempfile
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.push import _ended
from tests.servers.system import System, config_map

OBJECTS = 20


async def measure() -> list[Figure]:
    """Writes of managed objects."""
    with tempfile.TemporaryDirectory() as directory:
        async with System(Path(directory), applications={"web": "apps/web"}) as system:

            def count() -> int:
                return sum(1 for r in system.cluster.requests if "trueup" in r.user_agent and r.verb in ("patch", "apply"))

            await _ended(system, await system.push({f"apps/web/c{i}.yaml": config_map(f"c{i}") for i in range(OBJECTS)}))
            first = count()
            await _ended(system, await system.push({"apps/web/c0.yaml": config_map("c0", "2")}))
            changed = count() - first
            await _ended(system, await system.push({"README.md": "x"}))
            nothing = count() - first - changed
    return [
        Figure(f"applies, {OBJECTS} new objects", first, "", OBJECTS, "sandbox"),
        Figure("applies, 1 changed object", changed, "", 1, "sandbox"),
        Figure("applies, nothing changed", nothing, "", None, "sandbox"),
    ]
