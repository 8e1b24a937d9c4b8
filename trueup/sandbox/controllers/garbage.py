"""Objects whose owners are gone, and owners that wait for their dependents.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from collections import defaultdict
from typing import TypeAlias

from trueup.sandbox.controllers.seat import Seat
from trueup.sandbox.deletion import FOREGROUND, ORPHAN
from trueup.sandbox.store import DELETED, Collection, Document, Event

Place: TypeAlias = tuple[Collection, str, str]


class Garbage:
    """Who owns whom, kept up with every event."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._dependents: defaultdict[str, dict[Place, None]] = defaultdict(dict)

    def hear(self, event: Event) -> None:
        """Take note of a write."""
        metadata = event.object["metadata"]
        place = (event.collection, metadata.get("namespace", ""), metadata["name"])
        for owner in _owner_uids(event.before):
            self._dependents[owner].pop(place, None)
        if event.type == DELETED:
            self._places.pop(metadata["uid"], None)
            return
        self._places[metadata["uid"]] = place
        for owner in _owner_uids(event.object):
            self._dependents[owner][place] = None

    def owners(self, document: Document) -> list[Place]:
        """Where the living owners of an object are."""
        return [self._places[uid] for uid in _owner_uids(document) if uid in self._places]

    def dependents(self, uid: str) -> list[Place]:
        """Where the objects are that name this owner."""
        return list(self._dependents.get(uid, ()))

    def collect(self, seat: Seat, collection: Collection, document: Document) -> bool:
        """Do what is due for one object; True when it is gone."""
        owners = _owner_uids(document)
        if owners and not any(uid in self._places for uid in owners):
            seat.delete(collection, document)
            return seat.fresh(collection, document) is None
        metadata = document["metadata"]
        waiting = [name for name in metadata.get("finalizers", ()) if name in (FOREGROUND, ORPHAN)]
        if not metadata.get("deletionTimestamp") or not waiting:
            return False
        for place in self.dependents(metadata["uid"]):
            self._part(seat, place, metadata["uid"], is_orphaned=ORPHAN in waiting)
        if self.dependents(metadata["uid"]):
            return False
        kept = [name for name in metadata["finalizers"] if name not in waiting]
        seat.patch(collection, document, {"metadata": {"finalizers": kept}})
        return seat.fresh(collection, document) is None

    def _part(self, seat: Seat, place: Place, uid: str, *, is_orphaned: bool) -> None:
        collection, namespace, name = place
        dependent = seat.store.get(collection, namespace, name)
        if dependent is None:
            return
        if is_orphaned:
            kept = [each for each in dependent["metadata"]["ownerReferences"] if each.get("uid") != uid]
            seat.patch(collection, dependent, {"metadata": {"ownerReferences": kept}})
        else:
            seat.delete(collection, dependent)


def _owner_uids(document: Document | None) -> list[str]:
    references = document["metadata"].get("ownerReferences") if document else None
    return [reference.get("uid", "") for reference in references or ()]
