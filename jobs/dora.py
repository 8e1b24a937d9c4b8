"""How well deliveries go: deployment frequency, lead time, change failure rate, time to restore. Pure; docs/dora.md has the definitions.

The four figures: https://dora.dev/guides/dora-metrics-four-keys/.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import Field

from jobs.records import JobKind, Record
from reconciler.model.outcome import SyncState

GOOD = frozenset({SyncState.SUCCEEDED, SyncState.HELD})
"""Everything is applied and healthy; deletions may wait for people."""

ENDED = frozenset({*GOOD, SyncState.FAILED})
"""Of these a deployment is one; what a newer commit overtook is none."""

DAY = timedelta(days=1)


class DeploymentRecord(Record):
    """What is remembered of a sync that touched an application's objects, or made it healthy again."""

    application: str
    commit: str
    kind: JobKind
    state: SyncState
    touched: int = Field(description="How many objects it created, changed or deleted, or tried to; and hooks that it ran.")
    committed: datetime | None = None
    received: datetime
    planned: datetime | None = None
    applied: datetime | None = None
    healthy: datetime | None = None
    finished: datetime

    @property
    def is_deployment(self) -> bool:
        """Whether it brought the application to something new, or tried to."""
        return self.state in ENDED and self.touched > 0 and self.kind is not JobKind.ROLLBACK

    @property
    def began(self) -> datetime:
        """When the change was there: committed, or received where clocks disagree or the commit's time is not known."""
        return min(self.committed, self.received) if self.committed else self.received

    @property
    def good_at(self) -> datetime:
        """When all was well."""
        return self.healthy or self.finished

    @property
    def bad_at(self) -> datetime:
        """Since when a failed one is in the cluster."""
        return self.applied or self.finished


class SpreadRecord(Record):
    """Durations: how many, and how long most of them were."""

    count: int = 0
    p50_seconds: float | None = Field(default=None, description="Half of them were no longer; none where there are none.")
    p90_seconds: float | None = None


class DoraRecord(Record):
    """The figures of one application, or of all."""

    application: str = Field(default="", description="Empty: all together.")
    deployments: int = 0
    per_day: float = 0.0
    failed: int = Field(default=0, description="Deployments that failed or were rolled back.")
    failure_rate: float | None = Field(default=None, description="Of deployments, from 0 to 1; none where there are none.")
    lead: SpreadRecord = Field(default=SpreadRecord(), description="From the commit to healthy.")
    received: SpreadRecord = Field(default=SpreadRecord(), description="Of that, from the commit until Trueup knew of it.")
    applied: SpreadRecord = Field(default=SpreadRecord(), description="From then until everything was applied.")
    healthy: SpreadRecord = Field(default=SpreadRecord(), description="From then until everything was healthy.")
    restore: SpreadRecord = Field(default=SpreadRecord(), description="From a failed deployment until all was well again.")
    unrestored: int = Field(default=0, description="Applications whose last deployment failed, and that are not well again.")


class DoraList(Record):
    """The figures of a window of time."""

    since: datetime
    until: datetime
    known_since: datetime | None = Field(default=None, description="The oldest that is remembered; nothing is known of before.")
    total: DoraRecord
    items: tuple[DoraRecord, ...] = Field(description="By application.")


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when."""

    since: datetime
    until: datetime

    def __contains__(self, moment: datetime) -> bool:
        """Whether a moment is in it."""
        return self.since < moment <= self.until

    def days(self, known_since: datetime | None) -> float:
        """Its length as far as anything is known of it, at least a day."""
        return max((self.until - max(self.since, known_since or self.since)) / DAY, 1.0)


@dataclass(slots=True)
class _Tally:
    """What is counted of one application, or of several."""

    deployments: int = 0
    failed: int = 0
    unrestored: int = 0
    spans: dict[str, list[timedelta]] = field(default_factory=lambda: defaultdict(list))

    def add(self, other: "_Tally") -> None:
        """Count another one's too."""
        self.deployments += other.deployments
        self.failed += other.failed
        self.unrestored += other.unrestored
        for name, spans in other.spans.items():
            self.spans[name] += spans

    def record(self, application: str, days: float) -> DoraRecord:
        """As it is told."""
        return DoraRecord(
            application=application,
            deployments=self.deployments,
            per_day=self.deployments / days,
            failed=self.failed,
            failure_rate=self.failed / self.deployments if self.deployments else None,
            unrestored=self.unrestored,
            **{name: spread(self.spans[name]) for name in ("lead", "received", "applied", "healthy", "restore")},
        )


def measure(records: Iterable[DeploymentRecord], window: Window) -> DoraList:
    """The figures of a window, from everything that is remembered."""
    by_application: dict[str, list[DeploymentRecord]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.finished):
        by_application[record.application].append(record)
    known_since = min((found[0].finished for found in by_application.values()), default=None)
    tallies = {name: _tally(found, window) for name, found in sorted(by_application.items())}
    total, days = _Tally(), window.days(known_since)
    for tally in tallies.values():
        total.add(tally)
    items = tuple(tally.record(name, days) for name, tally in tallies.items() if tally.deployments or tally.unrestored)
    return DoraList(since=window.since, until=window.until, known_since=known_since, total=total.record("", days), items=items)


def spread(spans: Sequence[timedelta]) -> SpreadRecord:
    """How long durations are, by nearest rank: each figure is one that was measured."""
    if not spans:
        return SpreadRecord()
    ordered = sorted(span.total_seconds() for span in spans)
    p50, p90 = (ordered[-(-len(ordered) * percent // 100) - 1] for percent in (50, 90))
    return SpreadRecord(count=len(ordered), p50_seconds=p50, p90_seconds=p90)


def stages(record: DeploymentRecord) -> Mapping[str, timedelta]:
    """How long a deployment took, in all and in its parts, as far as its times are known."""
    if record.committed is None:
        return {}
    times = [("received", record.received), ("applied", record.applied), ("healthy", record.good_at)]
    found, before = {"lead": record.good_at - record.began}, record.began
    for name, moment in times:
        if moment is not None:
            found[name], before = max(moment - before, timedelta()), moment
    return found


def _tally(records: Sequence[DeploymentRecord], window: Window) -> _Tally:
    """The figures of one application's records, oldest first."""
    tally, live, left = _Tally(), set[str](), _left(records)
    bad_since: datetime | None = None
    for place, record in enumerate(records):
        is_failed = record.is_deployment and (record.state is SyncState.FAILED or place in left)
        if record.is_deployment and record.finished in window:
            tally.deployments += 1
            tally.failed += is_failed
        if record.state in GOOD and bad_since is not None:
            if record.good_at in window:
                tally.spans["restore"].append(record.good_at - bad_since)
            bad_since = None
        if is_failed and bad_since is None:
            bad_since = record.bad_at
        if record.is_deployment and record.state in GOOD and record.commit not in live:
            live.add(record.commit)
            for name, span in stages(record).items() if record.finished in window else ():
                tally.spans[name].append(span)
    tally.unrestored += bad_since is not None
    return tally


def _left(records: Sequence[DeploymentRecord]) -> set[int]:
    """The places of deployments after which the next thing that was done was to leave them."""
    found, is_left = set[int](), False
    for place in range(len(records) - 1, -1, -1):
        record = records[place]
        if record.is_deployment and is_left:
            found.add(place)
        if record.is_deployment or record.kind is JobKind.ROLLBACK:
            is_left = record.kind is JobKind.ROLLBACK
    return found
