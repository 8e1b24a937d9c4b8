"""In which form an answer was asked for: whole objects, their metadata only, or a table for people; as JSON or YAML.

https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from trueup.sandbox.bodies import dump_yaml
from trueup.sandbox.kinds import Resource
from trueup.sandbox.status import Refused, not_acceptable
from trueup.sandbox.store import Document
from trueup.sandbox.table import table

MEDIA_TYPES = "application/json, application/yaml"
WILDCARDS = ("*/*", "application/*", "application/json")


class Form(enum.Enum):
    """What an answer shows of an object."""

    WHOLE = "everything"
    METADATA = "apiVersion, kind and metadata"
    METADATA_LIST = "the same, of a list"
    TABLE = "one row an object"


FORMS = {"PartialObjectMetadata": Form.METADATA, "PartialObjectMetadataList": Form.METADATA_LIST, "Table": Form.TABLE}


@dataclass(frozen=True, slots=True)
class View:
    """A form and an encoding."""

    form: Form = Form.WHOLE
    is_yaml: bool = False

    @property
    def content_type(self) -> str:
        """The encoding's media type."""
        return "application/yaml" if self.is_yaml else "application/json"

    def encode(self, document: Mapping[str, Any]) -> bytes:
        """A document in this encoding."""
        return dump_yaml(document) if self.is_yaml else orjson.dumps(document)


def parse_accept(accept: str) -> View:
    """The first form and encoding of an Accept header that is offered.

    Raises:
        Refused: 406 when there is none.
    """
    for media_type, parameters in _clauses(accept):
        if media_type not in (*WILDCARDS, "application/yaml"):
            continue
        wanted = parameters.get("as", "")
        is_offered = not wanted or (parameters.get("g") == "meta.k8s.io" and parameters.get("v") == "v1" and wanted in FORMS)
        if is_offered:
            return View(FORMS.get(wanted, Form.WHOLE), is_yaml=media_type == "application/yaml")
    raise not_acceptable(MEDIA_TYPES)


def _clauses(accept: str) -> Iterator[tuple[str, dict[str, str]]]:
    for clause in (accept or "*/*").split(","):
        media_type, *parameters = (part.strip() for part in clause.split(";"))
        yield media_type, dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)


def shown(view: View, resource: Resource, document: Document) -> Document:
    """One object in this form."""
    match view.form:
        case Form.METADATA:
            return metadata_only(document)
        case Form.TABLE:
            return table(resource, [document], {})
        case Form.METADATA_LIST:
            raise _mismatch("PartialObjectMetadataList", f"the requested object is not a list (*{resource.kind})")
        case Form.WHOLE:
            return at_version(resource, document)


def shown_list(view: View, resource: Resource, documents: list[Document], metadata: dict[str, Any]) -> Document:
    """A list in this form."""
    match view.form:
        case Form.METADATA_LIST:
            head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
            return {**head, "items": [metadata_only(document) for document in documents]}
        case Form.TABLE:
            return table(resource, documents, metadata)
        case Form.METADATA:
            raise _mismatch("PartialObjectMetadata", f"the requested object is a list (*{resource.list_kind})")
        case Form.WHOLE:
            items = [at_version(resource, document) for document in documents]
            if not resource.is_custom:  # items of built-in lists do not repeat what they are
                items = [{name: v for name, v in item.items() if name not in ("kind", "apiVersion")} for item in items]
            return {"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": metadata, "items": items}


def metadata_only(document: Document) -> Document:
    """A PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}


def at_version(resource: Resource, document: Document) -> Document:
    """The object at the version of the request; conversion changes nothing but the version."""
    if document.get("apiVersion") == resource.api_version or "apiVersion" not in document:
        return document
    return {**document, "apiVersion": resource.api_version}


def _mismatch(wanted: str, why: str) -> Refused:
    return Refused(406, "NotAcceptable", f"you requested {wanted}, but {why}")
