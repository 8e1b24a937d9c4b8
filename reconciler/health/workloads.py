"""Workloads: what a rollout waits for, and when it has failed."""

from typing import Any

from reconciler.health.conditions import condition, degraded, healthy, progressing, reason_of, suspended
from reconciler.model.objects import Document
from reconciler.model.outcome import Health

HOPELESS = frozenset(
    {
        "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "CrashLoopBackOff",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    }
)  # fmt: skip
"""Why a container waits that will rarely start without a person."""


def deployment(document: Document) -> Health:
    """Rolled out: the new replicas are there and available, and the old ones are gone.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
    """
    spec, status = _parts(document)
    late = condition(document, "Progressing", "False")
    if late and late.get("reason") == "ProgressDeadlineExceeded":
        return degraded(reason_of(late))
    if failure := condition(document, "ReplicaFailure", "True"):
        return degraded(reason_of(failure))
    if spec.get("paused"):
        return suspended("the rollout is paused")
    if "observedGeneration" not in status:
        return progressing("not observed yet")
    wanted = spec.get("replicas", 1)
    updated, total, available = (status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    if updated < wanted:
        return progressing(f"{updated} of {wanted} replicas updated")
    if total > updated:
        return progressing(f"{total - updated} old replicas still there")
    if available < wanted:
        return progressing(f"{available} of {wanted} replicas available")
    return healthy()


def stateful_set(document: Document) -> Health:
    """All replicas ready, and of the new revision as far as the update strategy asks for it."""
    spec, status = _parts(document)
    if "observedGeneration" not in status:
        return progressing("not observed yet")
    wanted = spec.get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    if ready < wanted:
        return progressing(f"{ready} of {wanted} replicas ready")
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return healthy()
    due = wanted - ((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = status.get("updatedReplicas", 0)
    if updated < due:
        return progressing(f"{updated} of {due} replicas updated")
    return healthy()


def daemon_set(document: Document) -> Health:
    """A ready pod on every node that should have one, of the new revision unless pods are updated on deletion."""
    spec, status = _parts(document)
    if "observedGeneration" not in status:
        return progressing("not observed yet")
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete" and updated < wanted:
        return progressing(f"{updated} of {wanted} nodes updated")
    if available < wanted:
        return progressing(f"{available} of {wanted} nodes available")
    return healthy()


def replica_set(document: Document) -> Health:
    """All replicas available."""
    spec, status = _parts(document)
    if failure := condition(document, "ReplicaFailure", "True"):
        return degraded(reason_of(failure))
    wanted, available = spec.get("replicas", 1), status.get("availableReplicas", 0)
    return healthy() if available >= wanted else progressing(f"{available} of {wanted} replicas available")


def pod(document: Document) -> Health:
    """Running and ready, or done; containers that cannot start say why."""
    _, status = _parts(document)
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return healthy("completed")
    if phase == "Failed":
        return degraded(str(status.get("message") or status.get("reason") or "failed"))
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in HOPELESS:
            return degraded(f"container {container.get('name')}: {reason_of(waiting)}")
    if unschedulable := condition(document, "PodScheduled", "False"):
        return progressing(reason_of(unschedulable))
    if phase == "Running" and condition(document, "Ready", "True"):
        return healthy()
    not_ready = condition(document, "Ready", "False")
    return progressing(reason_of(not_ready) if not_ready else f"phase {phase}")


def job(document: Document) -> Health:
    """Complete, failed, or running."""
    spec, status = _parts(document)
    if failed := condition(document, "Failed", "True"):
        return degraded(reason_of(failed))
    if condition(document, "Complete", "True"):
        return healthy("completed")
    if spec.get("suspend"):
        return suspended("the job is suspended")
    return progressing(f"{status.get('succeeded', 0)} of {spec.get('completions', 1)} completions")


def cron_job(document: Document) -> Health:
    """Scheduled, or suspended; what its jobs come to is theirs to say."""
    spec, _ = _parts(document)
    return suspended("the schedule is suspended") if spec.get("suspend") else healthy()


def _parts(document: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    return document.get("spec") or {}, document.get("status") or {}
