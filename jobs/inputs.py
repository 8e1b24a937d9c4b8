"""What the applications of a repository were rendered from, kept in memory: a push costs what it changes, however many there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.store.heads import HeadStore, InputRecord
from reconciler.model.declared import Application, Name
from reconciler.plan.affected import InputTrie


@dataclass(slots=True)
class _Followers:
    """Who follows a ref, and which of them are declared otherwise than they were rendered, or were never rendered."""

    applications: Mapping[str, Application]
    unlike: set[str]

    def compare(self, name: str, digest: str | None) -> None:
        """Take in what an application was rendered from."""
        application = self.applications.get(name)
        if application is not None and application.digest != digest:
            self.unlike.add(name)
        else:
            self.unlike.discard(name)


class InputCache:
    """The inputs of a repository's applications, kept up to date by what changed since the last look.

    A push costs what it changes, however many applications there are.
    """

    def __init__(self) -> None:
        self._number = 0
        self._trie = InputTrie()
        self._digests: dict[str, str] = {}
        self._followers: dict[str, _Followers] = {}
        """By ref."""

    def __contains__(self, application: str) -> bool:
        """Whether it is known what an application was rendered from."""
        return application in self._digests

    def is_otherwise(self, application: Application) -> bool:
        """Whether an application is declared otherwise than it was when it was rendered last, as far as that is known."""
        return self._digests.get(str(application.name), application.digest) != application.digest

    async def refresh(self, heads: HeadStore, repository: str) -> None:
        """Take in what was written since."""
        self._number, found = await heads.inputs_since(repository, self._number)
        for name, record in found.items():
            self._trie.put(Name.parse(name), record.paths)
            self._digests[name] = record.digest
            for followers in self._followers.values():
                followers.compare(name, record.digest)

    def affected(self, ref: str, applications: Mapping[str, Application], changed: frozenset[str]) -> set[str]:
        """Followers of a ref with a changed input, without a known one, or that are declared otherwise than they were rendered."""
        followers = self._followers.get(ref)
        if followers is None or followers.applications is not applications:
            followers = self._followers[ref] = _Followers(applications, set())
            for name in applications:
                followers.compare(name, self._digests.get(name))
        touched = (str(name) for name in self._trie.affected(changed))
        return followers.unlike | {name for name in touched if name in applications}


def input_record(application: Application, paths: Iterable[str]) -> InputRecord:
    """What an application's render depended on, as it is stored."""
    return InputRecord(tuple(sorted(paths)), application.digest)
