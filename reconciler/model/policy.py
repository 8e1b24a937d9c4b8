"""How an application is kept true: what people say of its syncs, its drift, its deletion and its health. Only values."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import ClassVar

from reconciler.model.patterns import FieldPattern


class SyncMode(enum.StrEnum):
    """When a new revision is applied."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class DriftPolicy(enum.StrEnum):
    """What is done about drift."""

    REPAIR = "repair"
    REPORT = "report"
    IGNORE = "ignore"


class AdoptPolicy(enum.StrEnum):
    """What is done when an object to apply exists already and another manager holds fields of it."""

    KNOWN = "known"
    """Take it from known tools (kubectl, Helm, Argo CD, Flux); refuse others."""
    ALWAYS = "always"
    NEVER = "never"


class ForeignPolicy(enum.StrEnum):
    """What is done about fields that others put beside ours."""

    REMOVE = "remove"
    REPORT = "report"
    IGNORE = "ignore"


class DeletionPolicy(enum.StrEnum):
    """What becomes of an Application's objects when it is no longer declared."""

    ORPHAN = "orphan"
    PRUNE = "prune"


@dataclass(frozen=True)
class IgnoreRule:
    """Fields that others own: of which objects, which fields, and by whom."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # rules are read from settings too

    kind: str = "*"
    group: str | None = None
    """None: any."""
    name: str = "*"
    namespace: str = "*"
    paths: tuple[str, ...] = ()
    """As `model.patterns` reads them; none: every field."""
    managers: tuple[str, ...] = ()
    """Only what these hold; none: whoever holds it."""

    def __post_init__(self) -> None:
        """Refuse what means nothing.

        Raises:
            ValueError: naming the mistake.
        """
        if not (self.paths or self.managers):
            raise ValueError("an ignore rule needs paths, managers, or both")
        self.patterns  # noqa: B018 - raises for a path that has no meaning

    @cached_property
    def patterns(self) -> tuple[FieldPattern, ...]:
        """The paths, read; one that means everything where there are none."""
        return tuple(FieldPattern.parse(path) for path in self.paths) or (FieldPattern(()),)

    def covers(self, group: str, kind: str, namespace: str, name: str) -> bool:
        """Whether an object is meant; kind, name and namespace may be globs."""
        return (
            self.group in (None, group)
            and fnmatchcase(kind, self.kind)
            and fnmatchcase(name, self.name)
            and fnmatchcase(namespace, self.namespace)
        )

    def is_by(self, manager: str) -> bool:
        """Whether a manager is one that fields are left to."""
        return not self.managers or any(fnmatchcase(manager, pattern) for pattern in self.managers)


class OnFailure(enum.StrEnum):
    """What is done when a revision is refused, or does not become healthy."""

    REPORT = "report"
    ROLLBACK = "rollback"
    """Return to the last healthy revision, and do not apply the failed one again."""


class WindowKind(enum.StrEnum):
    """What a sync window does while it is open."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class SyncWindow:
    """A recurring span of time in which syncs are allowed, or denied."""

    schedule: str
    """When it begins: five fields of cron."""
    duration_seconds: float
    time_zone: str = "UTC"
    """A name of the IANA database."""
    kind: WindowKind = WindowKind.ALLOW
    manual: bool = True
    """Whether what people ask for is done although this window stands in the way."""
    repair: bool = False
    """Whether drift is put back although this window stands in the way."""


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """How an application is kept true."""

    mode: SyncMode = SyncMode.AUTOMATIC
    drift: DriftPolicy = DriftPolicy.REPAIR
    prune: bool = True
    timeout_seconds: float = 300.0
    """How long to wait until everything applied is healthy."""
    adopt: AdoptPolicy = AdoptPolicy.KNOWN
    foreign: ForeignPolicy | None = None
    """None: `remove` for people's tools, `report` for all others."""
    deletion: DeletionPolicy = DeletionPolicy.ORPHAN
    on_failure: OnFailure = OnFailure.REPORT
    windows: tuple[SyncWindow, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()
    """Fields that are left to others."""


SECRETS_ARE_NOT_WATCHED = "is not judged: the content of Secrets is never watched; judge what makes it, or what uses it"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRule:
    """How people want a kind to be judged: expressions in CEL, the first true one decides."""

    group: str = ""
    """Empty for the core group."""
    kind: str
    healthy: str
    """Asked last; when it is not true either, the object is on its way."""
    suspended: str = ""
    """Asked first; then progressing, then degraded."""
    progressing: str = ""
    degraded: str = ""
    message: str = ""
    """Makes the reason; empty: the object's own conditions."""

    def __post_init__(self) -> None:
        """Refuse what is never watched."""
        if (self.group, self.kind) == ("", "Secret"):
            raise ValueError(SECRETS_ARE_NOT_WATCHED)

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Every expression that is given, with its field's name."""
        for name in ("healthy", "suspended", "progressing", "degraded", "message"):
            if expression := getattr(self, name):
                yield name, expression
