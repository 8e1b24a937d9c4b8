"""Which file and line of the tree it is about, when Kustomize or Helm says that something is wrong.

Both name a file at most by where they stood, and count lines from where a document begins, often one too few, or those of what a
template renders. So what they name is read again here, as plain YAML is, and said in the same words.
"""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.errors import InvalidManifest, RenderFailed, mend_of
from reconciler.model.objects import RawDocument
from reconciler.render.tree import Tree, join
from reconciler.yaml.documents import LIMIT_BYTES, parse_documents

_WITHIN = re.compile(r"recursed accumulation of path '([^']+)'")
_FROM = re.compile(r"(?:accumulating|merging) resources from '([^']+)': (?!')")
_IN_FILE = re.compile(r" in File: (\S+)")
_PATCH = re.compile(r'unable to parse SM or JSON patch from \[path: "([^"]+)"\]')
_NO_FIELD = re.compile(r"missing (kind|metadata\.name) in object")
_TWICE = re.compile(r"mapping key .* already defined at line")

_LOADED = re.compile(r"^cannot load (Chart\.yaml|values\.yaml): ")
_CHART_LACKS = re.compile(r"^validation: (?=chart\.metadata)")
_RENDERS = re.compile(r"YAML parse error on (\S+): ")

MENDS = (
    ("no matches for Id", "kind, name and namespace in a patch must be those of an object that is built"),
    (
        "may not add resource with an already registered id",
        "an object stands in two files of the build; list one of them, or rename it",
    ),
    ("doc is missing path", "a patch replaces only what is there; mind its path, or say op: add"),
    ("missing in charts", "run `helm dependency update` and commit the directory charts"),
    ("nil pointer evaluating", "what is left of it has no value; give it one, or ask for it by `with` or `default`"),
    ('" not defined', "mind its name; a template of one's own is called by include"),
    ("no template ", "mind its name, or define it in a file of templates"),
    ("specifications of the schema", "mend spec.render.helm.values, or the files in valuesFiles"),
    ("what it renders is no YAML", "`helm template` shows the lines that are meant; mind nindent and quote"),
)
"""By words of Kustomize and Helm, what a person does."""


def kustomize_error(tree: Tree, where: str, said: str, read: Iterable[str]) -> InvalidManifest | RenderFailed:
    """What is wrong with a build.

    Args:
        tree: where it is.
        where: the directory that is built, for people.
        said: Kustomize's words, without paths of the machine.
        read: what the build reads, from the top of the tree.
    """
    file = kustomize_file(said, where)
    files = sorted(read) if _TWICE.search(said) else [file] if file in frozenset(read) else []
    if broken := next((error for name in files if (error := _broken(tree, name)) is not None), None):
        return broken
    place = f"{_place(tree, file, said)}: " if files == [file] else ""
    return RenderFailed(f"{where}: kustomize: {place}{said}{mend_of(said, MENDS)}")


def kustomize_file(said: str, where: str) -> str:
    """The file that Kustomize's words are about, from the top of the tree; empty where they name none. Pure."""
    within = _WITHIN.findall(said)
    named = _IN_FILE.findall(said) or _PATCH.findall(said) or _FROM.findall(said)
    directory = within[-1] if within else where
    return os.path.normpath(join("" if directory == "." else directory, named[-1])) if named else ""


def helm_error(tree: Tree, where: str, said: str) -> InvalidManifest | RenderFailed:
    """What is wrong with a render of the chart in a directory, by Helm's words, which name files from the top of the tree."""
    chart = "" if where == "." else where
    if (loaded := _LOADED.match(said)) and (broken := _broken(tree, join(chart, loaded[1]))) is not None:
        return broken
    said = _CHART_LACKS.sub(f"{join(chart, 'Chart.yaml')}, line 1: ", said)
    said = _RENDERS.sub(r"\1, line 1: what it renders is no YAML: ", said)
    return RenderFailed(f"{where}: helm: {said}{mend_of(said, MENDS)}")


def _broken(tree: Tree, name: str) -> InvalidManifest | None:
    """What plain YAML would say of a file; None when there is none, or nothing is wrong with it."""
    try:
        _documents(tree, name)
    except InvalidManifest as error:
        return error
    return None


def _place(tree: Tree, name: str, said: str) -> str:
    """Where the document begins that lacks what it must have, as `app/web.yaml, line 5`; else the beginning of the file."""
    lacks = {"kind": lambda found: not found.get("kind"), "metadata.name": _is_nameless}
    if missing := _NO_FIELD.search(said):
        return next((raw.source for raw in _documents(tree, name) if lacks[missing[1]](raw.document)), f"{name}, line 1")
    return f"{name}, line 1"


def _is_nameless(document: Mapping[str, Any]) -> bool:
    metadata = document.get("metadata")
    return not (isinstance(metadata, dict) and metadata.get("name"))


def _documents(tree: Tree, name: str) -> list[RawDocument]:
    """The documents of a file, none where there is no such file; raises InvalidManifest."""
    path = tree.root / name
    if not path.is_file():
        return []
    with path.open("rb") as stream:
        return parse_documents(stream.read(LIMIT_BYTES + 1), name=name)
