"""What is in the cluster: objects, one counter of resource versions, and a bounded history for watches.

Objects are never changed in place: a write puts a new one. Everything runs in one thread and nothing here waits, so a caller that
does not wait either has a transaction. What may be written is decided elsewhere.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from trueup.sandbox.status import expired

Document: TypeAlias = dict[str, Any]
Collection: TypeAlias = tuple[str, str]
"""Group and plural."""

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"


@dataclass(frozen=True, slots=True)
class Event:
    """One write. `before` is the object as it was, None for a new one."""

    type: str
    revision: int
    collection: Collection
    object: Document
    before: Document | None


Listener: TypeAlias = Callable[[Event], None]


class Store:
    """All objects by collection, namespace and name; `""` is the namespace of cluster-scoped ones."""

    def __init__(self, history: int) -> None:
        self.revision = 1
        self._objects: dict[Collection, dict[tuple[str, str], Document]] = {}
        self._history: deque[Event] = deque()
        self._history_limit = history
        self._forgotten = 0  # revision of the newest event that is no longer in the history
        self._listeners: set[Listener] = set()

    def get(self, collection: Collection, namespace: str, name: str) -> Document | None:
        """One object."""
        return self._objects.get(collection, {}).get((namespace, name))

    def all(self, collection: Collection, namespace: str = "") -> list[Document]:
        """A collection in the order of namespace and name; of one namespace only when it is given."""
        objects = self._objects.get(collection, {})
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def at(self, revision: int, collection: Collection, namespace: str = "") -> list[Document]:
        """The collection as it was at a revision that the history reaches back to."""
        objects = dict(self._objects.get(collection, {}))
        for event in reversed(self._history):
            if event.revision <= revision:
                break
            if event.collection != collection:
                continue
            metadata = event.object["metadata"]
            key = (metadata.get("namespace", ""), metadata["name"])
            if event.before is None:
                objects.pop(key, None)
            else:
                objects[key] = event.before
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def collections(self) -> Iterator[Collection]:
        """Every collection that has ever held an object."""
        return iter(list(self._objects))

    def put(self, collection: Collection, document: Document) -> Document:
        """Write an object, new or changed; returns it with its resource version."""
        metadata = document["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        objects = self._objects.setdefault(collection, {})
        before = objects.get(key)
        written = self._stamped(document)
        objects[key] = written
        self._tell(Event(MODIFIED if before else ADDED, self.revision, collection, written, before))
        return written

    def remove(self, collection: Collection, document: Document) -> Document:
        """Take an object out; returns it with the resource version of its removal."""
        metadata = document["metadata"]
        before = self._objects[collection].pop((metadata.get("namespace", ""), metadata["name"]))
        gone = self._stamped(document)
        self._tell(Event(DELETED, self.revision, collection, gone, before))
        return gone

    def since(self, revision: int, collection: Collection) -> list[Event]:
        """The events of a collection after a revision.

        Raises:
            Refused: 410 when the history does not reach back that far.
        """
        if revision < self._forgotten:
            raise expired(self._forgotten, revision)
        return [event for event in self._history if event.revision > revision and event.collection == collection]

    def forget(self) -> None:
        """Drop the whole history, as etcd does when it is compacted: older watches and pages get 410."""
        self._history.clear()
        self._forgotten = self.revision

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with every event from now on; the result ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def is_current(self, revision: int) -> bool:
        """Can a list continue that began at this revision?"""
        return revision >= self._forgotten

    def _stamped(self, document: Document) -> Document:
        self.revision += 1
        return {**document, "metadata": {**document["metadata"], "resourceVersion": str(self.revision)}}

    def _tell(self, event: Event) -> None:
        self._history.append(event)
        while len(self._history) > self._history_limit:
            self._forgotten = self._history.popleft().revision
        for listener in list(self._listeners):
            listener(event)
