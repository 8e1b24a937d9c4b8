"""What the server refuses with 422 in the metadata of any object: names, labels, owners, finalizers; and how a refusal is worded.

What it refuses in objects of one kind is in `validate_kinds`, what may not change in `validate_changes`. Only the checks that people
meet; the wording is the server's (https://github.com/kubernetes/kubernetes, `pkg/apis/*/validation` and
`apimachinery/pkg/util/validation`). Every function yields one `Cause` for each field that is wrong.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from trueup.sandbox.kinds import Resource
from trueup.sandbox.status import Cause

LABEL_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
NAME_PART = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = DNS_LABEL + r"(\." + DNS_LABEL + ")*"
CONFIG_KEY = r"[-._a-zA-Z0-9]+"
IS_LABEL = re.compile(LABEL_VALUE + r"\Z")
IS_NAME_PART = re.compile(NAME_PART + r"\Z")
IS_DNS_LABEL = re.compile(DNS_LABEL + r"\Z")
IS_SUBDOMAIN = re.compile(SUBDOMAIN + r"\Z")
IS_CONFIG_KEY = re.compile(CONFIG_KEY + r"\Z")
IS_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")

BAD_LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{LABEL_VALUE}')"
)
BAD_NAME_PART = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{NAME_PART}')"
)
BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'example.com', regex used for validation is '{SUBDOMAIN}')"
)
BAD_DNS_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    f"alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{DNS_LABEL}')"
)
BAD_SERVICE_NAME = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
BAD_CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
    f"regex used for validation is '{CONFIG_KEY}')"
)
LONGEST_NAME, LONGEST_LABEL = 253, 63


def required(field: str, why: str = "") -> Cause:
    """A field that must be there."""
    return Cause("FieldValueRequired", f"Required value{': ' + why if why else ''}", field)


def wrong(field: str, value: Any, why: str) -> Cause:
    """A value that cannot be."""
    return Cause("FieldValueInvalid", f"Invalid value: {json.dumps(value, separators=(',', ':'))}: {why}", field)


def forbidden(field: str, why: str) -> Cause:
    """A field that must not be set or changed."""
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def check_metadata(resource: Resource, metadata: Mapping[str, Any]) -> Iterator[Cause]:
    """Name, labels, annotations, finalizers."""
    name = metadata.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif why := name_fault(resource, name):
        yield wrong("metadata.name", name, why)
    for key, value in (metadata.get("labels") or {}).items():
        if why := qualified_name_fault(key):
            yield wrong("metadata.labels", key, why)
        if len(value) > LONGEST_LABEL:
            yield wrong("metadata.labels", value, f"must be no more than {LONGEST_LABEL} bytes")
        elif not IS_LABEL.match(value):
            yield wrong("metadata.labels", value, BAD_LABEL)
    for key in metadata.get("annotations") or {}:
        if why := qualified_name_fault(key):
            yield wrong("metadata.annotations", key, why)
    yield from _check_links(metadata)


def _check_links(metadata: Mapping[str, Any]) -> Iterator[Cause]:
    """Owners and finalizers."""
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        for part in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(part):
                yield required(f"metadata.ownerReferences[{index}].{part}", "must not be empty")
    for index, finalizer in enumerate(metadata.get("finalizers") or ()):
        if "/" not in finalizer and finalizer not in ("orphan", "foregroundDeletion", "kubernetes"):
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield wrong(f"metadata.finalizers[{index}]", finalizer, why)


def name_fault(resource: Resource, name: str) -> str:
    """Why a name is not one for this resource; `""` when it is."""
    match (resource.group, resource.kind):
        case ("", "Namespace"):
            return "" if IS_DNS_LABEL.match(name) and len(name) <= LONGEST_LABEL else BAD_DNS_LABEL
        case ("", "Service"):
            return "" if IS_SERVICE_NAME.match(name) and len(name) <= LONGEST_LABEL else BAD_SERVICE_NAME
        case ("rbac.authorization.k8s.io", _):
            return f"may not contain '{name}'" if "/" in name or "%" in name else ""
        case _:
            return "" if IS_SUBDOMAIN.match(name) and len(name) <= LONGEST_NAME else BAD_SUBDOMAIN


def qualified_name_fault(key: str) -> str:
    """Why a label or annotation key is not one."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (IS_SUBDOMAIN.match(prefix.lower()) and len(prefix) <= LONGEST_NAME):
        return f"prefix part {BAD_SUBDOMAIN}"
    if len(name) > LONGEST_LABEL:
        return f"name part must be no more than {LONGEST_LABEL} bytes"
    return "" if IS_NAME_PART.match(name) else BAD_NAME_PART
