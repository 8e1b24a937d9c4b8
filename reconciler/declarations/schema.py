"""The schema of declarations, `trueup.dev/v1alpha1`: what people write, checked and turned into the values of `model.declared`.

Custom resource definitions are generated from it, so every field says what it is for.
"""

import hashlib
import re
from typing import Literal, Self

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
    Seconds,
)
from reconciler.declarations.part import Metadata, Part
from reconciler.declarations.policies import Policies
from reconciler.declarations.rendering import RenderSpec
from reconciler.declarations.repository import RepositoryDocument
from reconciler.declarations.sources import SourceSpec
from reconciler.model.declared import Application, Destination, Name
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

API_VERSION = "trueup.dev/v1alpha1"


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
    foreign: ForeignPolicy | None = Field(
        default=None,
        description="Fields that others put beside ours; left out: `remove` what people's tools put, `report` the rest.",
    )
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
    policies: Policies = Field(default=(), description="What must be true of objects before they are applied.")

    @model_validator(mode="after")
    def _refers_to_sources(self) -> Self:
        refs = [source.ref for source in self.sources if source.ref]
        if len(set(refs)) != len(refs):
            raise ValueError("two sources have the same ref; give each its own")
        if not any(source.path or not source.ref for source in self.sources):
            raise ValueError("every source is only referred to; one needs a path")
        for render in (self.render, *(source.render for source in self.sources if source.render)):
            for path in borrowed(render.value()):
                ref, slash, _ = path[1:].partition("/")
                if not slash or ref not in refs:
                    raise ValueError(
                        f"valuesFiles: {path}: no source has ref: {ref}; a file whose name begins with $ is ./{path}"
                    )
        return self


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
            policies=tuple(policy.value() for policy in spec.policies),
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
