"""What a Kustomize build reaches for, known before it runs, so that nothing of it is on the network or outside of the tree.

Kustomize fetches `http://…` wherever it reads a file, without any flag, also out of the configuration of its built-in plugins; and
it takes `Resources` for `resources`, as Go's JSON does (all found by trying). So every kustomization that a build would reach is read
first, a field must be spelt as documented, and an entry must be in the tree.
https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconciler.errors import InvalidManifest
from reconciler.render.tree import Tree, join
from reconciler.yaml.documents import load_one, parse_documents

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")

LISTS = frozenset({"resources", "bases", "components", "crds", "configurations", "patchesStrategicMerge"})
"""Lists of files and directories."""

PLUGINS = frozenset({"generators", "transformers", "validators"})
"""The same, or text that stands for such a file; what they contain may reach for files of its own."""

INLINE = PLUGINS | {"patchesStrategicMerge"}
"""Where an entry may be a whole document instead of the name of a file."""

PARTS = frozenset({"patches", "patchesJson6902", "replacements", "openapi", "configMapGenerator", "secretGenerator"})
"""Mappings, or lists of them, with fields that name files."""

PATH_FIELDS = frozenset({"path", "paths", "files", "envs", "env"})

HELM = frozenset({"helmCharts", "helmChartInflationGenerator", "helmGlobals"})

REST = frozenset({
    "apiVersion", "kind", "metadata", "namePrefix", "nameSuffix", "namespace", "labels", "commonLabels", "commonAnnotations",
    "images", "imageTags", "replicas", "vars", "sortOptions", "generatorOptions", "buildMetadata",
})  # fmt: skip
FIELDS = LISTS | PLUGINS | PARTS | HELM | REST

MOST_BASES = 100
"""Kustomizations one above the other; Kustomize itself has no limit, and costs more than twice as much with each."""

_REMOTE = re.compile(
    r"://|::|[?&](ref|version|submodules|timeout)=|^gh:|^[^/]*@[^/]*:|^(www\.)?(github|gitlab)\.com[/:]|^bitbucket\.org[/:]",
    re.IGNORECASE,
)
"""What Kustomize takes for an address; whatever else is not in the tree is refused for that."""


@dataclass(slots=True)
class Reach:
    """What a build reads, and looks for in vain; paths from the top of the tree."""

    read: set[str] = field(default_factory=set)
    probed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A path that a file names."""

    file: str
    field: str
    text: str
    is_plugin: bool = False
    is_inline: bool = False
    """The text stands for the file."""

    def refuse(self, why: str) -> InvalidManifest:
        return InvalidManifest(f"{self.file}: {self.field}: {self.text[:200]!r} {why}")


def kustomization_in(directory: Path) -> Path | None:
    """The kustomization file of a directory."""
    return next((directory / name for name in NAMES if (directory / name).is_file()), None)


def reach_of(tree: Tree, directory: Path, components: Sequence[str] = (), *, is_built: bool = True) -> Reach:
    """Everything that building a directory reads.

    Args:
        tree: where it is.
        directory: what is built.
        components: directories of components that an Application names, from the directory or, with a slash, from the top.
        is_built: off where only the components are.

    Raises:
        InvalidManifest: naming the file and the entry that is remote, outside of the tree, or not there.
    """
    search = _Search(tree)
    if is_built:
        search.follow(directory, is_plugin=False)
    for component in components:
        search.take(directory, tree.place(directory, component), _Entry("Application", "render.kustomize.components", component))
    return search.reach


class _Search:
    def __init__(self, tree: Tree) -> None:
        self.reach = Reach()
        self._tree = tree
        self._stack: list[str] = []
        self._seen: set[tuple[str, bool]] = set()

    def follow(self, directory: Path, *, is_plugin: bool) -> None:
        """Read a kustomization and everything that it names."""
        where = min(self._tree.names(directory), key=len)
        if where in self._stack:
            circle = " -> ".join(name or "." for name in (*self._stack[self._stack.index(where) :], where))
            raise InvalidManifest(f"{where or '.'}: kustomizations refer to each other in a circle: {circle}")
        if len(self._stack) >= MOST_BASES:
            raise InvalidManifest(
                f"{where}: more than {MOST_BASES} kustomizations one above the other; name the lower ones directly"
            )
        if (where, is_plugin) in self._seen:
            return
        self._seen.add((where, is_plugin))
        self._stack.append(where)
        file = self._kustomization(directory)
        content = load_one(file.read_bytes(), name=self._tree.name(file))
        for entry in _entries(content, self._tree.name(file)):
            self._take(directory, replace(entry, is_plugin=is_plugin or entry.is_plugin))
        self._stack.pop()

    def _kustomization(self, directory: Path) -> Path:
        where = self._tree.name(directory)
        found = kustomization_in(directory)
        if found is None:
            raise InvalidManifest(
                f"{where or '.'}: there is no kustomization.yaml in this directory, and another names it; write one with its resources"
            )
        self.reach.read |= self._tree.names(found)
        self.reach.probed |= {join(where, name) for name in NAMES if not (directory / name).exists()}
        return found

    def _take(self, directory: Path, entry: _Entry) -> None:
        if entry.is_inline:
            self._scan(directory, entry.text.encode(), f"{entry.file}: {entry.field}")
            return
        if _REMOTE.search(entry.text):
            raise entry.refuse("is remote; copy it into the repository and name the copy")
        self.take(directory, directory / entry.text, entry)

    def take(self, directory: Path, target: Path, entry: _Entry) -> None:
        """Follow an entry of a directory to where it leads."""
        try:
            names = self._tree.names(target)
        except InvalidManifest as error:
            raise entry.refuse("leaves the repository; only what is in it can be rendered") from error
        if target.is_dir():
            self.follow(target, is_plugin=entry.is_plugin)
        elif target.is_file():
            self.reach.read |= names
            if entry.is_plugin:
                self._scan(directory, target.read_bytes(), self._tree.name(target))
        else:
            raise entry.refuse("is not in the repository; is the name right?")

    def _scan(self, directory: Path, text: bytes, name: str) -> None:
        """Look for paths in the configuration of plugins, wherever they stand in it."""
        for raw in parse_documents(text, name=name):
            for field_name, path in _paths_within(raw.document):
                if _REMOTE.search(path):
                    raise _Entry(name, field_name, path).refuse("is remote; copy it into the repository and name the copy")
                target = directory / path.rpartition("=")[2]
                if target.is_file():
                    self.reach.read |= self._tree.names(target)


def _entries(content: Any, file: str) -> Iterator[_Entry]:
    """Every path that a kustomization names."""
    if not isinstance(content, dict):
        raise InvalidManifest(f"{file}: must be a mapping such as `resources: [deployment.yaml]`")
    for name, value in content.items():
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.5)
            raise InvalidManifest(f"{file}: {name}: is no field of a kustomization{f'; did you mean {near[0]}?' if near else ''}")
        if name in HELM and value:
            raise InvalidManifest(f"{file}: {name}: charts are not inflated here; render the chart as an application of its own")
        if name in LISTS | PLUGINS:
            yield from _listed(name, value, file)
        elif name in PARTS:
            yield from _named(name, value, file)


def _listed(name: str, value: Any, file: str) -> Iterator[_Entry]:
    for text in _texts(value, f"{file}: {name}"):
        is_inline = name in INLINE and _is_mapping(text)
        if not is_inline or name in PLUGINS:  # an inline patch names no files
            yield _Entry(file, name, text, name in PLUGINS, is_inline)


def _is_mapping(text: str) -> bool:
    try:
        return isinstance(load_one(text.encode(), name=""), dict)
    except InvalidManifest:
        return False


def _named(name: str, value: Any, file: str) -> Iterator[_Entry]:
    for part in value if isinstance(value, list) else [value]:
        fields: Mapping[str, Any] = part if isinstance(part, dict) else {}
        for key, named in fields.items():
            folded = key.casefold()
            if folded in PATH_FIELDS and named:
                paths = _texts(named if isinstance(named, list) else [named], f"{file}: {name}[].{key}")
                yield from (_Entry(file, f"{name}[].{key}", p.rpartition("=")[2] if folded == "files" else p) for p in paths)


def _texts(value: Any, where: str) -> list[str]:
    """The entries of a list of texts; nothing is as good as an empty list."""
    entries = [] if value is None else value
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise InvalidManifest(f"{where}: must be a list of texts; quote what is a number or `y`")
    return entries


def _paths_within(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for entry in value:
            yield from _paths_within(entry)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key.casefold() in PATH_FIELDS:
                yield from ((key, path) for path in (inner if isinstance(inner, list) else [inner]) if isinstance(path, str))
            yield from _paths_within(inner)
