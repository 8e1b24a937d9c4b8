"""Pods: what their containers came to, told as an operator would.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.health.conditions import (
    condition,
    counted,
    degraded,
    healthy,
    items,
    number,
    part,
    progressing,
    reason_of,
)
from reconciler.model.objects import Document
from reconciler.model.outcome import Health

HOPELESS = frozenset(
    {
        "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "CrashLoopBackOff", "ImageInspectError",
        "RegistryUnavailable", "SignatureValidationFailed", "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    }
)  # fmt: skip
"""Why a container waits that will rarely start without a person."""

PLACES = {"initContainerStatuses": "init container", "containerStatuses": "container"}
"""Where containers are told of, and what they are called; init containers run first."""


def pod(document: Document) -> Health:
    """Running and ready, or done; one that is not started again is there to end, and on its way until it has."""
    status = part(document, "status")
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return healthy("completed")
    if phase == "Failed":
        return degraded(_failure(status))
    if hopeless := next(_hopeless(status), ""):
        return degraded(hopeless)
    if unschedulable := condition(document, "PodScheduled", "False"):
        return progressing(reason_of(unschedulable))
    if phase == "Running" and part(document, "spec").get("restartPolicy", "Always") != "Always":
        return progressing("runs to its end")
    if phase == "Running" and condition(document, "Ready", "True"):
        return healthy()
    return progressing(_not_ready(document, status))


def _failure(status: Mapping[str, Any]) -> str:
    """Why a pod has failed: it was evicted or ran too long, or one of its containers ended badly."""
    said = ": ".join(str(status[name]) for name in ("reason", "message") if status.get(name))
    return said or next(_ended(status), "failed")


def _hopeless(status: Mapping[str, Any]) -> Iterator[str]:
    """The containers that will not start by themselves, and why."""
    for what, container in _containers(status):
        waiting = part(part(container, "state"), "waiting")
        if waiting.get("reason") == "CrashLoopBackOff":
            yield f"{what}: CrashLoopBackOff: {_exit(container) or waiting.get('message') or 'it ends again and again'}"
        elif waiting.get("reason") in HOPELESS:
            yield f"{what}: {reason_of(waiting)}"


def _ended(status: Mapping[str, Any]) -> Iterator[str]:
    """The containers that ended badly, and were not started again yet."""
    for what, container in _containers(status):
        if number(part(part(container, "state"), "terminated"), "exitCode"):
            yield f"{what}: {_exit(container)}"


def _containers(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, what in PLACES.items():
        for container in items(status, name):
            yield f"{what} {container.get('name')}", container


def _exit(container: Mapping[str, Any]) -> str:
    """How a container ended last: `exited with code 1 (Error), 5 restarts`; its own last words are left out, they may tell secrets."""
    ended = part(part(container, "state"), "terminated") or part(part(container, "lastState"), "terminated")
    if "exitCode" not in ended:
        return ""
    reason = f" ({ended['reason']})" if ended.get("reason") else ""
    restarts = number(container, "restartCount")
    return f"exited with code {ended['exitCode']}{reason}" + (f", {counted(restarts, 'restart')}" if restarts else "")


def _not_ready(document: Document, status: Mapping[str, Any]) -> str:
    if ended := next(_ended(status), ""):
        return ended
    for kind in ("Initialized", "Ready"):
        if found := condition(document, kind, "False"):
            return reason_of(found)
    return f"phase {status.get('phase', 'Pending')}"
