"""What no single declaration can know: names given twice, references that lead nowhere, circles of dependencies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.declarations.problems import Path, Problem, dotted
from reconciler.model.declared import Application, Name, Repository
from reconciler.yaml.locate import locate


@dataclass(frozen=True, slots=True)
class Written:
    """A declaration with the place where it was written."""

    value: Repository | Application
    file: str
    line: int
    text: bytes
    """The whole file."""

    def problem(self, path: Path, message: str) -> Problem:
        """A mistake in one of its fields."""
        return Problem(self.file, locate(self.text, path, line=self.line), dotted(path), message)


_Known = Mapping[tuple[type, Name], Written]


def cross_check(written: Sequence[Written]) -> Iterator[Problem]:
    """Every mistake between declarations that are right each for itself."""
    known: dict[tuple[type, Name], Written] = {}
    for entry in written:
        twin = known.setdefault((type(entry.value), entry.value.name), entry)
        if twin is not entry:
            yield entry.problem(("metadata", "name"), f"{entry.value.name} stands in {twin.file}:{twin.line} already")
    for entry in written:
        if isinstance(entry.value, Application):
            yield from _references(entry, entry.value, known)
            yield from _circle(entry, entry.value, known)


def _references(entry: Written, application: Application, known: _Known) -> Iterator[Problem]:
    for index, source in enumerate(application.sources):
        if (Repository, source.repository) not in known:
            yield entry.problem(("spec", "sources", index, "git", "repository"), f"there is no Repository {source.repository}")
    for index, name in enumerate(application.depends_on):
        if (Application, name) not in known:
            yield entry.problem(("spec", "dependsOn", index, "name"), f"there is no Application {name}")


def _circle(entry: Written, application: Application, known: _Known) -> Iterator[Problem]:
    """Told once for each application that waits for itself, with the way that leads back to it."""
    ways: list[tuple[Name, ...]] = [(application.name,)]
    reached: set[Name] = set()
    while ways:
        way = ways.pop()
        found = known.get((Application, way[-1]))
        for name in found.value.depends_on if found and isinstance(found.value, Application) else ():
            if name == application.name:
                circle = " -> ".join(str(step) for step in (*way, name))
                yield entry.problem(("spec", "dependsOn"), f"waits for itself: {circle}")
                return
            if name not in reached:
                reached.add(name)
                ways.append((*way, name))
