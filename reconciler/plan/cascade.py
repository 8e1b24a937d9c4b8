"""What the cluster deletes along with an object, though it is to stay: what lies in a Namespace, what is of a kind, what names it as its owner.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from collections.abc import Iterable, Mapping

from reconciler.model.objects import Kinds, ObjectKey
from reconciler.model.outcome import Owned

NAMESPACE = ("", "Namespace")
DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")


def taken_along(
    going: Iterable[Owned], owned: Mapping[ObjectKey, Owned], kinds: Kinds
) -> Mapping[ObjectKey, tuple[ObjectKey, ...]]:
    """By object that goes, what of ours would go with it and is not to go itself.

    One that names several owners is deleted only when all are gone; who the others are, and whether they are there, nobody knows here.

    Args:
        going: what is to be deleted.
        owned: everything this instance owns in the cluster.
        kinds: what the cluster serves.
    """
    by_key = {one.key: one for one in going}
    if not by_key:
        return {}  # as nearly always, and there may be many thousand objects
    namespaces = {key.name: key for key in by_key if (key.group, key.kind) == NAMESPACE}
    definitions = {key.name: key for key in by_key if (key.group, key.kind) == DEFINITION}
    defined = {(k.group, k.kind): key for k in kinds if (key := definitions.get(f"{k.plural}.{k.group}"))} if definitions else {}
    owners = {one.uid: key for key, one in by_key.items()}
    found: dict[ObjectKey, set[ObjectKey]] = {}
    for key, one in owned.items():
        if key in by_key or one.deleting:
            continue
        ways = (namespaces.get(key.namespace), defined.get((key.group, key.kind)), *map(owners.get, one.owners))
        for cause in ways:
            if cause is not None:
                found.setdefault(cause, set()).add(key)
    return {cause: tuple(sorted(keys)) for cause, keys in sorted(found.items())}
