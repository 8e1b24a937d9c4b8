"""Objects as rows, the way `kubectl get` shows them: a few columns for the kinds people look at, name and age for the rest."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from trueup.sandbox.kinds import Resource
from trueup.sandbox.store import Document

Cell: TypeAlias = Callable[[Document], Any]
Columns: TypeAlias = Mapping[str, Cell]


def table(resource: Resource, documents: list[Document], metadata: Mapping[str, Any], *, has_head: bool = True) -> Document:
    """A Table of these objects, each row with the object's metadata."""
    columns = {"Name": _name, **_columns(resource), "Age": _age}
    if resource.columns and any(column.get("jsonPath") == ".metadata.creationTimestamp" for column in resource.columns):
        del columns["Age"]
    head = [
        {"name": name, "type": "string", "format": "name" if name == "Name" else "", "description": "", "priority": 0}
        for name in columns
    ]
    rows = [
        {
            "cells": [cell(document) for cell in columns.values()],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]},
        }
        for document in documents
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": head if has_head else [],
        "rows": rows,
    }


def _columns(resource: Resource) -> Columns:
    if resource.columns:
        shown = [column for column in resource.columns if not column.get("priority")]
        return {column["name"]: _path_cell(column["jsonPath"], column.get("type", "")) for column in shown}
    return COLUMNS.get((resource.group, resource.kind), {})


def _path_cell(path: str, kind: str) -> Cell:
    parts = [part for part in re.split(r"[.\[\]]", path.strip("{}").replace("\\.", "\0")) if part]

    def cell(document: Document) -> Any:
        value: Any = document
        for part in (part.replace("\0", ".") for part in parts):
            if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                value = value.get(part) if isinstance(value, dict) else None
        return duration(value) if kind == "date" and isinstance(value, str) else value

    return cell


def _name(document: Document) -> str:
    return str(document["metadata"]["name"])


def _age(document: Document) -> str:
    return duration(document["metadata"].get("creationTimestamp", ""))


def duration(since: str) -> str:
    """How long ago, in the two units that matter: `7s`, `3m20s`, `5h`, `12d`."""
    try:
        seconds = int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds())
    except ValueError:
        return "<unknown>"
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    if seconds < 600:
        return f"{seconds // 60}m{seconds % 60}s" if seconds % 60 else f"{seconds // 60}m"
    if seconds < 3 * 3600:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 48 * 3600 else f"{seconds // 86400}d"


def _status(name: str) -> Cell:
    return lambda document: document.get("status", {}).get(name, 0)


def _spec(name: str, default: Any = "<none>") -> Cell:
    return lambda document: document.get("spec", {}).get(name, default)


def _ready(wanted: str = "replicas") -> Cell:
    def cell(document: Document) -> str:
        return f"{document.get('status', {}).get('readyReplicas', 0)}/{document.get('spec', {}).get(wanted, 1)}"

    return cell


def _pod_ready(document: Document) -> str:
    statuses = document.get("status", {}).get("containerStatuses", [])
    return f"{sum(1 for status in statuses if status.get('ready'))}/{len(document['spec'].get('containers', []))}"


def _pod_status(document: Document) -> str:
    for status in document.get("status", {}).get("containerStatuses", []):
        if reason := status.get("state", {}).get("waiting", {}).get("reason"):
            return str(reason)
    if document["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return str(document.get("status", {}).get("phase", "Unknown"))


def _ports(document: Document) -> str:
    ports = document["spec"].get("ports", [])
    shown = (f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}/{port['protocol']}" for port in ports)
    return ",".join(shown) or "<none>"


def _data(document: Document) -> int:
    return len(document.get("data") or {}) + len(document.get("binaryData") or {})


COLUMNS: Mapping[tuple[str, str], Columns] = {
    ("apps", "Deployment"): {
        "Ready": _ready(),
        "Up-to-date": _status("updatedReplicas"),
        "Available": _status("availableReplicas"),
    },
    ("apps", "StatefulSet"): {"Ready": _ready()},
    ("apps", "ReplicaSet"): {"Desired": _spec("replicas"), "Current": _status("replicas"), "Ready": _status("readyReplicas")},
    ("apps", "DaemonSet"): {"Desired": _status("desiredNumberScheduled"), "Ready": _status("numberReady")},
    ("", "Pod"): {"Ready": _pod_ready, "Status": _pod_status, "Restarts": lambda _: "0"},
    ("", "Service"): {
        "Type": _spec("type"),
        "Cluster-IP": _spec("clusterIP"),
        "External-IP": lambda _: "<none>",
        "Port(s)": _ports,
    },
    ("", "Namespace"): {"Status": lambda document: document.get("status", {}).get("phase", "")},
    ("", "PersistentVolumeClaim"): {"Status": lambda document: document.get("status", {}).get("phase", "")},
    ("", "ConfigMap"): {"Data": _data},
    ("", "Secret"): {"Type": lambda document: document.get("type", ""), "Data": _data},
    ("batch", "Job"): {"Completions": lambda d: f"{d.get('status', {}).get('succeeded', 0)}/{d['spec'].get('completions', 1)}"},
}
