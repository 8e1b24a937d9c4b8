"""The schema of declarations, `trueup.dev/v1alpha1`: what people write, checked and turned into the values of `model.declared`.

Custom resource definitions are generated from it, so every field says what it is for.
"""

import hashlib
import re
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from reconciler.declarations.clock import Schedule, TimeZone
from reconciler.declarations.fields import (
    LONGEST_WINDOW_SECONDS,
    Condition,
    DnsName,
    Expression,
    FieldPath,
    Flag,
    NameOrNothing,
    NamespaceGlob,
    Path,
    Revision,
    Seconds,
    Url,
    Whole,
)
from reconciler.declarations.part import Part, SecretRefSpec
from reconciler.declarations.rendering import RenderSpec
from reconciler.declarations.signers import parse_signers
from reconciler.errors import SourceRefused
from reconciler.model.declared import Application, CommitStatusPolicy, Destination, Forge, GitSource, Name, Repository, SecretRef
from reconciler.model.policy import (
    SECRETS_ARE_NOT_WATCHED,
    AdoptPolicy,
    DeletionPolicy,
    DriftPolicy,
    ForeignPolicy,
    HealthRule,
    IgnoreRule,
    OnFailure,
    SyncMode,
    SyncPolicy,
    SyncWindow,
    WindowKind,
)
from reconciler.model.rendering import borrowed
from reconciler.model.verification import Verification, VerifyMode
from reconciler.urls import default_api, guess_forge, parse_url

API_VERSION = "trueup.dev/v1alpha1"


class Metadata(Part):
    """Name and namespace; labels and annotations are for people."""

    name: DnsName = Field(description="What others call it by; unique among its kind in the namespace.")
    namespace: DnsName = Field(default="trueup", description="What it may refer to is in the same namespace.")
    labels: dict[str, str] = Field(default_factory=dict, description="For people.")
    annotations: dict[str, str] = Field(default_factory=dict, description="For people.")


class SecretUser(Part):
    """Something that needs a Secret."""

    secret_ref: SecretRefSpec = Field(description="The Secret, in the same namespace.")


class WebhookSpec(Part):
    """The repository's webhook."""

    register_: Flag = Field(default=False, alias="register", description="Let Trueup create and repair the hook at the forge.")
    generation: Whole = Field(default=0, ge=0, description="Raise it to revoke the hook's secret.")
    secret_ref: SecretRefSpec | None = Field(
        default=None,
        description="The forge's API token that may write webhooks, under the key `token`; left out: that of commitStatus.",
    )


class CommitStatusSpec(Part):
    """What is posted on commits."""

    enabled: Flag = Field(default=True, description="Whether anything is posted.")
    context: str = Field(default="", max_length=100, description="Name of the status; left out: the instance's id.")
    secret_ref: SecretRefSpec | None = Field(default=None, description="The forge's API token, under the key `token`.")


class VerifySpec(Part):
    """Signatures that are wanted: nothing without one is rendered."""

    mode: VerifyMode = Field(default=VerifyMode.COMMIT, description="What must be signed.")
    secret_ref: SecretRefSpec | None = Field(
        default=None,
        description="Secret with keys in the same namespace: OpenPGP keys, allowed signers of SSH, and `revoked_keys`.",
    )
    keys: tuple[Annotated[str, Field(min_length=1, max_length=65536)], ...] = Field(
        default=(), max_length=50, description="Keys that stand here: a line of allowed signers, or an armored OpenPGP key, each."
    )

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        if not self.keys and self.secret_ref is None:
            raise ValueError("needs keys or secretRef: without a key nothing could be verified")
        if self.keys:
            try:
                parse_signers({f"keys[{index}]": key.encode() for index, key in enumerate(self.keys)}, "spec.verify")
            except SourceRefused as error:
                raise ValueError(str(error)) from error
        return self

    def value(self) -> Verification:
        """The value that travels."""
        return Verification(self.mode, self.secret_ref.name if self.secret_ref else "", self.keys)


class RepositorySpec(Part):
    """A Git repository to follow."""

    url: Url = Field(description="https://, ssh:// or git@host:path.")
    forge: Forge | None = Field(default=None, description="Kind of Git host; left out: known from the host's name.")
    api: str = Field(default="", description="Base address of the forge's API; left out: the public one.")
    credentials: SecretUser | None = Field(
        default=None,
        description="Secret with the keys of Flux or Argo CD: password, bearerToken, identity, a GitHub App and more.",
    )
    poll: Seconds = Field(default=60.0, description="How often heads are looked at, webhook or not.")
    webhook: WebhookSpec = Field(default=WebhookSpec(), description="How pushes are heard of.")
    commit_status: CommitStatusSpec = Field(default=CommitStatusSpec(), description="How results are told.")
    allowed_namespaces: tuple[NamespaceGlob, ...] = Field(
        default=(), max_length=100, description="Other namespaces whose Applications may use it; `*` stands for any letters."
    )
    verify: VerifySpec | None = Field(default=None, description="Whose signatures are wanted; left out: none are.")


class GitSourceSpec(Part):
    """A directory of a repository at a revision."""

    repository: DnsName = Field(description="Name of a Repository.")
    namespace: NameOrNothing = Field(
        default="", description="The Repository's namespace, which it must allow; left out: the Application's own."
    )
    revision: Revision = Field(
        default="main",
        description="Branch, tag, full commit hash, any ref such as refs/pull/7/head, or the highest tag of a range: semver:>=1.2 <2.",
    )
    path: Path = Field(default="", description="Directory; left out: the top.")


class SourceSpec(Part):
    """Where documents come from."""

    git: GitSourceSpec = Field(description="A directory of a Git repository.")
    render: RenderSpec | None = Field(default=None, description="How its documents are made; left out: as `spec.render` says.")
    ref: str = Field(
        default="",
        max_length=63,
        pattern="^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$",
        description="What `valuesFiles` of the other sources call it by: `$ref/…`. Without a path nothing else of it is rendered.",
    )

    def value(self, namespace: str) -> GitSource:
        """The value that travels."""
        git, render = self.git, self.render.value() if self.render else None
        return GitSource(Name(git.namespace or namespace, git.repository), git.revision, git.path, render, self.ref)


class DestinationSpec(Part):
    """Where objects go."""

    cluster: str = Field(default="in-cluster", min_length=1, description="`in-cluster`, or a context of the kubeconfig.")
    namespace: NameOrNothing = Field(default="", description="For namespaced objects that name none.")
    create_namespace: Flag = Field(default=False, description="Create the namespace when it is missing.")


class IgnoreSpec(Part):
    """Fields that are left to others."""

    group: str | None = Field(default=None, description="API group of the objects, empty for the core group; left out: any.")
    kind: str = Field(default="*", min_length=1, description="Their kind; may be a glob.")
    name: str = Field(default="*", min_length=1, description="Their name; may be a glob.")
    namespace: str = Field(default="*", description="Their namespace; may be a glob.")
    paths: tuple[FieldPath, ...] = Field(
        default=(),
        max_length=50,
        description="Fields: `spec.replicas`, `spec.containers[name=web].image`, or JSON pointers; none: all.",
    )
    managers: tuple[str, ...] = Field(default=(), max_length=50, description="Only what these field managers hold; may be globs.")

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        self.value()
        return self

    def value(self) -> IgnoreRule:
        """The value that travels."""
        return IgnoreRule(self.kind, self.group, self.name, self.namespace, self.paths, self.managers)


class WindowSpec(Part):
    """A recurring span of time in which syncs are allowed, or denied."""

    schedule: Schedule = Field(description="When it begins: five fields of cron.")
    duration: Seconds = Field(le=LONGEST_WINDOW_SECONDS, description="How long it is open, such as 10h; a month at most.")
    time_zone: TimeZone = Field(default="UTC", description="Of the schedule, such as Europe/Berlin.")
    kind: WindowKind = Field(
        default=WindowKind.ALLOW, description="`deny` wins over `allow`; without any `allow` all is allowed."
    )
    manual: Flag = Field(default=True, description="Whether people may sync although this window stands in the way.")
    repair: Flag = Field(default=False, description="Whether drift is put back although this window stands in the way.")

    def value(self) -> SyncWindow:
        """The value that travels."""
        return SyncWindow(self.schedule, self.duration, self.time_zone, self.kind, self.manual, self.repair)


class SyncSpec(Part):
    """How the application is kept true."""

    mode: SyncMode = Field(default=SyncMode.AUTOMATIC, description="`manual`: new commits wait for `trueup sync`.")
    drift: DriftPolicy = Field(default=DriftPolicy.REPAIR, description="What is done about drift.")
    prune: Flag = Field(default=True, description="Delete what is no longer in Git, within the guards.")
    timeout: Seconds = Field(default=300.0, description="How long to wait until everything is healthy.")
    adopt: AdoptPolicy = Field(default=AdoptPolicy.KNOWN, description="Objects that other tools made: take from known ones.")
    foreign: ForeignPolicy | None = Field(default=None, description="Fields that others put beside ours.")
    deletion_policy: DeletionPolicy = Field(default=DeletionPolicy.ORPHAN, description="When the Application is gone.")
    ignore: tuple[IgnoreSpec, ...] = Field(default=(), max_length=100, description="Fields that are left to others.")

    on_failure: OnFailure = Field(
        default=OnFailure.REPORT, description="`rollback`: return to the last healthy revision when a new one fails."
    )
    windows: tuple[WindowSpec, ...] = Field(default=(), max_length=20, description="When it is synced; left out: always.")


class HealthRuleSpec(Part):
    """How a kind is judged, in CEL; the first of suspended, progressing, degraded and healthy that is true decides."""

    group: str = Field(default="", max_length=253, description="API group of the kind; left out: the core group.")
    kind: str = Field(description="The kind, as objects name it.")
    healthy: Condition = Field(description="True when all is well; when nothing is true, the object is on its way.")
    suspended: Condition = Field(default="", description="True when it is stopped on purpose.")
    progressing: Condition = Field(default="", description="True while it is on its way.")
    degraded: Condition = Field(default="", description="True when it has failed.")
    message: Expression = Field(default="", description="The reason; left out: the object's own conditions.")

    @field_validator("kind")
    @classmethod
    def _watched(cls, kind: str, info: ValidationInfo) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,62}", kind):
            raise ValueError("must be a kind, such as Certificate")
        if kind == "Secret" and not info.data.get("group"):
            raise ValueError(SECRETS_ARE_NOT_WATCHED)
        return kind


class DependencySpec(Part):
    """An Application that must be healthy first."""

    name: DnsName = Field(description="Name of an Application.")
    namespace: NameOrNothing = Field(
        default="", description="Its namespace, which this one must be allowed to touch; left out: the Application's own."
    )


class ApplicationSpec(Part):
    """What to keep true."""

    sources: tuple[SourceSpec, ...] = Field(min_length=1, max_length=20, description="Where the documents come from, in order.")
    render: RenderSpec = Field(default=RenderSpec(), description="How the documents are made.")
    destination: DestinationSpec = Field(default=DestinationSpec(), description="Where the objects go.")
    sync: SyncSpec = Field(default=SyncSpec(), description="How they are kept true.")
    depends_on: tuple[DependencySpec, ...] = Field(default=(), description="Applications that must be healthy first.")
    health: tuple[HealthRuleSpec, ...] = Field(
        default=(),
        max_length=50,
        description="How kinds are judged here, before the rules of the instance and the built-in ones.",
    )

    @model_validator(mode="after")
    def _refers_to_sources(self) -> Self:
        refs = [source.ref for source in self.sources if source.ref]
        if len(set(refs)) != len(refs):
            raise ValueError("two sources have the same ref; give each its own")
        if not any(source.git.path or not source.ref for source in self.sources):
            raise ValueError("every source is only referred to; one needs a path")
        for render in (self.render, *(source.render for source in self.sources if source.render)):
            for path in borrowed(render.value()):
                ref, slash, _ = path[1:].partition("/")
                if not slash or ref not in refs:
                    raise ValueError(
                        f"valuesFiles: {path}: no source has ref: {ref}; a file whose name begins with $ is ./{path}"
                    )
        return self


class RepositoryDocument(Part):
    """A Repository as it is written."""

    api_version: Literal["trueup.dev/v1alpha1"] = Field(description="The version of this schema.")
    kind: Literal["Repository"] = Field(description="What is declared.")
    metadata: Metadata = Field(description="Its name.")
    spec: RepositorySpec = Field(description="What it should be.")

    def value(self) -> Repository:
        """The value that travels."""
        spec, namespace = self.spec, self.metadata.namespace
        url = parse_url(spec.url)
        forge = spec.forge or guess_forge(url.host)
        status = spec.commit_status
        return Repository(
            name=Name(namespace, self.metadata.name),
            url=spec.url,
            scope=url.scope,
            forge=forge,
            api=spec.api.rstrip("/") or default_api(forge, url.host),
            credentials=_ref(namespace, spec.credentials.secret_ref if spec.credentials else None),
            poll_seconds=spec.poll,
            webhook_generation=spec.webhook.generation,
            webhook_register=spec.webhook.register_,
            webhook_secret=_ref(namespace, spec.webhook.secret_ref or spec.commit_status.secret_ref),
            status=CommitStatusPolicy(status.enabled, status.context, _ref(namespace, status.secret_ref)),
            allowed_namespaces=spec.allowed_namespaces,
            verify=spec.verify.value() if spec.verify else None,
        )


class ApplicationDocument(Part):
    """An Application as it is written."""

    api_version: Literal["trueup.dev/v1alpha1"] = Field(description="The version of this schema.")
    kind: Literal["Application"] = Field(description="What is declared.")
    metadata: Metadata = Field(description="Its name.")
    spec: ApplicationSpec = Field(description="What it should be.")

    def value(self) -> Application:
        """The value that travels."""
        spec, namespace = self.spec, self.metadata.namespace
        return Application(
            name=Name(namespace, self.metadata.name),
            sources=tuple(source.value(namespace) for source in spec.sources),
            destination=Destination(spec.destination.cluster, spec.destination.namespace, spec.destination.create_namespace),
            render=spec.render.value(),
            sync=_sync_policy(spec.sync),
            depends_on=tuple(Name(other.namespace or namespace, other.name) for other in spec.depends_on),
            health=tuple(HealthRule(**rule.model_dump()) for rule in spec.health),
            digest=hashlib.blake2b(spec.model_dump_json().encode(), digest_size=12).hexdigest(),
        )


DOCUMENTS: dict[str, type[RepositoryDocument] | type[ApplicationDocument]] = {
    "Repository": RepositoryDocument,
    "Application": ApplicationDocument,
}


def _sync_policy(spec: SyncSpec) -> SyncPolicy:
    return SyncPolicy(
        mode=spec.mode,
        drift=spec.drift,
        prune=spec.prune,
        timeout_seconds=spec.timeout,
        adopt=spec.adopt,
        foreign=spec.foreign,
        deletion=spec.deletion_policy,
        ignore=tuple(rule.value() for rule in spec.ignore),
        on_failure=spec.on_failure,
        windows=tuple(window.value() for window in spec.windows),
    )


def _ref(namespace: str, ref: SecretRefSpec | None) -> SecretRef | None:
    return SecretRef(namespace, ref.name) if ref else None
