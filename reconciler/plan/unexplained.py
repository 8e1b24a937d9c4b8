"""Whether an object's content changed and nobody's record says who did it. Pure.

Two things change a field of ours and leave our entry as it is: a mutating admission policy during somebody else's request, and an
apply under our own manager's name (both seen on a real API server). What shows is the generation. One dry run then tells whether
the content is still as desired; where it is, nothing happens.
"""

from collections.abc import Iterator

from reconciler.model.objects import FieldSet, LiveMetadata, ManagerEntry

_Author = tuple[str, str, str, str]


def is_unexplained(before: LiveMetadata, now: LiveMetadata, manager: str) -> bool:
    """Whether the generation moved though no other manager's entry over the content did.

    Whoever changes content gets a newer entry with what was changed. An entry over metadata or status alone explains nothing.
    Kinds that count no generations (ConfigMaps, Secrets) show nothing of this sort.

    Args:
        before: the object as it was seen last.
        now: the same object; what was made anew under the name is another story.
        manager: our field manager.
    """
    if before.uid != now.uid or now.generation <= before.generation:
        return False
    known = dict(_authors(before, manager))
    return all(known.get(author) == entry for author, entry in _authors(now, manager))


def _authors(live: LiveMetadata, manager: str) -> Iterator[tuple[_Author, tuple[str, FieldSet]]]:
    """The time and the fields of every entry of somebody else that holds content."""
    for entry in live.managers:
        is_ours = entry.manager == manager and entry.operation == "Apply" and not entry.subresource
        if not is_ours and _holds_content(entry):
            yield (entry.manager, entry.operation, entry.subresource, entry.api_version), (entry.time, entry.fields)


def _holds_content(entry: ManagerEntry) -> bool:
    return entry.subresource != "status" and any(name not in ("f:metadata", "f:status") for name in entry.fields)
