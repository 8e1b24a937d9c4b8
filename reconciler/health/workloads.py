"""Workloads: what a rollout waits for, and when it has failed."""

from collections.abc import Mapping
from typing import Any

from reconciler.health.conditions import (
    UNOBSERVED,
    condition,
    counted,
    degraded,
    healthy,
    number,
    of,
    part,
    progressing,
    reason_of,
    suspended,
)
from reconciler.health.pods import pod
from reconciler.model.objects import Document
from reconciler.model.outcome import Health


def deployment(document: Document) -> Health:
    """The new replicas are there and available, and the old ones are gone; Degraded past its progress deadline.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
    """
    spec, status = part(document, "spec"), part(document, "status")
    late = condition(document, "Progressing", "False")
    if late and late.get("reason") == "ProgressDeadlineExceeded":
        return degraded(reason_of(late))
    if failure := condition(document, "ReplicaFailure", "True"):
        return degraded(reason_of(failure))
    if spec.get("paused"):
        return suspended("the rollout is paused")
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted = number(spec, "replicas", 1)
    updated, total, available = (number(status, name) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    if updated < wanted:
        return progressing(f"{of(updated, wanted, 'replica')} updated")
    if total > updated:
        return progressing(f"{counted(total - updated, 'old replica')} still there")
    return healthy() if available >= wanted else progressing(f"{of(available, wanted, 'replica')} available")


def stateful_set(document: Document) -> Health:
    """All replicas are available, and of the new revision as far as the update strategy asks for it."""
    spec, status = part(document, "spec"), part(document, "status")
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted = number(spec, "replicas", 1)
    ready, total = number(status, "readyReplicas"), number(status, "replicas")
    if ready < wanted:
        return progressing(f"{of(ready, wanted, 'replica')} ready")
    if total > wanted:
        return progressing(f"{counted(total - wanted, 'replica')} too many")
    due, updated = _due(spec, wanted), number(status, "updatedReplicas")
    if updated < due:
        return progressing(f"{of(updated, due, 'replica')} updated")
    available = number(status, "availableReplicas", ready)
    return healthy() if available >= wanted else progressing(f"{of(available, wanted, 'replica')} available")


def daemon_set(document: Document) -> Health:
    """A pod is available on every node that should have one, of the new revision unless pods are updated on deletion."""
    spec, status = part(document, "spec"), part(document, "status")
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted = number(status, "desiredNumberScheduled")
    due, updated, available = _due(spec, wanted), number(status, "updatedNumberScheduled"), number(status, "numberAvailable")
    if updated < due:
        return progressing(f"{of(updated, due, 'node')} updated")
    return healthy() if available >= wanted else progressing(f"{of(available, wanted, 'node')} available")


def clone_set(document: Document) -> Health:
    """OpenKruise's: all replicas are available, and as many of the new revision as its partition asks for.

    https://openkruise.io/docs/user-manuals/cloneset/
    """
    spec, status = part(document, "spec"), part(document, "status")
    if part(spec, "updateStrategy").get("paused"):
        return suspended("the rollout is paused")
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted, total = number(spec, "replicas", 1), number(status, "replicas")
    due, updated = number(status, "expectedUpdatedReplicas", wanted), number(status, "updatedReplicas")
    if updated < due:
        return progressing(f"{of(updated, due, 'replica')} updated")
    if total > wanted:
        return progressing(f"{counted(total - wanted, 'replica')} too many")
    available = number(status, "availableReplicas")
    return healthy() if available >= wanted else progressing(f"{of(available, wanted, 'replica')} available")


def replica_set(document: Document) -> Health:
    """All replicas are available, and no more than these; Degraded when pods cannot be created."""
    spec, status = part(document, "spec"), part(document, "status")
    if failure := condition(document, "ReplicaFailure", "True"):
        return degraded(reason_of(failure))
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted, total, available = number(spec, "replicas", 1), number(status, "replicas"), number(status, "availableReplicas")
    if available < wanted:
        return progressing(f"{of(available, wanted, 'replica')} available")
    return healthy() if total <= wanted else progressing(f"{counted(total - wanted, 'replica')} too many")


def job(document: Document) -> Health:
    """Completed; Degraded when it has failed, Suspended when it is."""
    spec, status = part(document, "spec"), part(document, "status")
    if failed := condition(document, "Failed", "True") or condition(document, "FailureTarget", "True"):
        return degraded(reason_of(failed))
    if condition(document, "Complete", "True"):
        return healthy("completed")
    if spec.get("suspend"):
        return suspended("the job is suspended")
    wanted = number(spec, "completions", number(spec, "parallelism", 1))
    done, tries = of(number(status, "succeeded"), wanted, "completion"), number(status, "failed")
    return progressing(f"{done}, {counted(tries, 'pod')} failed" if tries else done)


def end_of(document: Document) -> Health | None:
    """What a Job or Pod that has come to its end came to, also while it is being deleted; None for all others."""
    match document.get("apiVersion"), document.get("kind"):
        case "batch/v1", "Job":
            has_ended = condition(document, "Complete", "True") or condition(document, "Failed", "True")
            return job(document) if has_ended else None
        case "v1", "Pod":
            return pod(document) if part(document, "status").get("phase") in ("Succeeded", "Failed") else None
    return None


def cron_job(document: Document) -> Health:
    """It is there; what its jobs come to is theirs to say. Suspended when its schedule is."""
    return suspended("the schedule is suspended") if part(document, "spec").get("suspend") else healthy()


def _due(spec: Mapping[str, Any], wanted: int) -> int:
    """How many replicas of a StatefulSet, or pods of a DaemonSet, must be of the new revision; OpenKruise has partitions of both.

    https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#update-strategies
    """
    strategy = part(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return 0
    return wanted - number(part(strategy, "rollingUpdate"), "partition")
