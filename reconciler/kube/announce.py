"""What was done to an object, told where operators look first: `kubectl describe` and `kubectl get events`.

An Event is no managed object: it is nobody's, is never pruned, and the server forgets it after an hour.
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.kube.client import Client
from reconciler.model.declared import Instance
from reconciler.model.objects import Document, Kind, LiveMetadata

EVENT = Kind("", "v1", "Event", "events", namespaced=True)

CLUSTER_NAMESPACE = "default"
"""Where Events about objects of the cluster go: https://github.com/kubernetes/client-go, `tools/record/event.go`."""

MESSAGE_LENGTH = 1024
"""The server refuses longer ones."""

NAME_LENGTH = 200
"""Of the object's name in the Event's own; the whole may have 253."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is told."""

    reason: str
    """One word in CamelCase, by which people filter."""
    message: str
    is_warning: bool


async def announce(client: Client, live: LiveMetadata, instance: Instance, what: Announcement) -> None:
    """Write one Event about an object; one request.

    Raises:
        TrueupError: when the server does not take it.
    """
    await client.create(EVENT, event(live, instance, what), manager=instance.manager)


def event(live: LiveMetadata, instance: Instance, what: Announcement) -> Document:
    """The Event as it is sent."""
    key, now = live.key, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    namespace = key.namespace or CLUSTER_NAMESPACE
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{key.name[:NAME_LENGTH]}.{secrets.token_hex(8)}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": live.api_version, "kind": key.kind, "namespace": key.namespace, "name": key.name, "uid": live.uid,
            "resourceVersion": live.resource_version,
        },
        "type": "Warning" if what.is_warning else "Normal",
        "reason": what.reason,
        "message": what.message[:MESSAGE_LENGTH],
        "source": {"component": instance.manager},
        "reportingComponent": f"trueup.dev/{instance.manager}",
        "reportingInstance": instance.id,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }  # fmt: skip
