"""What a cluster's holder replies to questions, as JSON: its objects as they are, strays, and what applications left. Only shapes."""

from pydantic import Field

from jobs.records import FieldRecord, Record
from reconciler.model.outcome import DriftKind, HealthStatus


class FindingRecord(Record):
    """What is wrong with one object now."""

    kind: DriftKind
    fields: tuple[FieldRecord, ...] = ()


class ResourceRecord(Record):
    """One object of an application, as its cluster's holder sees it now."""

    object: str
    identity: str
    is_desired: bool = Field(description="Whether Git has it; one that is not desired is held, or about to be deleted.")
    is_deleting: bool = False
    health: HealthStatus
    reason: str = ""
    drift: tuple[FindingRecord, ...] = Field(default=(), description="What is put back, or reported where the policy says so.")
    foreign: tuple[FieldRecord, ...] = Field(
        default=(), description="Fields that others added beside ours, and that are left there."
    )


class ResourceList(Record):
    """The objects of an application, by name."""

    items: tuple[ResourceRecord, ...]


class StrayRecord(Record):
    """An object that carries our label and is not ours."""

    object: str
    identity: str


class StrayList(Record):
    """The strays of a cluster, by name; never deleted."""

    items: tuple[StrayRecord, ...]
    failed: tuple[str, ...] = Field(default=(), description="Kinds that could not be looked at; only of a search.")


class OrphanRecord(Record):
    """What an application has left in a cluster where it is not declared any more."""

    application: str
    cluster: str
    reason: str
    objects: tuple[str, ...]
    digest: str = Field(description="Names exactly this set; what a removal is bound to.")


class OrphanList(Record):
    """Everything that was left, by application; and the clusters that did not answer, with the reason."""

    items: tuple[OrphanRecord, ...]
    unknown: dict[str, str] = Field(default_factory=dict)
