"""Which refs of a repository its applications mean, as it has them now; and what a range of tags means otherwise than before."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from jobs.context import Context
from reconciler.model.declared import Application, Name, Repository
from reconciler.model.revisions import TAGS, is_range, may_mean, resolve

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Moves:
    """What ranges of tags mean now."""

    moved: frozenset[str] = frozenset()
    """Tags that a range has come to mean instead of another."""
    gone: tuple[str, ...] = ()
    """Tags that a range may have meant, and that are not there any more."""


async def heads_of(context: Context, repository: Repository) -> Mapping[str, str]:
    """Where the refs are that applications follow."""
    return await context.mirrors.of(repository).heads(context.declarations.followers(repository.name))


def followed_refs(context: Context, repository: Repository, heads: Mapping[str, str]) -> list[str]:
    """The refs of a repository that applications follow, as far as the remote has them; a branch before a tag of its name."""
    return sorted({ref for revision in context.declarations.followers(repository.name) if (ref := resolve(revision, heads))})


async def followers_now(
    context: Context, repository: Repository, ref: str, heads: Mapping[str, str] | None = None
) -> Mapping[str, Application]:
    """The applications that follow a ref: of a tag only those that mean it among the refs there are, and no branch or higher version.

    Args:
        context: the worker's means.
        repository: whose ref it is.
        ref: its full name.
        heads: where its refs are; None: they are looked for where that matters.
    """
    applications = context.declarations.following(repository.name, ref)
    if not applications or not ref.startswith(TAGS):
        return applications
    known = await heads_of(context, repository) if heads is None else heads
    return {name: one for name, one in applications.items() if _means(one, repository.name, ref, known)}


def _means(application: Application, repository: Name, ref: str, heads: Mapping[str, str]) -> bool:
    return any(source.repository == repository and resolve(source.revision, heads) == ref for source in application.sources)


async def moves(context: Context, repository: Repository, known: Mapping[str, str], heads: Mapping[str, str]) -> Moves:
    """What ranges mean now that they did not; applications that change over are dirty afterwards.

    A range of which no tag is left means what it did: nothing is taken for deleted that nobody declared so.

    Args:
        context: the worker's means.
        repository: whose refs they are.
        known: where its refs were when they were last looked at.
        heads: where they are.
    """
    followers = context.declarations.followers(repository.name)
    moved: set[str] = set()
    gone: set[str] = set()
    for revision in filter(is_range, followers):
        before, after = resolve(revision, known), resolve(revision, heads)
        if after is None:
            continue
        gone.update(ref for ref in known if ref not in heads and may_mean(revision, ref))
        if before not in (None, after):
            await context.heads.soil(str(repository.name), after, followers[revision])
            moved.add(after)
            log.info("range.moved", repository=str(repository.name), revision=revision, before=before, after=after)
    return Moves(frozenset(moved), tuple(sorted(gone)))


async def forget(context: Context, repository: Repository, ranges: Moves, observation: int) -> None:
    """No longer know tags that are gone, so that no range means them."""
    for ref in ranges.gone:
        await context.heads.forget(str(repository.name), ref, observation)
        log.info("tag.gone", repository=str(repository.name), ref=ref)


def is_left(context: Context, repository: Repository, old: str, new: str) -> bool:
    """Whether all that may have meant one tag by a range of tags may mean another, and mean it by now since it is looked at."""
    if not (old.startswith(TAGS) and new.startswith(TAGS)):
        return False
    followers = context.declarations.followers(repository.name)
    revisions = [revision for revision in followers if may_mean(revision, old)]
    return bool(revisions) and all(is_range(revision) and may_mean(revision, new) for revision in revisions)
