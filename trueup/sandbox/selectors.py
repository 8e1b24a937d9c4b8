"""Label and field selectors. Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from trueup.sandbox.status import bad_request
from trueup.sandbox.store import Collection, Document

Matches: TypeAlias = Callable[[Document], bool]

REQUIREMENT = re.compile(
    r"^\s*(?:(?P<absent>!)\s*(?P<lacks>[\w./-]+)"
    r"|(?P<key>[\w./-]+)\s*(?:(?P<op>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*$"
)
EVERYWHERE = ("metadata.name", "metadata.namespace")
FIELDS: Mapping[Collection, tuple[str, ...]] = {
    ("", "pods"): ("status.phase", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.podIP"),
    ("", "namespaces"): ("status.phase",),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
    ("", "events"): (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


def labels_match(selector: str) -> Matches | None:
    """A test for a label selector; None when it selects everything.

    Raises:
        Refused: 400 when it cannot be read.
    """
    if not selector.strip():
        return None
    tests = [_requirement(selector, part) for part in re.split(r",(?![^(]*\))", selector)]
    return lambda document: all(test(document["metadata"].get("labels") or {}) for test in tests)


def _requirement(selector: str, text: str) -> Callable[[Mapping[str, str]], bool]:
    parts = REQUIREMENT.match(text)
    if not parts:
        raise bad_request(f'unable to parse requirement: found "{text.strip()}" in selector "{selector}"')
    if parts["absent"]:
        return lambda labels: parts["lacks"] not in labels
    key = parts["key"]
    if parts["set"]:
        values = {value.strip() for value in parts["values"].split(",")}
        if parts["set"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    match parts["op"]:
        case None:
            return lambda labels: key in labels
        case "!=":
            return lambda labels: labels.get(key) != parts["value"]
        case _:
            return lambda labels: labels.get(key) == parts["value"]


def matches_selector(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Does a LabelSelector object (matchLabels, matchExpressions) select these labels?"""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for requirement in selector.get("matchExpressions") or ():
        present, values = labels.get(requirement["key"]), requirement.get("values", [])
        is_met = {
            "In": present in values,
            "NotIn": present not in values,
            "Exists": present is not None,
            "DoesNotExist": present is None,
        }
        if not is_met.get(requirement.get("operator", ""), False):
            return False
    return True


def fields_match(selector: str, collection: Collection, kind: str) -> Matches | None:
    """A test for a field selector; None when it selects everything.

    Raises:
        Refused: 400 when it cannot be read, or the field is not one that can be selected by.
    """
    if not selector.strip():
        return None
    tests = [_field_test(selector, part, collection, kind) for part in selector.split(",")]
    return lambda document: all(test(document) for test in tests)


def _field_test(selector: str, text: str, collection: Collection, kind: str) -> Matches:
    parts = re.match(r"^([^=!]+)(==|=|!=)(.*)$", text.strip())
    if not parts:
        raise bad_request(f'invalid selector: "{selector}"; can\'t understand "{text}"')
    name, operator, wanted = parts.groups()
    if name not in EVERYWHERE + FIELDS.get(collection, ()):
        raise bad_request(f"field label not supported: {name}")
    return lambda document: (_value(document, name) == wanted) is (operator != "!=")


def _value(document: Document, path: str) -> str:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None else str(value)
