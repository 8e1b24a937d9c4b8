"""What people declare: Repositories and Applications, after parsing. The schema they are parsed from is in `declarations`."""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import ClassVar, Protocol, Self

from reconciler.model.patterns import FieldPattern
from reconciler.model.rendering import RenderOptions
from reconciler.model.verification import Verification

HOME = "trueup"
"""Trueup's own namespace in every cluster: its operators declare there, and its records are there."""

IN_CLUSTER = "in-cluster"
"""The destination that means: where we run, or the kubeconfig's current context."""


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """The name of an Application or Repository: `namespace/name`, also when it was declared in a file."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str, *, default_namespace: str = HOME) -> Self:
        """Read `namespace/name` or a bare name."""
        namespace, slash, name = text.rpartition("/")
        return cls(namespace if slash else default_namespace, name)

    def __str__(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Instance:
    """One installation of Trueup, by its id; two of them on one cluster never touch each other's objects."""

    id: str = "trueup"

    @property
    def manager(self) -> str:
        """The field manager: `trueup`, or `trueup-<id>`."""
        return self.id if self.id == "trueup" else f"trueup-{self.id}"


class Forge(enum.StrEnum):
    """What kind of Git host a repository is on."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    AZURE = "azure"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """The name of a Secret in the declaring object's namespace."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ConfigMapRef:
    """The name of a ConfigMap in the declaring object's namespace."""

    namespace: str
    name: str


class Secrets(Protocol):
    """Where Secrets and ConfigMaps are read: mounted files or the cluster. Handed in; nobody keeps what it answers."""

    async def read(self, ref: SecretRef | ConfigMapRef) -> Mapping[str, bytes]:
        """The data by key.

        Raises:
            Stalled: when there is no such Secret.
            Transient: when it cannot be read now.
        """


@dataclass(frozen=True, slots=True)
class CommitStatusPolicy:
    """Whether and how results are posted on commits."""

    enabled: bool = True
    context: str = ""
    """Empty: the instance's id."""
    secret: SecretRef | None = None
    """The forge's API token, under the key `token`."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A Git repository that Trueup follows."""

    name: Name
    url: str
    scope: str
    """`host[:port]/owner/name`, lower case, without `.git`; the tail of its webhook address."""
    forge: Forge
    api: str
    """Base address of the forge's API; empty for a forge without one."""
    credentials: SecretRef | None = None
    poll_seconds: float = 60.0
    webhook_generation: int = 0
    webhook_register: bool = False
    status: CommitStatusPolicy = field(default_factory=CommitStatusPolicy)
    allowed_namespaces: tuple[str, ...] = ()
    """Globs of the other namespaces whose Applications may use it."""
    verify: Verification | None = None
    """The signatures that its commits or tags must have; None: none."""


@dataclass(frozen=True, slots=True)
class GitSource:
    """Where an application's documents come from."""

    repository: Name
    revision: str
    """Branch, tag or full SHA, as declared."""
    path: str
    """Directory in the repository, without leading or trailing slash; empty for the top."""
    render: RenderOptions | None = None
    """Its own way of rendering; None: the application's."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an application's objects go."""

    cluster: str
    namespace: str
    """For namespaced objects that name none; empty means that each must name its own."""
    create_namespace: bool = False


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


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an application may touch, as globs; None is everything."""

    namespaces: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    """`Deployment.apps`, `ConfigMap`."""
    clusters: tuple[str, ...] | None = None
    """By the names that declarations have for them."""
    has_cluster_objects: bool = True
    """Whether it may touch objects that are in no namespace."""

    def has_namespace(self, name: str) -> bool:
        """Whether it may touch a namespace."""
        return self.namespaces is None or any(fnmatchcase(name, glob) for glob in self.namespaces)


EVERYTHING = Allowance()


@dataclass(frozen=True, slots=True)
class Application:
    """What to keep true: sources, a destination, a policy."""

    name: Name
    sources: tuple[GitSource, ...]
    destination: Destination
    render: RenderOptions = field(default_factory=RenderOptions)
    sync: SyncPolicy = field(default_factory=SyncPolicy)
    depends_on: tuple[Name, ...] = ()
    health: tuple[HealthRule, ...] = ()
    """Before those of the instance."""
    digest: str = ""
    """Hash of the declaration; a change of it makes the application affected."""
    allowance: Allowance = EVERYTHING
    generation: int = 0
    """Of the custom resource that declares it, which has a status and may have a finalizer; 0: it stands in a file."""

    def may_wait_for(self, other: Name) -> bool:
        """Whether it may depend on an application: on those of its namespace, and of namespaces that it may touch."""
        return other.namespace == self.name.namespace or self.allowance.has_namespace(other.namespace)

    @property
    def is_resource(self) -> bool:
        """Whether it was declared as a custom resource."""
        return self.generation > 0

    @property
    def goes_along(self) -> bool:
        """Whether its objects say themselves that they are deleted with it; a custom resource does that by its finalizer."""
        return self.sync.deletion is DeletionPolicy.PRUNE and not self.is_resource


@dataclass(frozen=True)
class Declarations:
    """Everything declared at one moment, cross-checked: every reference leads somewhere."""

    repositories: Mapping[Name, Repository] = field(default_factory=dict)
    applications: Mapping[Name, Application] = field(default_factory=dict)
    leaving: Mapping[Name, Application] = field(default_factory=dict)
    """Applications that are being deleted, and wait until their objects are."""
    refused: frozenset[Name] = frozenset()
    """Applications that are declared and cannot be in force: their objects are left as they are, and nothing of them is gone."""
    is_complete: bool = True
    """Whether all of what is declared was read; who is missing from a part is not gone."""

    @cached_property
    def awaited(self) -> frozenset[Name]:
        """The applications that others depend on."""
        return frozenset(name for application in self.applications.values() for name in application.depends_on)

    @cached_property
    def _followers(self) -> Mapping[Name, Mapping[str, Mapping[str, Application]]]:
        found: dict[Name, dict[str, dict[str, Application]]] = {}
        for name, application in sorted(self.applications.items()):
            for source in application.sources:
                found.setdefault(source.repository, {}).setdefault(source.revision, {})[str(name)] = application
        return found

    def followers(self, repository: Name) -> Mapping[str, Mapping[str, Application]]:
        """By revision as declared, and by name: asked at every push and poll, of thousands of applications."""
        return self._followers.get(repository, {})

    def following(self, repository: Name, ref: str) -> Mapping[str, Application]:
        """The applications that follow a ref (`refs/heads/main`, `refs/tags/v1`) of a repository, by name and in its order."""
        short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
        by_short, by_ref = (self.followers(repository).get(revision, {}) for revision in (short, ref))
        return by_short or by_ref if not (by_short and by_ref) else dict(sorted({**by_short, **by_ref}.items()))
