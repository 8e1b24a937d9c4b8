"""The status of a Repository or an Application: what stands in it. The definitions are made from this, too.

Conditions are read by people, `kubectl wait` and every tool that knows kstatus: https://github.com/kubernetes-sigs/cli-utils,
`pkg/kstatus/README.md`.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.model.outcome import HealthStatus, SyncState

HISTORY = 20
"""Outcomes that are kept."""


class _Told(BaseModel):
    """What an older or newer Trueup has written beside is no mistake."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Condition(_Told):
    """One side of how it is."""

    type: str = Field(description="Ready, Synced, Healthy, or Stalled while a person must do something.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it is so.")
    observed_generation: int = Field(default=0, description="The generation that this is said of.")
    last_transition_time: str = Field(default="", description="When the status changed last.")
    reason: str = Field(default="", description="Why, in one word.")
    message: str = Field(default="", description="Why, for people.")


class OutcomeEntry(_Told):
    """What one sync came to."""

    revision: str = Field(description="`main@sha1:<hex>`.")
    state: SyncState = Field(description="How it ended.")
    message: str = Field(default="", description="What counts of it.")
    digest: str = Field(default="", description="Hash of everything that was rendered; the same for the same objects.")
    actor: str = Field(default="", description="Who pushed or asked; empty when nobody did.")
    job: str = Field(default="", description="The job's id.")
    at: str = Field(default="", description="When it ended.")


class HeldStatus(_Told):
    """Deletions that wait for an approval."""

    digest: str = Field(description="Names the set: `trueup app approve NAME --digest …`.")
    reason: str = Field(default="", description="Why they are held.")
    objects: tuple[str, ...] = Field(default=(), description="What would be deleted, the first 20.")


class _Status(_Told):
    observed_generation: int = Field(default=0, description="The generation that this status is said of.")
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Ready, Synced, Healthy, Stalled.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Self:
        """The status of a live object; an empty one where it cannot be understood."""
        try:
            return cls.model_validate(status)
        except ValidationError:
            return cls()

    def condition(self, kind: str) -> Condition | None:
        """The condition of a type."""
        return next((found for found in self.conditions if found.type == kind), None)

    @property
    def document(self) -> dict[str, Any]:
        """As it is written."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class RepositoryStatus(_Status):
    """How a Repository is, as Trueup last said."""


class ApplicationStatus(_Status):
    """How an Application is, as the holder of its cluster last said."""

    sync: SyncState | None = Field(default=None, description="How the last sync ended.")
    health: HealthStatus | None = Field(default=None, description="The worst of its objects.")
    revision: str = Field(default="", description="What is in the cluster: `main@sha1:<hex>`.")
    desired: str = Field(default="", description="What should be in the cluster.")
    message: str = Field(default="", description="What counts of the last sync.")
    objects: int = Field(default=0, description="How many objects it has.")
    held: HeldStatus | None = Field(default=None, description="Deletions that wait for an approval.")
    history: tuple[OutcomeEntry, ...] = Field(default=(), max_length=HISTORY, description="The last outcomes, newest first.")
    intent: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What people decided and Git does not say: approvals, pauses, rollbacks.",
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True},
    )
