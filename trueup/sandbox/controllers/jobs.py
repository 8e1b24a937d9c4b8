"""Jobs run to their end as if by themselves: no pod is made. A tag with `failing` in it fails, one with `broken` never starts."""

from typing import Any

from trueup.sandbox.controllers.replicas import broken_images
from trueup.sandbox.controllers.seat import Pace, Seat
from trueup.sandbox.prepare import timestamp
from trueup.sandbox.store import Document

JOBS = ("batch", "jobs")
FAILING = "failing"

SUCCEEDED = ("CompletionsReached", "Reached expected number of succeeded pods")
FAILED = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


def control(seat: Seat, document: Document, pace: Pace) -> float | None:
    """A Job ends, unless it is suspended or its image cannot be had; one with a time to live goes when that is over."""
    status, spec = document.get("status", {}), document["spec"]
    if document["metadata"].get("deletionTimestamp"):
        return None
    if any(each["type"] in ("Complete", "Failed") for each in status.get("conditions", ())):
        return _expire(seat, document, pace)
    if spec.get("suspend"):
        seat.set_status(JOBS, document, _suspended(status))
        return None
    started = {"startTime": status.get("startTime") or timestamp(), "ready": 0, "terminating": 0}
    pod = spec["template"].get("spec", {})
    left = pace.left()
    if broken_images(pod) or left is not None:
        seat.set_status(JOBS, document, started | {"active": 1, "uncountedTerminatedPods": {}})
        return None if broken_images(pod) else left
    seat.set_status(JOBS, document, started | (_failed(spec) if _fails(pod) else _succeeded(spec)))
    return _expire(seat, document, pace)


def _expire(seat: Seat, document: Document, pace: Pace) -> float | None:
    if (seconds := document["spec"].get("ttlSecondsAfterFinished")) is None:
        return None
    left: float = pace.seconds + seconds - pace.age
    if left <= 0:
        seat.delete(JOBS, document)
    return left if left > 0 else None


def _fails(pod: dict[str, Any]) -> bool:
    return any(FAILING in container.get("image", "").rpartition(":")[2] for container in pod.get("containers", ()))


def _succeeded(spec: dict[str, Any]) -> dict[str, Any]:
    done = spec.get("completions") or spec.get("parallelism", 1)
    return {
        "completionTime": timestamp(),
        "succeeded": done,
        "conditions": _conditions(("SuccessCriteriaMet", "Complete"), SUCCEEDED),
    }


def _failed(spec: dict[str, Any]) -> dict[str, Any]:
    return {"failed": spec.get("backoffLimit", 6) + 1, "conditions": _conditions(("FailureTarget", "Failed"), FAILED)}


def _suspended(status: Document) -> dict[str, Any]:
    if any(each["type"] == "Suspended" for each in status.get("conditions", ())):
        return status
    now = timestamp()
    condition = {"type": "Suspended", "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
    condition |= {"reason": "JobSuspended", "message": "Job suspended"}
    return {"conditions": [condition], "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}


def _conditions(kinds: tuple[str, str], told: tuple[str, str]) -> list[dict[str, str]]:
    now = timestamp()
    return [
        {
            "type": kind,
            "status": "True",
            "lastProbeTime": now,
            "lastTransitionTime": now,
            "reason": told[0],
            "message": told[1],
        }
        for kind in kinds
    ]
