"""What people decided about an application, and what that means for its next sync. The time is handed in.

A *rollback* holds an application at older commits for as long as its sources give the content that was rolled back: the same commits,
or newer ones that render to the same. A repository of many applications gets commits all day; those of others end nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.model.intent import Healthy, Intent, Pause, Quarantine, Rollback
from reconciler.model.outcome import Action, SyncReport, SyncState

Commits = tuple[str, ...]
"""One for each source of an application, in their order."""

SHORT = 7
"""Digits of a commit that are told to people."""

QUARANTINED = 10
"""Failed revisions of one application that are remembered; each was the newest once."""


def pause_of(intent: Intent, now: datetime) -> Pause | None:
    """The pause that is in force."""
    pause = intent.pause
    return pause if pause is not None and (not pause.until or now < datetime.fromisoformat(pause.until)) else None


def describe_pause(pause: Pause) -> str:
    """`paused by ann until 2026-11-23 14:00 UTC: migration`."""
    until = f" until {clock(datetime.fromisoformat(pause.until))}" if pause.until else " until somebody resumes"
    return f"paused by {pause.actor}{until}: {pause.reason}"


def describe_rollback(rollback: Rollback) -> str:
    """`rolled back to 3f1c9a2 by ann: too slow`."""
    by = f" by {rollback.actor}" if rollback.actor else ""
    return f"rolled back to {short(rollback.commits)}{by}" + (f": {rollback.reason}" if rollback.reason else "")


def clock(moment: datetime) -> str:
    """A moment as people read it, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def short(commits: Commits) -> str:
    """The commits that an application is said to be at, as people say them: `3f1c9a2`, or `3f1c9a2+9b2c1d0`."""
    return "+".join(dict.fromkeys(commit[:SHORT] for commit in commits))


def is_rolled_back(intent: Intent, heads: Commits) -> bool | None:
    """Whether an application whose sources are at these commits is held at others; None when only their content tells."""
    rollback = intent.rollback
    if rollback is None or len(rollback.commits) != len(heads) or heads == rollback.commits:
        return False
    if heads == rollback.instead_of or any(heads == failed.commits for failed in intent.quarantine):
        return True
    return None if _refused_content(intent) else False


def is_refused(intent: Intent, digest: str) -> bool:
    """Whether content was rolled back or quarantined, whatever its commit is called."""
    return digest in _refused_content(intent)


def _refused_content(intent: Intent) -> frozenset[str]:
    found = {failed.digest for failed in intent.quarantine} | ({intent.rollback.digest} if intent.rollback else set())
    return frozenset(found - {""})


def is_about(intent: Intent, commit: str) -> bool:
    """Whether a commit is one that an application was rolled back from; what another source stays at is not."""
    refused = [failed.commits for failed in intent.quarantine]
    refused += [intent.rollback.instead_of] if intent.rollback else []
    kept = intent.rollback.commits if intent.rollback else ()
    return commit not in kept and any(commit in commits for commits in refused)


def is_failure(report: SyncReport) -> bool:
    """Whether the content of a revision failed: refused by the cluster, not healthy in time, or a hook of it failed.

    What could not be fetched or rendered changed nothing, and what was overtaken or waits has not failed.
    """
    refused = any(step.error and step.action in (Action.CREATE, Action.UPDATE, Action.RUN) for step in report.steps)
    return report.state is SyncState.FAILED and (refused or bool(report.unhealthy))


def returns_to(intent: Intent, failed: Healthy) -> Healthy | None:
    """Where an application returns to whose content failed; None when no other content is known to have been healthy.

    Content that was healthy before is no mistake of its commit: something else is wrong, and an older one would not mend it.
    """
    fallback = intent.fallback
    if fallback is None or len(fallback.commits) != len(failed.commits):
        return None
    return None if fallback.commits == failed.commits or fallback.digest == failed.digest else fallback


def quarantined(intent: Intent, rollback: Rollback) -> Intent:
    """The intent after a revision has failed: it is held at the fallback, and what failed is not applied again by itself."""
    failed = Quarantine(rollback.instead_of, rollback.digest, rollback.reason, rollback.at)
    others = tuple(known for known in intent.quarantine if known.commits != failed.commits)
    return replace(intent, rollback=rollback, quarantine=(*others, failed)[-QUARANTINED:])


def released(intent: Intent) -> Intent:
    """The intent after newer content is healthy, or somebody wants the newest whatever was decided before."""
    return replace(intent, rollback=None, quarantine=())


def is_older(intent: Intent, asked: datetime) -> bool:
    """Whether a rollback was decided before somebody asked: a request that is done late does not end what came after it."""
    return intent.rollback is not None and datetime.fromisoformat(intent.rollback.at) < asked


def previous(past: Sequence[Healthy], present: Healthy, intent: Intent) -> Healthy | None:
    """The last revision that was healthy before the present one; None when none is known.

    Args:
        past: the healthy revisions that are known, newest first; one that was returned to counts from its first time.
        present: what the application is at, healthy or not.
        intent: what was rolled back before is not returned to.
    """
    first_times: dict[Commits, Healthy] = {}
    for healthy in past:
        first_times.pop(healthy.commits, None)
        first_times[healthy.commits] = healthy
    order = list(first_times.values())
    where = next((number for number, healthy in enumerate(order) if healthy.commits == present.commits), -1)
    return next(
        (healthy for healthy in order[where + 1 :] if not _is_same(healthy, present) and not _was_left(healthy, intent)), None
    )


def _is_same(one: Healthy, other: Healthy) -> bool:
    return one.commits == other.commits or (one.digest != "" and one.digest == other.digest)


def _was_left(healthy: Healthy, intent: Intent) -> bool:
    return is_refused(intent, healthy.digest) or (intent.rollback is not None and healthy.commits == intent.rollback.instead_of)


def found_by(prefix: str, known: Iterable[Commits]) -> list[Commits]:
    """The known revisions with a commit that begins so, each once."""
    return list(dict.fromkeys(commits for commits in known if any(commit.startswith(prefix) for commit in commits)))
