"""Where a Repository's webhook hangs at its forge: at the repository itself, or at what holds many, for all that lies within."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from jobs.forges.hooks import Place
from reconciler.model.declared import Repository
from reconciler.urls import scope_contains


def place_of(repository: Repository) -> Place:
    """Where its hook hangs."""
    return Place.OWNER if repository.webhook_scope else Place.REPOSITORY


def holder_of(repository: Repository, declared: Iterable[Repository]) -> Repository:
    """Whose hook a Repository's is: its own, or in its stead what holds it and others.

    The secret of one hook for many is of the lowest generation among those within, which is the last to be revoked.
    """
    scope = repository.webhook_scope
    if not scope:
        return repository
    generations = [r.webhook_generation for r in declared if r.forge is repository.forge and scope_contains(scope, r.scope)]
    return replace(repository, scope=scope, webhook_generation=min(generations, default=repository.webhook_generation))


def registered(declared: Collection[Repository]) -> Mapping[str, Repository]:
    """The hooks that are to be registered, by the Repository whose token does it: of those that share one, the first by name.

    Repositories that name one scope with several tokens have it looked at with each: none can keep another from its hook.
    """
    found: dict[tuple[object, ...], Repository] = {}
    for repository in sorted((r for r in declared if r.webhook_register), key=lambda r: r.name):
        shared = (repository.forge, repository.webhook_scope, repository.api, repository.webhook_secret)
        key = shared if repository.webhook_scope else (repository.name,)
        if key not in found:
            found[key] = holder_of(repository, declared)
    return {str(hook.name): hook for hook in found.values()}
