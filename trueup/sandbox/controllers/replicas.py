"""ReplicaSets keep as many pods as they are told to; pods become ready when their time has come.

A pod one of whose images has a tag with `broken` in it never does: it waits with ImagePullBackOff, as on a node that cannot pull.
"""

from typing import Any

from trueup.sandbox.controllers.seat import KUBELET, Pace, Seat, reference
from trueup.sandbox.prepare import generated_name, qos_class, timestamp
from trueup.sandbox.store import Document

PODS, SETS = ("", "pods"), ("apps", "replicasets")
BROKEN = "broken"
MOST_PODS = 500
"""Of one set: more than fits on the node that is not there."""


def control_set(seat: Seat, document: Document, _: Pace) -> float | None:
    """One ReplicaSet: create or delete pods, and count them."""
    if document["metadata"].get("deletionTimestamp"):
        return None
    pods = [pod for pod in seat.owned(PODS, document) if not pod["metadata"].get("deletionTimestamp")]
    wanted = min(document["spec"].get("replicas", 1), MOST_PODS)
    for _each in range(len(pods), wanted):
        seat.create(PODS, _pod(document))
    for pod in sorted(pods, key=is_ready)[: max(len(pods) - wanted, 0)]:
        seat.delete(PODS, pod)
    pods = list(seat.owned(PODS, document))
    ready = sum(1 for pod in pods if is_ready(pod))
    generation = document["metadata"]["generation"]
    status: dict[str, Any] = {"replicas": len(pods), "observedGeneration": generation, "terminatingReplicas": 0}
    if pods:
        status["fullyLabeledReplicas"] = len(pods)
    if ready:
        status |= {"readyReplicas": ready, "availableReplicas": ready}
    seat.set_status(SETS, document, status)
    return None


def is_ready(pod: Document) -> bool:
    """Does the pod say that it is ready?"""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", ())
    )


def _pod(owner: Document) -> Document:
    template = owner["spec"]["template"]
    metadata = template.get("metadata", {})
    return {
        "metadata": {
            "name": generated_name(f"{owner['metadata']['name']}-"),
            "generateName": f"{owner['metadata']['name']}-",
            "namespace": owner["metadata"]["namespace"],
            "labels": metadata.get("labels", {}),
            "annotations": metadata.get("annotations", {}),
            "ownerReferences": [reference(owner)],
        },
        "spec": template["spec"],
    }


def control_pod(seat: Seat, document: Document, pace: Pace) -> float | None:
    """One pod: running and ready after its time, or waiting for an image that cannot be had."""
    if (
        document["metadata"].get("deletionTimestamp")
        or is_ready(document)
        or document.get("status", {}).get("phase") == "Succeeded"
    ):
        return None
    if broken := broken_images(document["spec"]):
        seat.set_status(PODS, document, _waiting(document, broken), KUBELET)
        return None
    if left := pace.left():
        return left
    seat.set_status(PODS, document, _running(document), KUBELET)
    return None


def broken_images(spec: dict[str, Any]) -> list[str]:
    """The images of a pod that can never be pulled."""
    images = [container.get("image", "") for container in spec.get("containers", ())]
    return [image for image in images if BROKEN in image.rpartition("/")[2].partition(":")[2]]


def _running(pod: Document) -> dict[str, Any]:
    now = timestamp()
    states = [
        {**_container(container), "ready": True, "started": True, "state": {"running": {"startedAt": now}}}
        for container in pod["spec"]["containers"]
    ]
    return {
        "phase": "Running",
        "qosClass": qos_class(pod["spec"]),
        "startTime": now,
        "conditions": _conditions("True", now),
        "containerStatuses": states,
    }


def _waiting(pod: Document, broken: list[str]) -> dict[str, Any]:
    present = pod.get("status", {})
    now = present.get("startTime") or timestamp()
    states = []
    for container in pod["spec"]["containers"]:
        message = f'Back-off pulling image "{container["image"]}"'
        waiting = (
            {"reason": "ImagePullBackOff", "message": message}
            if container["image"] in broken
            else {"reason": "ContainerCreating"}
        )
        states.append({**_container(container), "ready": False, "started": False, "state": {"waiting": waiting}})
    return {
        "phase": "Pending",
        "qosClass": qos_class(pod["spec"]),
        "startTime": now,
        "conditions": _conditions("False", now, reason="ContainersNotReady"),
        "containerStatuses": states,
    }


def _container(container: dict[str, Any]) -> dict[str, Any]:
    return {"name": container["name"], "image": container["image"], "imageID": "", "lastState": {}, "restartCount": 0}


def _conditions(ready: str, now: str, reason: str = "") -> list[dict[str, Any]]:
    why = {"reason": reason} if reason else {}
    return [
        {"type": "Initialized", "status": "True", "lastTransitionTime": now},
        {"type": "Ready", "status": ready, "lastTransitionTime": now, **why},
        {"type": "ContainersReady", "status": ready, "lastTransitionTime": now, **why},
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": now},
    ]
