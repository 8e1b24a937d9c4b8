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
