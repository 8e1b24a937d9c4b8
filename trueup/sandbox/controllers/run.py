"""The loop of all controllers: what changed is looked at again, and so is what asked to be looked at later.

One queue without duplicates, one list of alarms, one task. A controller is a function that looks at one object, writes what it has
to, and may say in how many seconds it wants to look again.
"""

import asyncio
import heapq
import logging
from collections.abc import Mapping
from typing import TypeAlias

from trueup.sandbox.controllers import deployments, endpoints, garbage, jobs, others, replicas
from trueup.sandbox.controllers.seat import Pace, Seat
from trueup.sandbox.definitions import resources_of
from trueup.sandbox.kinds import Kinds
from trueup.sandbox.store import DELETED, Collection, Document, Event, Store
from trueup.sandbox.writes import Writes

logger = logging.getLogger(__name__)

Place: TypeAlias = tuple[Collection, str, str]

DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
NAMESPACES = ("", "namespaces")
CONTROLLERS: Mapping[Collection, others.Controller] = {
    ("apps", "deployments"): deployments.control,
    ("apps", "replicasets"): replicas.control_set,
    ("", "pods"): replicas.control_pod,
    ("", "services"): endpoints.control,
    ("apps", "statefulsets"): others.stateful_set,
    ("apps", "daemonsets"): others.daemon_set,
    ("batch", "jobs"): jobs.control,
    ("", "persistentvolumeclaims"): others.claim,
    ("", "persistentvolumes"): others.protected(("", "persistentvolumes")),
    ("storage.k8s.io", "volumeattributesclasses"): others.protected(("storage.k8s.io", "volumeattributesclasses")),
    DEFINITIONS: others.definition,
    NAMESPACES: others.namespace,
}


class Controllers:
    """All controllers of one cluster; with `rollout_seconds` None workloads stay as they are written."""

    def __init__(self, store: Store, kinds: Kinds, writes: Writes, *, rollout_seconds: float | None) -> None:
        self._seat = Seat(store, kinds, writes)
        self._rollout_seconds = rollout_seconds
        self._due: dict[Place, None] = {}
        self._alarms: list[tuple[float, Place]] = []
        self._wake = asyncio.Event()
        self._born: dict[str, float] = {}
        self._garbage = garbage.Garbage()
        store.listen(self._hear)

    def _hear(self, event: Event) -> None:
        metadata = event.object["metadata"]
        namespace = metadata.get("namespace", "")
        if event.collection == DEFINITIONS:
            self._serve(event)
        self._garbage.hear(event)
        self._due[event.collection, namespace, metadata["name"]] = None
        for owner in self._garbage.owners(event.object):
            self._due[owner] = None
        if event.type == DELETED:
            self._born.pop(metadata["uid"], None)
            self._due[NAMESPACES, "", namespace] = None
            self._due.update(dict.fromkeys(self._garbage.dependents(metadata["uid"])))
            if event.collection not in CONTROLLERS:
                self._due[self._definition_of(event.collection)] = None
        self._wake.set()

    def _serve(self, event: Event) -> None:
        """Definitions take effect at once."""
        spec = event.object["spec"]
        served = () if event.type == DELETED else resources_of(event.object)
        self._seat.kinds.replace((spec["group"], spec["names"]["plural"]), served)

    def _definition_of(self, collection: Collection) -> Place:
        return DEFINITIONS, "", f"{collection[1]}.{collection[0]}"

    async def run(self) -> None:
        """Control until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while self._alarms and self._alarms[0][0] <= loop.time():
                self._due[heapq.heappop(self._alarms)[1]] = None
            if self._due:
                place = next(iter(self._due))
                del self._due[place]
                self._look(place, loop.time())
                await asyncio.sleep(0)  # requests come first
                continue
            self._wake.clear()
            pause = self._alarms[0][0] - loop.time() if self._alarms else None
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    def _look(self, place: Place, now: float) -> None:
        collection, namespace, name = place
        document = self._seat.store.get(collection, namespace, name)
        if document is None:
            return
        try:
            again = self._control(collection, document, now)
        except Exception:  # as in a cluster: a controller that fails at one object goes on with the others
            logger.exception("sandbox.controller_failed collection=%s namespace=%s name=%s", collection, namespace, name)
            return
        if again is not None:
            heapq.heappush(self._alarms, (now + again, place))

    def _control(self, collection: Collection, document: Document, now: float) -> float | None:
        if self._garbage.collect(self._seat, collection, document):
            return None
        controller = CONTROLLERS.get(collection)
        if controller is None:
            return None
        if self._rollout_seconds is None:
            if collection not in (DEFINITIONS, NAMESPACES):
                return None
            return controller(self._seat, document, Pace(0.0, 0.0))
        born = self._born.setdefault(document["metadata"]["uid"], now)
        return controller(self._seat, document, Pace(self._rollout_seconds, now - born))
