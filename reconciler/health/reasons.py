"""Why an object is not healthy, in one sentence: from what the cluster says of it, of what it made, and of their last events.

Only decides; `kube.explain` gathers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.health.conditions import condition, items, part, reason_of
from reconciler.health.rules import assess
from reconciler.model.objects import Document
from reconciler.model.outcome import GOOD, HealthStatus

REPLICA_SET, JOB = ("apps", "ReplicaSet"), ("batch", "Job")

BETWEEN: Mapping[tuple[str, str], tuple[str, str]] = {
    ("apps", "Deployment"): REPLICA_SET,
    ("argoproj.io", "Rollout"): REPLICA_SET,
    ("batch", "CronJob"): JOB,
}
"""What stands between a workload and its pods."""

WITH_PODS = frozenset(
    {("", "ReplicationController"), ("apps", "DaemonSet"), ("apps", "ReplicaSet"), ("apps", "StatefulSet"), ("batch", "Job")}
)
"""Kinds that make pods themselves."""

REVISION = ("deployment.kubernetes.io/revision", "rollout.argoproj.io/revision")
"""Annotations of a ReplicaSet; the highest is the newest."""

REPEATING = frozenset({"BackOff"})
"""Reasons of warnings that say less than the status does."""

LENGTH = 300
"""How much of an event is repeated: what a probe printed may be long."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the cluster says about an object that is not healthy."""

    document: Document
    between: Document | None = None
    """The newest ReplicaSet or Job of it."""
    pods: tuple[Document, ...] = ()
    events: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    """By the uid of what they are about."""


def explain(evidence: Evidence) -> str:
    """The sentence; empty when nothing says more than the verdict does."""
    return next((told for told in _told(evidence) if told), "")


def newest(document: Document, candidates: Iterable[Document]) -> Document | None:
    """The one that an object made last: by revision, or else by age."""
    made = [candidate for candidate in candidates if _is_made_by(candidate, document)]
    return max(made, key=_age, default=None)


def pods_of(document: Document, pods: Iterable[Document]) -> tuple[Document, ...]:
    """The pods that an object made; of a StatefulSet only those of its newest revision, as soon as there is one."""
    made = tuple(pod for pod in pods if _is_made_by(pod, document))
    revision = part(document, "status").get("updateRevision")
    current = tuple(p for p in made if part(part(p, "metadata"), "labels").get("controller-revision-hash") == revision)
    return current if revision and current else made


def worst_pod(pods: Iterable[Document]) -> Document | None:
    """The pod that explains most: one that has failed before one that waits; None when all are well."""
    order = list(HealthStatus)
    bad = [(order.index(health.status), pod) for pod in pods if (health := assess(pod)).status not in GOOD]
    return max(bad, key=lambda entry: entry[0], default=(0, None))[1]


def selector_of(document: Document) -> str:
    """The label selector of a workload, as the API takes it; empty when it has none."""
    selector = part(part(document, "spec"), "selector")
    labels = part(selector, "matchLabels") or {k: v for k, v in selector.items() if isinstance(v, str)}
    parts = [f"{name}={value}" for name, value in labels.items()]
    for expression in items(selector, "matchExpressions"):
        listed = ",".join(str(value) for value in expression.get("values") or ())
        match expression.get("operator"):
            case "In":
                parts.append(f"{expression.get('key')} in ({listed})")
            case "NotIn":
                parts.append(f"{expression.get('key')} notin ({listed})")
            case "Exists":
                parts.append(str(expression.get("key")))
            case "DoesNotExist":
                parts.append(f"!{expression.get('key')}")
    return ",".join(parts)


def _told(evidence: Evidence) -> Iterator[str]:
    """What may explain it, best first."""
    between = evidence.between
    if between and (failure := condition(between, "ReplicaFailure", "True")):
        yield f"{_called(between)}: {reason_of(failure)}"
    if pod := worst_pod(evidence.pods):
        yield f"{_called(pod)}: {_of_pod(pod, _warnings(evidence, pod))}"
    if between:
        yield from (f"{_called(between)}: {words}" for words in _warnings(evidence, between))
        if (health := assess(between)).status is HealthStatus.DEGRADED:
            yield f"{_called(between)}: {health.reason}"
    yield from _warnings(evidence, evidence.document)
    yield from _notes(evidence)


def _of_pod(pod: Document, warnings: Iterable[str]) -> str:
    """The pod's own verdict, and what an event adds to it: a probe that fails, a volume that is not there, a pull that is denied."""
    told = assess(pod).reason
    added = next((words for words in warnings if words.partition(": ")[2] not in told), "")
    return f"{told}; {added}" if added and "ErrImagePull: " not in told else told


def _warnings(evidence: Evidence, document: Document) -> Iterator[str]:
    """What went wrong with an object according to its events, newest first; `Error: ImagePullBackOff` only repeats the status."""
    for event in _newest_first(evidence, document):
        is_news = event.get("reason") not in REPEATING and not str(event.get("message")).startswith("Error: ")
        if event.get("type") == "Warning" and is_news:
            yield _line(event)


def _notes(evidence: Evidence) -> Iterator[str]:
    """What an event says that is no warning, of a claim that waits and says nothing itself."""
    if evidence.document["kind"] == "PersistentVolumeClaim":
        yield from (_line(event) for event in _newest_first(evidence, evidence.document))


def _line(event: Mapping[str, Any]) -> str:
    """`Reason: message`, on one line and not too long."""
    return " ".join(reason_of(event).split())[:LENGTH]


def _newest_first(evidence: Evidence, document: Document) -> list[Document]:
    events = evidence.events.get(str(part(document, "metadata").get("uid")), ())
    return sorted(events, key=_time, reverse=True)


def _time(event: Mapping[str, Any]) -> str:
    """When it happened last; RFC 3339 sorts as text."""
    series = part(event, "series").get("lastObservedTime")
    created = part(event, "metadata").get("creationTimestamp")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or created or "")


def _is_made_by(document: Document, owner: Document) -> bool:
    uid = part(owner, "metadata").get("uid")
    return any(reference.get("uid") == uid for reference in items(part(document, "metadata"), "ownerReferences"))


def _age(document: Document) -> tuple[int, str]:
    metadata = part(document, "metadata")
    annotations = part(metadata, "annotations")
    revisions = [int(annotations[name]) for name in REVISION if str(annotations.get(name, "")).isdecimal()]
    return max(revisions, default=0), str(metadata.get("creationTimestamp") or "")


def _called(document: Document) -> str:
    """`pod web-7d9-x`, `ReplicaSet web-7d9`."""
    kind = "pod" if document["kind"] == "Pod" else document["kind"]
    return f"{kind} {part(document, 'metadata').get('name')}"
