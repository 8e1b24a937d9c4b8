"""What every part of a declaration is: strict about its fields, written in camel case, never changed."""

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from reconciler.declarations.fields import DnsName


class Part(BaseModel):
    """A mapping of a declaration; a field that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_nulls_out(cls, value: object) -> object:
        """A field without a value is one that is left out, as to the API server."""
        return {name: field for name, field in value.items() if field is not None} if isinstance(value, dict) else value


class SecretRefSpec(Part):
    """A Secret in the same namespace."""

    name: DnsName = Field(description="The Secret's name.")


class Metadata(Part):
    """Name and namespace; labels and annotations are for people."""

    name: DnsName = Field(description="What others call it by; unique among its kind in the namespace.")
    namespace: DnsName = Field(default="trueup", description="What it may refer to is in the same namespace.")
    labels: dict[str, str] = Field(default_factory=dict, description="For people.")
    annotations: dict[str, str] = Field(default_factory=dict, description="For people.")
