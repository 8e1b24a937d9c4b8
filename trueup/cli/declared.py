"""What is declared, for commands that need no running Trueup: in files where a directory is named, else in the cluster."""

from dataclasses import replace
from pathlib import Path

from reconciler.declarations.files import load
from reconciler.declarations.policies import load as load_policies
from reconciler.declarations.policies import ruled
from reconciler.declarations.resources import Resource, accept, allowance_of
from reconciler.errors import Stalled, TrueupError
from reconciler.kube.config import Access
from reconciler.kube.resources import find
from reconciler.model.declared import IN_CLUSTER, Allowance, Application, Declarations, Instance, Name
from reconciler.settings import ReconcilerSettings
from trueup.cli.output import ExitCode, Failure

NEITHER = "set TRUEUP_DECLARATIONS to the directory of declarations, or KUBECONFIG to reach a cluster that has them"


async def declarations(settings: ReconcilerSettings) -> Declarations:
    """What the directory TRUEUP_DECLARATIONS declares; without one what the cluster `in-cluster` does.

    Raises:
        Failure: when that is nothing, or has mistakes.
    """
    found = await _in_cluster(settings) if settings.declarations is None else _in_files(settings)
    return found if settings.policies is None else _with_policies(found, settings.policies)


def application_of(declared: Declarations, name: Name) -> Application:
    """One application that is in force.

    Raises:
        Failure: when it is not, with those that are.
    """
    found = declared.applications.get(name)
    if found is not None:
        return found
    if name in declared.refused:
        raise Failure(f"Application {name} is declared and cannot be in force; why stands in its condition Ready")
    known = ", ".join(str(known) for known in sorted(declared.applications)) or "none"
    raise Failure(f"there is no Application {name}; there are: {known}")


def _in_files(settings: ReconcilerSettings) -> Declarations:
    assert settings.declarations is not None
    try:
        loaded = load(settings.declarations)
    except TrueupError as error:
        raise Failure.of(error) from error
    if loaded.problems:
        raise Failure(f"{loaded.problems[0]} (trueup validate shows all {len(loaded.problems)})")
    return loaded.declarations


def _with_policies(found: Declarations, file: Path) -> Declarations:
    loaded = load_policies(file)
    if loaded.problems:
        raise Failure(f"{loaded.problems[0]} (trueup validate shows all {len(loaded.problems)})")
    return replace(found, applications=ruled(found.applications, loaded.rules))


async def _in_cluster(settings: ReconcilerSettings) -> Declarations:
    access = Access.of(settings, IN_CLUSTER)
    try:
        found = await find(access, Instance(settings.instance), settings)
    except Stalled as error:
        raise Failure(f"{error}; {NEITHER}", ExitCode.USAGE if settings.kubeconfig is None else ExitCode.FAILED) from error
    except TrueupError as error:
        raise Failure.of(error) from error
    if found is None:
        raise Failure(
            f"{access}: the cluster does not serve Applications and Repositories: trueup crds | kubectl apply -f -; or {NEITHER}"
        )
    return _accepted(found, settings)


def _accepted(found: list[Resource], settings: ReconcilerSettings) -> Declarations:
    def allowed(namespace: str) -> Allowance:
        return allowance_of(namespace, settings.allowances, is_resource=True)

    return accept(found, Declarations(), allowed).declarations
