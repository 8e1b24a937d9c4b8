"""Waiting for health by what the index is told; nobody polls."""

import asyncio
from collections.abc import Iterable
from contextlib import contextmanager

import pytest

from reconciler.kube.wait import wait_healthy
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Health, HealthStatus

WEB, API = (ObjectKey("apps", "Deployment", "shop", name) for name in ("web", "api"))
GOOD, BUSY = Health(HealthStatus.HEALTHY), Health(HealthStatus.PROGRESSING, "1 of 3 ready")


class Index:
    """How objects are, as a test says."""

    def __init__(self, **known: Health) -> None:
        self._known, self._changed = known, asyncio.Event()

    def health(self, key: ObjectKey) -> Health | None:
        return self._known.get(key.name)

    @contextmanager
    def noticed(self, _: Iterable[ObjectKey]):
        yield self._changed

    def tell(self, **known: Health) -> None:
        self._known |= known
        self._changed.set()


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        pytest.param({"web": GOOD, "api": GOOD}, [], [], id="good from the start"),
        pytest.param({"web": GOOD, "api": BUSY}, [{"api": GOOD}], [(API, BUSY), (API, GOOD)], id="one gets good"),
        pytest.param({"web": GOOD, "api": BUSY}, [{"web": BUSY}, {"web": GOOD, "api": GOOD}],
                     [(API, BUSY), (WEB, BUSY), (WEB, GOOD), (API, GOOD)], id="one that was good is so again"),
    ],
)  # fmt: skip
async def test_changes_are_told_and_what_is_not_good_at_first(first, then, told):
    index, heard = Index(**first), []
    waiting = asyncio.create_task(
        wait_healthy(
            index, (WEB, API), timeout_seconds=5, preempted=asyncio.Event(),
            on_change=lambda key, health: heard.append((key, health)),
        )
    )  # fmt: skip
    for news in then:
        await asyncio.sleep(0.01)
        index.tell(**news)
    assert await waiting == {WEB: GOOD, API: GOOD}
    assert heard == told
