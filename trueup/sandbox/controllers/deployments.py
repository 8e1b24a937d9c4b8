"""Deployments roll: a ReplicaSet for each template, scaled up and down within the strategy's limits.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/. The decisions stand in `plan_scale`, which is a plain
function; names, reasons and messages are those that clients of the real controller read.
"""

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from trueup.sandbox.controllers.replicas import SETS
from trueup.sandbox.controllers.seat import Pace, Seat, reference
from trueup.sandbox.prepare import timestamp
from trueup.sandbox.store import Document

DEPLOYMENTS = ("apps", "deployments")
HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HASH_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def control(seat: Seat, document: Document, _: Pace) -> float | None:
    """One Deployment: create its ReplicaSet, move replicas, tell how far it is."""
    if document["metadata"].get("deletionTimestamp"):
        return None
    sets = list(seat.owned(SETS, document))
    new = next((each for each in sets if _template_hash(each) == template_hash(document)), None)
    if new is None and not document["spec"].get("paused"):
        new = seat.create(SETS, _new_set(document, sets))
    if new is None:
        return _tell(seat, document, sets, None)
    old = [each for each in sets if each["metadata"]["uid"] != new["metadata"]["uid"]]
    for replica_set, wanted in zip((new, *old), plan_scale(document, new, old), strict=True):
        if replica_set["spec"].get("replicas", 0) != wanted:
            seat.patch(SETS, replica_set, {"spec": {"replicas": wanted}})
    _forget_old(seat, document, old)
    sets = list(seat.owned(SETS, document))
    return _tell(seat, document, sets, seat.fresh(SETS, new))


def plan_scale(document: Document, new: Document, old: Sequence[Document]) -> list[int]:
    """How many replicas the new set and each old one should have next."""
    spec = document["spec"]
    wanted, strategy = spec["replicas"], spec["strategy"]
    now = new["spec"].get("replicas", 0)
    counts = [each["spec"].get("replicas", 0) for each in old]
    if strategy["type"] == "Recreate":
        is_clear = not any(each.get("status", {}).get("replicas", 0) for each in old) and not any(counts)
        return [wanted if is_clear else now, *([0] * len(old))]
    if not any(counts):
        return [wanted, *counts]
    rolling = strategy["rollingUpdate"]
    surge = _share(rolling.get("maxSurge", 0), wanted, is_rounded_up=True)
    unavailable = _share(rolling.get("maxUnavailable", 0), wanted, is_rounded_up=False) or (0 if surge else 1)
    now = min(wanted, max(now, min(wanted, now + wanted + surge - now - sum(counts))))
    unready_new = now - new.get("status", {}).get("availableReplicas", 0)
    spare = now + sum(counts) - (wanted - unavailable) - max(unready_new, 0)
    return [now, *_taken(old, counts, spare)]


def _taken(old: Sequence[Document], counts: Sequence[int], spare: int) -> list[int]:
    """Take replicas from old sets: first those that are not ready, which cost nothing, then as many as can be spared."""
    result = list(counts)
    for index, replica_set in enumerate(old):
        unready = max(result[index] - replica_set.get("status", {}).get("availableReplicas", 0), 0)
        taken = min(unready, max(spare, 0))
        result[index] -= taken
        spare -= taken
    for index, count in enumerate(result):
        taken = min(count, max(spare, 0))
        result[index] -= taken
        spare -= taken
    return result


def _share(value: int | str, whole: int, *, is_rounded_up: bool) -> int:
    if isinstance(value, int):
        return value
    share = whole * int(value.rstrip("%")) / 100
    return math.ceil(share) if is_rounded_up else math.floor(share)


def template_hash(document: Document) -> str:
    """The name part of a template's ReplicaSet."""
    digest = hashlib.sha256(orjson.dumps(document["spec"]["template"], option=orjson.OPT_SORT_KEYS)).digest()
    return "".join(HASH_LETTERS[byte % len(HASH_LETTERS)] for byte in digest[:10])


def _template_hash(replica_set: Document) -> str:
    return str(replica_set["metadata"].get("labels", {}).get(HASH_LABEL, ""))


def revision(document: Document) -> int:
    """Which of the Deployment's revisions a ReplicaSet is."""
    return int(document["metadata"].get("annotations", {}).get(REVISION, "0"))


def _new_set(document: Document, sets: Sequence[Document]) -> Document:
    spec, metadata = document["spec"], document["metadata"]
    mark = {HASH_LABEL: template_hash(document)}
    template = spec["template"]
    labels = template.get("metadata", {}).get("labels", {}) | mark
    selector = spec["selector"]
    annotations = {name: value for name, value in metadata.get("annotations", {}).items() if name != REVISION}
    number = max(map(revision, sets), default=0) + 1
    annotations |= {REVISION: str(number), "deployment.kubernetes.io/desired-replicas": str(spec["replicas"])}
    return {
        "metadata": {
            "name": f"{metadata['name']}-{mark[HASH_LABEL]}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [reference(document)],
        },
        "spec": {
            "replicas": 0 if sets else spec["replicas"],
            "selector": {**selector, "matchLabels": selector.get("matchLabels", {}) | mark},
            "template": {**template, "metadata": {**template.get("metadata", {}), "labels": labels}},
        },
    }


def _forget_old(seat: Seat, document: Document, old: Sequence[Document]) -> None:
    """Keep as many old ReplicaSets as the history may have."""
    empty = [each for each in old if not each["spec"].get("replicas") and not each.get("status", {}).get("replicas")]
    excess = len(empty) - document["spec"].get("revisionHistoryLimit", 10)
    for replica_set in sorted(empty, key=revision)[: max(excess, 0)]:
        seat.delete(SETS, replica_set)


def _tell(seat: Seat, document: Document, sets: Sequence[Document], new: Document | None) -> float | None:
    counts = _counts(document, sets, new)
    conditions, again = _conditions(document, counts, new)
    status = {"observedGeneration": document["metadata"]["generation"], **{k: v for k, v in counts.items() if v}}
    status |= {"terminatingReplicas": 0, "conditions": conditions}
    change: dict[str, Any] = {"status": dict.fromkeys((name for name in document["status"] if name not in status), None) | status}
    if new is not None:
        number = max([revision(new), *(revision(each) + 1 for each in sets if each["metadata"]["uid"] != new["metadata"]["uid"])])
        if number != revision(new):  # an older template came back
            seat.patch(SETS, new, {"metadata": {"annotations": {REVISION: str(number)}}})
        change["metadata"] = {"annotations": {REVISION: str(number)}}
    seat.patch(DEPLOYMENTS, document, change, "status")
    return again


def _counts(document: Document, sets: Sequence[Document], new: Document | None) -> dict[str, int]:
    statuses = [each.get("status", {}) for each in sets]
    total = sum(status.get("replicas", 0) for status in statuses)
    available = sum(status.get("availableReplicas", 0) for status in statuses)
    return {
        "replicas": total,
        "updatedReplicas": new.get("status", {}).get("replicas", 0) if new else 0,
        "readyReplicas": sum(status.get("readyReplicas", 0) for status in statuses),
        "availableReplicas": available,
        "unavailableReplicas": max(max(total, document["spec"]["replicas"]) - available, 0),
    }


def _conditions(document: Document, counts: dict[str, int], new: Document | None) -> tuple[list[dict[str, Any]], float | None]:
    spec = document["spec"]
    wanted = spec["replicas"]
    rolling = spec["strategy"].get("rollingUpdate", {})
    needed = wanted - _share(rolling.get("maxUnavailable", 0), wanted, is_rounded_up=False)
    if counts["availableReplicas"] >= needed:
        available = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        available = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    progressing, again = _progress(document, counts, new)
    conditions = [_condition(document, "Available", available)]
    if progressing:
        conditions.append(_condition(document, "Progressing", progressing, is_moving=_has_moved(document, counts)))
    return conditions, again


def _progress(
    document: Document, counts: dict[str, int], new: Document | None
) -> tuple[tuple[str, str, str] | None, float | None]:
    """The Progressing condition, and when to look whether the deadline has passed."""
    if document["spec"].get("paused"):
        return ("Unknown", "DeploymentPaused", "Deployment is paused"), None
    if new is None:
        return None, None
    spec, name = document["spec"], new["metadata"]["name"]
    wanted = spec["replicas"]
    if counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == wanted:
        return ("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'), None
    deadline = spec.get("progressDeadlineSeconds", 600)
    waited = 0.0 if _has_moved(document, counts) else _seconds_since_progress(document)
    if waited >= deadline:
        return ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.'), None
    return ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'), deadline - waited + 1


def _has_moved(document: Document, counts: dict[str, int]) -> bool:
    status = document.get("status", {})
    watched = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")
    is_new = status.get("observedGeneration") != document["metadata"]["generation"]
    return is_new or any(status.get(name, 0) != counts[name] for name in watched)


def _seconds_since_progress(document: Document) -> float:
    for condition in document.get("status", {}).get("conditions", ()):
        if condition["type"] == "Progressing":
            return (datetime.now(UTC) - datetime.fromisoformat(condition["lastUpdateTime"])).total_seconds()
    return 0.0


def _condition(document: Document, kind: str, now: tuple[str, str, str], *, is_moving: bool = False) -> dict[str, Any]:
    status, reason, message = now
    present: dict[str, Any] = next(
        (each for each in document.get("status", {}).get("conditions", ()) if each["type"] == kind), {}
    )
    is_same = (present.get("status"), present.get("reason"), present.get("message")) == now and not is_moving
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": present["lastUpdateTime"] if is_same else timestamp(),
        "lastTransitionTime": present["lastTransitionTime"] if present.get("status") == status else timestamp(),
        "reason": reason,
        "message": message,
    }
