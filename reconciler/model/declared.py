"""What people declare: Repositories and Applications, after parsing. The schema they are parsed from is in `declarations`."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Protocol, Self

from reconciler.model.gates import PolicyRule
from reconciler.model.policy import DeletionPolicy, HealthRule, SyncPolicy
from reconciler.model.rendering import RenderOptions
from reconciler.model.revisions import TAGS, is_range, may_mean
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
    FORGEJO = "forgejo"
    BITBUCKET = "bitbucket"
    """Bitbucket Cloud."""
    BITBUCKET_DC = "bitbucket-dc"
    """Bitbucket Data Center."""
    AZURE = "azure"
    """Azure DevOps Services, and Server."""
    GENERIC = "generic"
    """Any other; its webhooks are sent by whoever can sign a few lines of JSON."""


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
    """The forge's API token, under the key `token`, or a GitHub App."""
    deployments: bool = False
    """Whether the forge is told of deployments to an environment by the context's name, too."""


class ForkPolicy(enum.StrEnum):
    """What becomes of a pull request whose commits are from a fork."""

    RENDER = "render"
    """Its plan is made without any Secret."""
    ASK = "ask"
    """The same, once somebody who may write to the repository says `/trueup plan` beneath it."""
    IGNORE = "ignore"
    """No plan is made."""


@dataclass(frozen=True, slots=True)
class PullRequestPolicy:
    """What is done about pull requests."""

    plan: bool = True
    """Whether their plan is made."""
    commands: bool = True
    """Whether people may command beneath them."""
    forks: ForkPolicy = ForkPolicy.RENDER
    secret: SecretRef | None = None
    """The forge's API token that may write comments, under the key `token`; None: nothing is done."""


class RepositoryType(enum.StrEnum):
    """What a repository holds."""

    GIT = "git"
    HELM = "helm"
    """Charts, by an index."""
    OCI = "oci"
    """Charts or artifacts, in a registry."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that Trueup follows."""

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
    webhook_scope: str = ""
    """Of the one hook for many repositories that is registered in place of its own; empty: its own."""
    webhook_secret: SecretRef | None = None
    """The API token that may write webhooks, under the key `token`."""
    status: CommitStatusPolicy = field(default_factory=CommitStatusPolicy)
    pulls: PullRequestPolicy = field(default_factory=PullRequestPolicy)
    allowed_namespaces: tuple[str, ...] = ()
    """Globs of the other namespaces whose Applications may use it."""
    type: RepositoryType = RepositoryType.GIT
    verify: Verification | None = None
    """The signatures that its commits or tags must have; None: none."""
    submodules: bool = False
    """Whether submodules of its own host are put at their places."""
    lfs: bool = False
    """Whether files that Git LFS keeps are fetched."""

    def allows(self, namespace: str) -> bool:
        """Whether Applications of a namespace may use it."""
        return namespace == self.name.namespace or any(fnmatchcase(namespace, glob) for glob in self.allowed_namespaces)

    @property
    def added(self) -> str:
        """A name for what is put into its commits before they are read; empty for nothing."""
        return ("submodules;" if self.submodules else "") + ("lfs;" if self.lfs else "")


@dataclass(frozen=True, slots=True)
class GitSource:
    """Where an application's documents come from."""

    repository: Name
    revision: str
    """Branch, tag, any ref, full SHA or range of tags, as declared; `model.revisions` says what it means."""
    path: str
    """Directory in the repository, without leading or trailing slash; empty for the top."""
    render: RenderOptions | None = None
    """Its own way of rendering; None: the application's."""
    ref: str = ""
    """What other sources call it by: `$ref/…` in their files of values; empty: nothing."""

    @property
    def needs(self) -> tuple[RepositoryType, ...]:
        """The types of repository that have such a thing."""
        if self.revision.startswith("refs/charts/"):
            return RepositoryType.HELM, RepositoryType.OCI
        return (RepositoryType.OCI,) if self.revision.startswith("refs/oci/") else (RepositoryType.GIT,)

    @property
    def is_rendered(self) -> bool:
        """Whether it has documents of its own; one that is only referred to has none."""
        return bool(self.path) or not self.ref


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an application's objects go."""

    cluster: str
    namespace: str
    """For namespaced objects that name none; empty means that each must name its own."""
    create_namespace: bool = False


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
    policies: tuple[PolicyRule, ...] = ()
    """What must be true of its objects: the instance's rules, then its own."""
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
        followers = self.followers(repository)
        found = [followers[revision] for revision in (short, ref) if revision in followers]
        if ref.startswith(TAGS):
            found += [followers[revision] for revision in self._ranges.get(repository, ()) if may_mean(revision, ref)]
        return found[0] if len(found) == 1 else dict(sorted({n: a for one in found for n, a in one.items()}.items()))

    @cached_property
    def _ranges(self) -> Mapping[Name, tuple[str, ...]]:
        return {name: tuple(filter(is_range, revisions)) for name, revisions in self._followers.items()}
