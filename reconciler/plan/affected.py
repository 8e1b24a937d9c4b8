"""Which applications a change of files affects: a trie of the paths that each one's last render read, and looked for in vain."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reconciler.model.declared import Name


@dataclass(slots=True)
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    here: set[Name] = field(default_factory=set)
    """Affected when exactly this path changes, or comes or goes as a directory."""
    beneath: set[Name] = field(default_factory=set)
    """Affected when anything at or beneath this path changes."""

    @property
    def is_empty(self) -> bool:
        return not (self.children or self.here or self.beneath)


class InputTrie:
    """The inputs of many applications; asking costs the depth of the changed paths, however many applications there are."""

    def __init__(self) -> None:
        self._root = _Node()
        self._paths: dict[Name, tuple[str, ...]] = {}

    def __contains__(self, application: Name) -> bool:
        """Whether the application's inputs are known."""
        return application in self._paths

    def put(self, application: Name, paths: Iterable[str]) -> None:
        """Replace an application's inputs: files, or directories with a slash at the end (`""` and `/` are the top).

        A path that was looked for and not found is put like one that was: it counts when it appears.
        """
        self.remove(application)
        self._paths[application] = tuple(paths)
        for path in self._paths[application]:
            node = self._root
            for part in _parts(path):
                node = node.children.setdefault(part, _Node())
            (node.beneath if _is_directory(path) else node.here).add(application)

    def remove(self, application: Name) -> None:
        """Forget an application."""
        for path in self._paths.pop(application, ()):
            self._forget(application, _parts(path))

    def affected(self, changed: Iterable[str]) -> frozenset[Name]:
        """The applications with an input at, above or beneath one of the changed paths, as `git diff-tree -r` names them."""
        found: set[Name] = set()
        for path in changed:
            found.update(*self._sets_along(path))
        return frozenset(found)

    def _sets_along(self, path: str) -> Iterator[set[Name]]:
        node = self._root
        yield node.beneath
        for part in _parts(path):
            if part not in node.children:
                return
            node = node.children[part]
            yield node.beneath
            yield node.here  # an input that became a directory, or was one
        yield from _sets_beneath(node)

    def _forget(self, application: Name, parts: list[str]) -> None:
        """Take an application out along a path, and then the nodes that nobody needs any more, from the end."""
        nodes = [self._root]
        for part in parts:
            if part not in nodes[-1].children:
                return
            nodes.append(nodes[-1].children[part])
        nodes[-1].here.discard(application)
        nodes[-1].beneath.discard(application)
        for parent, part, node in zip(reversed(nodes[:-1]), reversed(parts), reversed(nodes[1:]), strict=True):
            if node.is_empty:
                del parent.children[part]


def _sets_beneath(node: _Node) -> Iterator[set[Name]]:
    """A link or a submodule stood here, or a file took the place of a directory: what was read through it may differ."""
    for child in node.children.values():
        yield child.here
        yield child.beneath
        yield from _sets_beneath(child)


def _is_directory(path: str) -> bool:
    return path in ("", "/") or path.endswith("/")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
