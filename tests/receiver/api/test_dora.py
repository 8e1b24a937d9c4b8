"""The figures of deliveries by the API."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.dora import DeploymentRecord
from jobs.records import JobKind
from reconciler.model.outcome import SyncState

DORA = "/api/v1/metrics/dora"


def deployed(name="web", ago=timedelta(hours=1), state=SyncState.SUCCEEDED, commit="c" * 40):
    now = datetime.now(UTC)
    return DeploymentRecord(
        application=f"trueup/{name}", commit=commit, kind=JobKind.PUSH, state=state, touched=1, finished=now - ago,
        committed=now - ago - timedelta(minutes=2), received=now - ago - timedelta(minutes=1),
    )  # fmt: skip


async def test_nothing_is_known(door):
    answer = (await door.ask("GET", DORA)).json
    assert (answer["items"], answer["known_since"], answer["total"]["deployments"]) == ([], None, 0)
    assert answer["total"]["lead"] == {"count": 0, "p50_seconds": None, "p90_seconds": None}


async def test_all_or_one_application_in_a_window(door):
    await door.front.applications.add_deployments(
        [deployed(), deployed("api", state=SyncState.FAILED), deployed("web", ago=timedelta(days=3), commit="a" * 40)]
    )
    answer = (await door.ask("GET", DORA)).json
    assert [(item["application"], item["deployments"]) for item in answer["items"]] == [("trueup/api", 1), ("trueup/web", 2)]
    assert answer["total"]["failure_rate"] == pytest.approx(1 / 3)
    for name in ("web", "trueup/web"):
        answer = (await door.ask("GET", f"{DORA}?window=1d&application={name}")).json
        assert (answer["total"]["deployments"], answer["total"]["lead"]["p50_seconds"]) == (1, pytest.approx(120))


@pytest.mark.parametrize("window", ["", "0d", "30", "91d", "1w", "-1d", "9999999d", "1.5h", "30d ", "٣d"])
async def test_what_is_no_window_is_refused(door, window):
    answer = await door.ask("GET", f"{DORA}?window={window}")
    assert (answer.status, "write window=30d or 12h, at most 90d" in answer.json["detail"]) == (400, True)
