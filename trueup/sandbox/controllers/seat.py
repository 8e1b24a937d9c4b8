"""Where the controllers sit: they read the store and write through the same door as everybody else, under their own name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trueup.sandbox.deletion import delete
from trueup.sandbox.kinds import Kinds
from trueup.sandbox.patch import MERGE
from trueup.sandbox.paths import Deletion, Options, Target
from trueup.sandbox.status import Refused
from trueup.sandbox.store import Collection, Document, Store
from trueup.sandbox.writes import Writes

MANAGER = Options("kube-controller-manager", has_manager=True)
API_SERVER = Options("kube-apiserver", has_manager=True)
KUBELET = Options("kubelet", has_manager=True)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things go, and how old the object at hand is, both in seconds."""

    seconds: float
    age: float

    def left(self) -> float | None:
        """How long until the object is ready; None when it is."""
        return None if self.age >= self.seconds else self.seconds - self.age


class Seat:
    """Reading and writing for controllers."""

    def __init__(self, store: Store, kinds: Kinds, writes: Writes) -> None:
        self.store = store
        self.kinds = kinds
        self._writes = writes

    def target(self, collection: Collection, document: Mapping[str, Any], subresource: str = "") -> Target:
        """The target of an object."""
        metadata = document["metadata"]
        return Target(self.kinds.of(*collection), metadata.get("namespace", ""), metadata["name"], subresource)

    def fresh(self, collection: Collection, document: Mapping[str, Any]) -> Document | None:
        """The object as it is now; None when it is gone or another has taken its name."""
        metadata = document["metadata"]
        now = self.store.get(collection, metadata.get("namespace", ""), metadata["name"])
        return now if now and now["metadata"]["uid"] == metadata["uid"] else None

    def create(self, collection: Collection, document: Document) -> Document | None:
        """Create an object; None when it may not be or is there already."""
        target = Target(self.kinds.of(*collection), document["metadata"].get("namespace", ""))
        try:
            return self._writes.create(target, document, MANAGER).document
        except Refused:
            return None

    def patch(
        self, collection: Collection, document: Document, change: Mapping[str, Any], subresource: str = "", who: Options = MANAGER
    ) -> Document:
        """Merge a change into an object; the object itself when it is gone or nothing changes."""
        try:
            return self._writes.patch(self.target(collection, document, subresource), MERGE, change, who).document
        except Refused:
            return document

    def set_status(
        self, collection: Collection, document: Document, status: Mapping[str, Any], who: Options = MANAGER
    ) -> Document:
        """Replace an object's whole status."""
        present = document.get("status") or {}
        change = dict.fromkeys((name for name in present if name not in status), None) | dict(status)
        return self.patch(collection, document, {"status": change}, "status", who)

    def delete(self, collection: Collection, document: Document) -> None:
        """Delete an object in the background, if it is still the same."""
        try:
            delete(self.store, self.target(collection, document), Deletion(uid=document["metadata"]["uid"]))
        except Refused:
            return

    def owned(self, collection: Collection, owner: Document) -> Iterator[Document]:
        """The objects of a collection that this object controls."""
        uid = owner["metadata"]["uid"]
        for document in self.store.all(collection, owner["metadata"].get("namespace", "")):
            if any(reference.get("uid") == uid for reference in document["metadata"].get("ownerReferences", ())):
                yield document


def reference(owner: Document) -> dict[str, Any]:
    """An owner reference to a controller."""
    metadata = owner["metadata"]
    names = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return names | {"controller": True, "blockOwnerDeletion": True}
