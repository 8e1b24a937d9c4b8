"""Files that a render takes from another source of its application: `$values/prod.yaml` in `valuesFiles`.

They are read from the mirror by whoever asks for the render, and handed in: a renderer sees one tree and no other.
"""

import asyncio
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import InvalidManifest, TrueupError
from reconciler.git.mirror import Mirror
from reconciler.model.declared import Application, GitSource, Name
from reconciler.model.outcome import Revision
from reconciler.model.rendering import RenderOptions, borrowed
from reconciler.sync.gaps import refused_at
from reconciler.sync.large import large_content

FILE_BYTES = 5 * 1024 * 1024
"""The largest file of values."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """What one source is given of others."""

    files: tuple[tuple[str, str], ...] = ()
    """As they are named, and what is in them; those that are not there are left out."""
    read: Mapping[Name, frozenset[str]] = field(default_factory=dict)
    """Paths by repository."""
    probed: Mapping[Name, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Loan:
    """One file that is named."""

    named: str
    """`$values/prod.yaml`."""
    repository: Name
    commit: str
    path: str


Checkout = tuple[Name, str]
"""A repository and a commit of it."""


class Lender:
    """Reads what several sources borrow: of each commit all files at once."""

    def __init__(self, mirrors: Mapping[Name, Mirror], *, is_trusted: bool = True) -> None:
        self._mirrors = mirrors
        self._is_trusted = is_trusted

    async def lend(self, wanted: Sequence[tuple[Application, Sequence[Revision], RenderOptions]]) -> list[Borrowed | TrueupError]:
        """What each gets, or why not.

        Args:
            wanted: applications with the commits of their sources, and how one of these is rendered.
        """
        loans = [_loans(application, revisions, options) for application, revisions, options in wanted]
        asked: dict[Checkout, set[str]] = {}
        for loan in (loan for found in loans if not isinstance(found, TrueupError) for loan in found):
            asked.setdefault((loan.repository, loan.commit), set()).add(loan.path)
        answers = dict(zip(asked, await asyncio.gather(*(self._read(*one) for one in asked.items())), strict=True))
        return [found if isinstance(found, TrueupError) else _handed_out(found, answers) for found in loans]

    async def _read(self, checkout: Checkout, paths: set[str]) -> Mapping[str, bytes | TrueupError] | TrueupError:
        mirror = self._mirrors[checkout[0]]
        try:
            gaps = await mirror.ensure(checkout[1], is_trusted=self._is_trusted)
            found = await mirror.files(checkout[1], sorted(paths), limit_bytes=FILE_BYTES)
            refused = {path: error for path in paths if (error := refused_at(gaps, path))}
            if not mirror.repository.lfs:
                return {**found, **refused}
            return {**await large_content(mirror, found, limit_bytes=FILE_BYTES, is_trusted=self._is_trusted), **refused}
        except TrueupError as error:
            return error


def _loans(application: Application, revisions: Sequence[Revision], options: RenderOptions) -> list[_Loan] | TrueupError:
    lenders: dict[str, tuple[GitSource, Revision]] = {
        source.ref: (source, revision) for source, revision in zip(application.sources, revisions, strict=True) if source.ref
    }
    found: list[_Loan] = []
    for named in borrowed(options):
        ref, _, rest = named[1:].partition("/")
        if ref not in lenders:
            return InvalidManifest(f"{application.name}: {named}: no source has ref: {ref}")
        source, revision = lenders[ref]
        path = posixpath.normpath(rest)
        if rest.startswith("/") or path in (".", "..") or path.startswith("../") or "\0" in path:
            return InvalidManifest(f"{application.name}: {named}: must be a path within the repository {source.repository}")
        found.append(_Loan(named, source.repository, revision.commit, path))
    return found


def _handed_out(
    loans: Sequence[_Loan], answers: Mapping[Checkout, Mapping[str, bytes | TrueupError] | TrueupError]
) -> Borrowed | TrueupError:
    files: dict[str, str] = {}
    read: dict[Name, frozenset[str]] = {}
    probed: dict[Name, frozenset[str]] = {}
    for loan in loans:
        answer = answers[loan.repository, loan.commit]
        if isinstance(answer, TrueupError):
            return answer
        content = answer.get(loan.path)
        if isinstance(content, TrueupError):
            return content
        where = probed if content is None else read
        where[loan.repository] = where.get(loan.repository, frozenset()) | {loan.path}
        if content is not None:
            try:
                files[loan.named] = content.decode()
            except UnicodeDecodeError:
                return InvalidManifest(f"{loan.named}: is no text")
    return Borrowed(tuple(files.items()), read, probed)
