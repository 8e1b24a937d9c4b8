"""What people decided and Git does not say; kept in the cluster, so that a lost Redis forgets none of it.

Times are RFC 3339. Every decision says whose it is and why: a pause that nobody owns is never ended.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody allowed exactly this set of deletions."""

    digest: str
    """Names the set: `outcome.digest_of` its objects."""
    actor: str
    at: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is synced and nothing is repaired until it ends."""

    actor: str
    reason: str
    at: str
    until: str = ""
    """Empty: until somebody resumes."""


@dataclass(frozen=True, slots=True)
class Healthy:
    """A revision that an application was healthy at."""

    commits: tuple[str, ...]
    """One for each source, in their order."""
    digest: str = ""
    """Of what it rendered to: `Rendering.content`."""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Rollback:
    """The application is held at an older revision until newer content comes, or somebody resumes."""

    commits: tuple[str, ...]
    """What it is held at: one for each source, in their order."""
    instead_of: tuple[str, ...]
    """Where the sources were when it was decided."""
    digest: str
    """Of what those rendered to: a newer commit that renders to the same ends nothing. Empty where they did not render."""
    actor: str
    """Empty when the application's `onFailure` decided."""
    reason: str
    at: str
    job: str = ""
    """The job that decided it."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A revision that failed, and is not applied again by itself."""

    commits: tuple[str, ...]
    digest: str
    """Of what it rendered to; the same content under another commit is the same failure."""
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class HookRun:
    """A hook, or a Job that is gone when it is done, has run to its end: it does not run again for the same content."""

    identity: str
    """Of its object: `group/kind:namespace/name`."""
    digest: str
    """Of a hook: of all that its application renders to; else of the manifest that ran."""
    commit: str
    at: str
    has_succeeded: bool = True
    phase: str = ""
    """Of a hook; empty for a Job that is gone when it is done."""
    reason: str = ""
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Intent:
    """Everything that was decided about one application."""

    approval: Approval | None = None
    pause: Pause | None = None
    rollback: Rollback | None = None
    quarantine: tuple[Quarantine, ...] = ()
    fallback: Healthy | None = None
    """Where an application with `onFailure: rollback` returns to; written before a healthy revision is left."""
    ran: tuple[HookRun, ...] = ()
    ends_with_hooks: bool = False
    """Whether what is in the cluster has pre-delete hooks: without them it is not deleted, also when nobody can render it any more."""
