"""How many jobs of one repository a worker begins at once: one whose host is slow leaves room for all others. Pure."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.records import JobKind, JobRecord

SHARE = 5
"""One repository takes at most one part in so many of a worker's places."""

LEAST = 2

PAUSE_SECONDS = 1.0
"""After which a job that found no place is looked at again."""

AT_ONCE = 500
"""So many that found no place make the pause a second longer: looking at them takes a worker half a second."""


class Shares:
    """Who has places in one worker."""

    def __init__(self, places: int) -> None:
        self._most = max(LEAST, places // SHARE)
        self._taken: Counter[str] = Counter()
        self._put_off: Counter[str] = Counter()

    @property
    def is_crowded(self) -> bool:
        """Whether any repository may have all the places that it can have; where not, nobody need ask."""
        return self._taken.total() >= self._most

    @contextmanager
    def taken(self, job: JobRecord) -> Iterator[None]:
        """A place, as long as the block runs."""
        name = _name(job)
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]
                self._put_off.pop(name, None)

    def pause(self, job: JobRecord) -> float | None:
        """After how many seconds a job is looked at again for which there is no place now; None where there is one."""
        name = _name(job)
        if not name or self._taken[name] < self._most:
            return None
        self._put_off[name] += 1
        return PAUSE_SECONDS + self._put_off[name] / AT_ONCE


def _name(job: JobRecord) -> str:
    """Plans of pull requests take long, and no push waits for them."""
    name = job.scope or job.repository
    return f"plans of {name}" if name and job.kind is JobKind.PLAN else name
