"""Workloads: what a rollout waits for, and when it has failed."""

from collections.abc import Mapping
from typing import Any

from reconciler.health.conditions import (
    condition,
    counted,
    degraded,
    healthy,
    items,
    part,
    progressing,
    reason_of,
    suspended,
)
from reconciler.model.objects import Document
from reconciler.model.outcome import Health

HOPELESS = frozenset(
    {
        "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "CrashLoopBackOff",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "ImageInspectError",
    }
)  # fmt: skip
"""Why a container waits that will rarely start without a person."""

UNOBSERVED = "not observed yet"


def deployment(document: Document) -> Health:
    """Rolled out: the new replicas are there and available, and the old ones are gone.

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
    wanted = spec.get("replicas", 1)
    updated, total, available = (status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    if updated < wanted:
        return progressing(f"{updated} of {counted(wanted, 'replica')} updated")
    if total > updated:
        return progressing(f"{counted(total - updated, 'old replica')} still there")
    if available < wanted:
        return progressing(f"{available} of {counted(wanted, 'replica')} available")
    return healthy()


def stateful_set(document: Document) -> Health:
    """All replicas available, and of the new revision as far as the update strategy asks for it."""
    spec, status = part(document, "spec"), part(document, "status")
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted = spec.get("replicas", 1)
    ready, total = status.get("readyReplicas", 0), status.get("replicas", 0)
    if ready < wanted:
        return progressing(f"{ready} of {counted(wanted, 'replica')} ready")
    if total > wanted:
        return progressing(f"{counted(total - wanted, 'replica')} too many")
    due, updated = _due(spec, wanted), status.get("updatedReplicas", 0)
    if updated < due:
        return progressing(f"{updated} of {counted(due, 'replica')} updated")
    available = status.get("availableReplicas", ready)
    if available < wanted:
        return progressing(f"{available} of {counted(wanted, 'replica')} available")
    return healthy()


def daemon_set(document: Document) -> Health:
    """A ready pod on every node that should have one, of the new revision unless pods are updated on deletion."""
    spec, status = part(document, "spec"), part(document, "status")
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if part(spec, "updateStrategy").get("type") != "OnDelete" and updated < wanted:
        return progressing(f"{updated} of {counted(wanted, 'node')} updated")
    if available < wanted:
        return progressing(f"{available} of {counted(wanted, 'node')} available")
    return healthy()


def replica_set(document: Document) -> Health:
    """All replicas available, and no more than these."""
    spec, status = part(document, "spec"), part(document, "status")
    if failure := condition(document, "ReplicaFailure", "True"):
        return degraded(reason_of(failure))
    if "observedGeneration" not in status:
        return progressing(UNOBSERVED)
    wanted, total, available = spec.get("replicas", 1), status.get("replicas", 0), status.get("availableReplicas", 0)
    if available < wanted:
        return progressing(f"{available} of {counted(wanted, 'replica')} available")
    return healthy() if total <= wanted else progressing(f"{counted(total - wanted, 'replica')} too many")


def pod(document: Document) -> Health:
    """Running and ready, or done; containers that cannot start say why.

    A pod that is not started again is there to end: it is on its way until it has.
    """
    status = part(document, "status")
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return healthy("completed")
    if phase == "Failed":
        return degraded(str(status.get("message") or status.get("reason") or "failed"))
    if hopeless := _hopeless(status):
        return degraded(hopeless)
    if unschedulable := condition(document, "PodScheduled", "False"):
        return progressing(reason_of(unschedulable))
    if phase == "Running" and part(document, "spec").get("restartPolicy", "Always") != "Always":
        return progressing("runs to its end")
    if phase == "Running" and condition(document, "Ready", "True"):
        return healthy()
    not_ready = condition(document, "Ready", "False")
    return progressing(reason_of(not_ready) if not_ready else f"phase {phase}")


def job(document: Document) -> Health:
    """Complete, failed, or running."""
    spec, status = part(document, "spec"), part(document, "status")
    if failed := condition(document, "Failed", "True"):
        return degraded(reason_of(failed))
    if condition(document, "Complete", "True"):
        return healthy("completed")
    if spec.get("suspend"):
        return suspended("the job is suspended")
    done = f"{status.get('succeeded', 0)} of {counted(spec.get('completions', 1), 'completion')}"
    tries = status.get("failed", 0)
    return progressing(f"{done}, {counted(tries, 'pod')} failed" if tries else done)


def cron_job(document: Document) -> Health:
    """Scheduled, or suspended; what its jobs come to is theirs to say."""
    return suspended("the schedule is suspended") if part(document, "spec").get("suspend") else healthy()


def _due(spec: Mapping[str, Any], wanted: int) -> int:
    """How many replicas of a StatefulSet must be of the new revision.

    https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#update-strategies
    """
    strategy = part(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return 0
    return wanted - int(part(strategy, "rollingUpdate").get("partition") or 0)


def _hopeless(status: Mapping[str, Any]) -> str:
    """The first container that will not start by itself, and why; empty when there is none."""
    for name in ("initContainerStatuses", "containerStatuses"):
        for container in items(status, name):
            waiting = part(part(container, "state"), "waiting")
            if waiting.get("reason") in HOPELESS:
                return f"container {container.get('name')}: {reason_of(waiting)}"
    return ""
