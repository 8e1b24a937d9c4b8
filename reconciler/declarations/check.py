"""What no single declaration can know: names given twice, references that lead nowhere or are not allowed, circles of dependencies."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.declarations.problems import Path, Problem, dotted
from reconciler.model.declared import Application, Name, Repository, RepositoryType
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


def cross_check(written: Sequence[Written], mistaken: Collection[tuple[str, Name]] = ()) -> Iterator[Problem]:
    """Every mistake between declarations that are right each for itself.

    Args:
        written: those.
        mistaken: kinds and names of those that are not: who refers to one is not told that it is not there.
    """
    known: dict[tuple[type, Name], Written] = {}
    for entry in written:
        twin = known.setdefault((type(entry.value), entry.value.name), entry)
        if twin is not entry:
            yield entry.problem(("metadata", "name"), f"{entry.value.name} stands in {twin.file}:{twin.line} already")
    repositories = {entry.value.name: entry.value for entry in written if isinstance(entry.value, Repository)}
    applications = {entry.value.name: entry.value for entry in written if isinstance(entry.value, Application)}
    for entry in written:
        if isinstance(entry.value, Application) and not _refers(entry.value, mistaken):
            for path, message in faults(entry.value, repositories, applications):
                yield entry.problem(path, message)


def _refers(application: Application, mistaken: Collection[tuple[str, Name]]) -> bool:
    repositories = [("Repository", source.repository) for source in application.sources]
    return any(one in mistaken for one in (*repositories, *(("Application", name) for name in application.depends_on)))


def faults(
    application: Application, repositories: Mapping[Name, Repository], applications: Mapping[Name, Application]
) -> Iterator[tuple[Path, str]]:
    """What is wrong with an application among the others: the field, and the mistake."""
    for index, source in enumerate(application.sources):
        kind = "git" if RepositoryType.GIT in source.needs else "chart" if RepositoryType.HELM in source.needs else "oci"
        if fault := _fault_of_reference(application.name.namespace, source.repository, repositories):
            yield ("spec", "sources", index, kind, "repository"), fault
        elif (holds := repositories[source.repository].type) not in source.needs:
            wanted = " or ".join(source.needs)
            yield (
                ("spec", "sources", index, kind, "repository"),
                f"Repository {source.repository} is of type {holds}, not {wanted}",
            )
    for index, name in enumerate(application.depends_on):
        if name.namespace == application.name.namespace and name not in applications:
            yield ("spec", "dependsOn", index, "name"), f"there is no Application {name}"
        elif name not in applications or not application.may_wait_for(name):
            yield ("spec", "dependsOn", index, "namespace"), foreign(application, name)
    yield from _circle(application, applications)


def foreign(application: Application, name: Name) -> str:
    """That an application may not wait for another one; whether that is there is nobody's business who may not touch its namespace."""
    return (
        f"there is no Application {name} that {application.name.namespace} may wait for; "
        "TRUEUP_ALLOWANCES says which namespaces it may touch"
    )


def _fault_of_reference(namespace: str, name: Name, repositories: Mapping[Name, Repository]) -> str:
    """Why a Repository cannot be used from a namespace; whether it is there is nobody's business whom it does not allow."""
    repository = repositories.get(name)
    if name.namespace == namespace:
        return "" if repository else f"there is no Repository {name}"
    if repository and repository.allows(namespace):
        return ""
    return f"there is no Repository {name} that allows {namespace}; its spec.allowedNamespaces says who may use it"


def _circle(application: Application, applications: Mapping[Name, Application]) -> Iterator[tuple[Path, str]]:
    """Told once for each application that waits for itself, with the way that leads back to it."""
    ways: list[tuple[Name, ...]] = [(application.name,)]
    reached: set[Name] = set()
    while ways:
        way = ways.pop()
        found = application if len(way) == 1 else applications.get(way[-1])
        for name in found.depends_on if found else ():
            if name == application.name:
                circle = " -> ".join(str(step) for step in (*way, name))
                yield ("spec", "dependsOn"), f"waits for itself: {circle}"
                return
            if name not in reached:
                reached.add(name)
                ways.append((*way, name))
