"""A pytest plugin that takes one guard out before its module is imported: `TRUEUP_WITHOUT=NAME pytest -p tests.guards.without`.

Nothing is written: the module is compiled from its changed source, in this process only.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from tests.guards.guard import Guard
from tests.guards.table import GUARDS


class _Without(SourceFileLoader):
    """Compiles one module without its guard."""

    guard: Guard

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - there is one only
        return compile(self.guard.taken_out(), self.path, "exec")


class _Finder(MetaPathFinder):
    """Finds the one module that has the guard."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self._guard.dotted:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Without(fullname, spec.origin)
            spec.loader.guard = self._guard
        return spec


def _take_out(name: str) -> None:
    guard = next(guard for guard in GUARDS if guard.name == name)
    if guard.dotted in sys.modules:
        raise ImportError(f"{guard.dotted} was imported already")
    sys.meta_path.insert(0, _Finder(guard))


if wanted := os.environ.get("TRUEUP_WITHOUT"):
    _take_out(wanted)
