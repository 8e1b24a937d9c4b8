"""What is rendered instead of what is declared: other revisions, and directories of this machine, by repository."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from reconciler.errors import SourceRefused
from reconciler.git.mirror import Mirror
from reconciler.git.snapshot import snapshot
from reconciler.model.declared import Application, Name, Repository
from reconciler.model.outcome import Revision
from reconciler.model.revisions import is_commit, is_range, resolve
from reconciler.sync.source import Target, Workshop
from trueup.cli.output import ExitCode, Failure

revision_option = click.option(
    "--revision",
    "revisions",
    multiple=True,
    metavar="[REPOSITORY=]REVISION",
    help="A branch, tag, range of tags or full commit hash instead of the declared one.",
)

directory_option = click.option(
    "--source-dir",
    "directories",
    multiple=True,
    metavar="[REPOSITORY=]PATH",
    help="The top of a working directory instead of the repository: with changes that are not committed, without what .gitignore names.",
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stands in the place of an application's sources."""

    revisions: Mapping[Name, str] = field(default_factory=dict)
    directories: Mapping[Name, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, application: Application, revisions: Sequence[str], directories: Sequence[str]) -> "Chosen":
        """What was asked for.

        Raises:
            Failure: when it is not clear of which repository.
        """
        chosen = cls(
            dict(_named(application, text, "--revision") for text in revisions),
            {name: Path(path) for name, path in (_named(application, text, "--source-dir") for text in directories)},
        )
        if both := sorted(chosen.revisions.keys() & chosen.directories.keys()):
            raise Failure(f"{both[0]}: --revision and --source-dir exclude each other", ExitCode.USAGE)
        return chosen

    @asynccontextmanager
    async def target(self, application: Application, workshop: Workshop) -> AsyncIterator[tuple[Target, Workshop]]:
        """The application at the newest commits of its revisions, or at what was asked for, and where that is rendered.

        Raises:
            SourceRefused: when a repository has no such revision, or there is no such directory.
        """
        async with AsyncExitStack() as stack:
            repositories = dict(workshop.repositories)
            commits: dict[Name, str] = {}
            for name, directory in self.directories.items():
                made = await stack.enter_async_context(snapshot(repositories[name], directory, workshop.mirrors))
                repositories[name], commits[name] = made
            revisions = [
                Revision("", commits[source.repository])
                if source.repository in commits
                else await _found(
                    self.revisions.get(source.repository) or source.revision,
                    workshop.mirrors.of(repositories[source.repository]),
                    repositories[source.repository],
                )
                for source in application.sources
            ]
            yield Target(application, tuple(revisions)), replace(workshop, repositories=repositories)


async def _found(wanted: str, mirror: Mirror, repository: Repository) -> Revision:
    if is_commit(wanted):
        return Revision("", wanted)
    try:
        ref = resolve(wanted, heads := await mirror.heads([wanted]))
    except ValueError as error:
        raise SourceRefused(f"{wanted!r}: {error}") from error
    if ref is None:
        raise SourceRefused(f"{repository.name} has no {'tag within' if is_range(wanted) else 'branch or tag'} {wanted!r}")
    return Revision(ref, heads[ref])


def _named(application: Application, text: str, option: str) -> tuple[Name, str]:
    """Which repository is meant, and what of it."""
    repositories = sorted({source.repository for source in application.sources})
    before, sign, after = text.partition("=")
    for name in repositories:
        if sign and before in (str(name), name.name if name.namespace == application.name.namespace else ""):
            return name, after
    if len(repositories) > 1:
        one = " or ".join(
            f"{option} {name.name if name.namespace == application.name.namespace else name}=…" for name in repositories
        )
        raise Failure(f"{text!r}: which repository? write {one}", ExitCode.USAGE)
    return repositories[0], text
