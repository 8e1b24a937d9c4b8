"""`trueup validate`, `render` and `diff`: what needs no running Trueup."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence, Sized
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import click
import yaml

from jobs.observe import hold_records, policy_records, step_record
from jobs.worker import open_secrets, seal_key
from receiver.settings import ReceiverSettings
from reconciler.artifacts.mirror import Stores
from reconciler.declarations.files import load as load_declarations
from reconciler.declarations.policies import load as load_policies
from reconciler.errors import NotAllowed, Stalled, TrueupError
from reconciler.kube.cluster import open_cluster
from reconciler.kube.config import Access
from reconciler.model.declared import ConfigMapRef, Declarations, Instance, Name, SecretRef, Secrets
from reconciler.model.gates import Finding
from reconciler.model.objects import Kind, Kinds, Manifest
from reconciler.model.outcome import Action
from reconciler.plan.manifest import Stamp, prepare
from reconciler.plan.policy import describe, is_denied, judge
from reconciler.plan.redact import mask
from reconciler.render.renderer import Renderer
from reconciler.sync.environment import Environment
from reconciler.sync.preview import Preview, preview
from reconciler.sync.source import Source, Workshop, load
from trueup.cli.arguments import NameType
from trueup.cli.chosen import Chosen, directory_option, revision_option
from trueup.cli.declared import application_of, declarations
from trueup.cli.output import ExitCode, Failure, Json, json_option, print_json, say
from trueup.cli.serve import load_settings
from trueup.cli.server import run

SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.HOLD: "!",
    Action.DEFER: "?",
    Action.SKIP: "·",
    Action.RUN: ">",
    Action.RELEASE: "↑",
}


class Denied(Failure):
    """A policy denies what would be applied."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(describe(findings), ExitCode.DENIED)
        self.findings = findings


@click.command(epilog="Example: trueup validate deploy/examples")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--policies", type=click.Path(path_type=Path), help="The instance's policies; left out: TRUEUP_POLICIES.")
@json_option
def validate(directory: Path | None, policies: Path | None, as_json: bool) -> None:
    """Check a directory of declarations, and the instance's policies: every mistake with file, line and field."""
    settings = None if directory and policies else load_settings(ReceiverSettings)
    directory = directory or (settings.declarations if settings else None)
    policies = policies or (settings.policies if settings else None)
    if directory is None:
        raise Failure("which directory? trueup validate DIRECTORY, or set TRUEUP_DECLARATIONS", ExitCode.USAGE)
    try:
        loaded = load_declarations(directory)
    except TrueupError as error:
        raise Failure.of(error) from error
    problems = (*loaded.problems, *(load_policies(policies).problems if policies else ()))
    if as_json:
        print_json({"problems": [{"file": p.file, "line": p.line, "field": p.field, "message": p.message} for p in problems]})
    else:
        for problem in problems:
            say(str(problem))
    if problems:
        places = " and ".join(str(place) for place in (directory, policies) if place)
        raise Failure(f"{_count(problems, 'problem')} in {places}")
    found = loaded.declarations
    if not as_json and not (found.repositories or found.applications):
        say(f"{directory} declares nothing; Repositories and Applications stand in files that end with .yaml or .yml")
    elif not as_json:
        say(
            f"{_count(found.repositories, 'repository', 'repositories')} and {_count(found.applications, 'application')}, all good"
        )


def _count(things: Sized, one: str, many: str = "") -> str:
    return f"{len(things)} {one if len(things) == 1 else many or f'{one}s'}"


@click.command(epilog="Example: trueup render my-web-app --source-dir .")
@click.argument("application", type=NameType())
@revision_option
@directory_option
@json_option
def render(application: Name, revisions: tuple[str, ...], directories: tuple[str, ...], as_json: bool) -> None:
    """Print what an application's source renders to, as it would be applied, and what policies say; Secrets are masked."""
    manifests, findings = run(_render(application, revisions, directories))
    documents = [mask(manifest.document) for manifest in manifests]
    if as_json:
        print_json({"items": documents, "policies": _json(findings)})
    else:
        click.echo(yaml.safe_dump_all(documents, sort_keys=False), nl=False)
        if not documents:
            say(f"{application} renders to no object; does spec.sources[].git.path lead to its files?", err=True)
        _say_findings(findings, err=True)
    if is_denied(findings):
        raise Denied(findings)


@click.command(epilog="Example: trueup diff my-web-app; exit code 3 when something differs, 7 when a policy denies it")
@click.argument("application", type=NameType())
@revision_option
@directory_option
@json_option
def diff(application: Name, revisions: tuple[str, ...], directories: tuple[str, ...], as_json: bool) -> None:
    """Show what a sync would change, by the server's own dry run, and what policies say; changes nothing."""
    try:
        found = run(_diff(application, revisions, directories))
    except Denied as denied:
        if as_json:
            print_json({"application": str(application), "policies": _json(denied.findings)})
        else:
            _say_findings(denied.findings)
        raise
    if as_json:
        print_json(
            {
                "application": str(found.plan.application),
                "revision": str(found.plan.revision),
                "steps": [step_record(result).model_dump(mode="json") for result in found.results],
                "kept": found.kept,
                "holds": [hold.model_dump(mode="json") for hold in hold_records(found.plan.holds)],
                "policies": _json(found.findings),
            }
        )
    else:
        _print_preview(found)
    if any(result.error for result in found.results):
        raise SystemExit(ExitCode.FAILED)
    if found.results:
        raise SystemExit(ExitCode.DIFFERS)


def _print_preview(found: Preview) -> None:
    say(f"{found.plan.application} at {found.plan.revision}")
    for result in found.results:
        say(f"{SYMBOLS[result.action]} {result.action} {result.key}  ({result.reason})")
        for field in result.fields:
            say(f"    {field.path}: {field.found or '(not set)'} → {field.desired or '(not set)'}")
        if result.error:
            say(f"    refused: {result.error}")
    for hold in found.plan.holds:
        say(f"! held ({hold.guard}): {hold.reason}")
    _say_findings(found.findings)
    say(f"{len(found.results)} differ, {found.kept} as desired")


def _say_findings(findings: Sequence[Finding], *, err: bool = False) -> None:
    for found in findings:
        say(f"{found.action:5} {found.object}  ({found.rule}) {found.message}", err=err)


def _json(findings: Sequence[Finding]) -> list[Json]:
    return [record.model_dump(mode="json") for record in policy_records(findings)]


class SecretsWhenNeeded:
    """Secrets as a worker reads them; a cluster is reached only when something is read, since most renders need nothing."""

    def __init__(self, settings: ReceiverSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._opening = asyncio.Lock()
        self._secrets: Secrets | None = None

    async def read(self, ref: SecretRef | ConfigMapRef) -> Mapping[str, bytes]:
        """What one holds."""
        async with self._opening:
            if self._secrets is None:
                try:
                    self._secrets = await self._stack.enter_async_context(open_secrets(self._settings))
                except Stalled as error:
                    raise Stalled(f"{ref.namespace}/{ref.name}: {error}, or TRUEUP_SECRETS to a directory of Secrets") from error
        return await self._secrets.read(ref)


@asynccontextmanager
async def _workshop(settings: ReceiverSettings, declared: Declarations) -> AsyncIterator[Workshop]:
    async with AsyncExitStack() as stack, Renderer(settings) as renderer:
        secrets = SecretsWhenNeeded(settings, stack)
        mirrors = Stores(settings, secrets)
        try:
            yield Workshop(mirrors, renderer, declared.repositories, secrets, seal_key=seal_key(settings))
        finally:
            await mirrors.close()


async def _render(
    name: Name, revisions: Sequence[str], directories: Sequence[str]
) -> tuple[Sequence[Manifest], Sequence[Finding]]:
    settings = load_settings(ReceiverSettings)
    declared = await declarations(settings)
    application = application_of(declared, name)
    chosen = Chosen.of(application, revisions, directories)
    try:
        async with _workshop(settings, declared) as shop, chosen.target(application, shop) as (target, workshop):
            source = (await load([target], workshop))[application.name]
    except TrueupError as error:
        raise Failure.of(error) from error
    if not isinstance(source, Source):
        raise Failure.of(source)
    instance, namespace = Instance(settings.instance), application.destination.namespace
    stamp = Stamp(instance, application.name, namespace, seal_key(settings), goes_along=application.goes_along)
    try:
        manifests = prepare(source.documents, stamp, Kinds(_CLUSTER_SCOPED))
    except TrueupError as error:
        raise Failure.of(error) from error
    return manifests, judge(application.policies, application, manifests)


_CLUSTER_SCOPED = [
    Kind(group, version, kind, "", namespaced=False)
    for group, version, kind in (
        ("", "v1", "Namespace"),
        ("", "v1", "PersistentVolume"),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
        ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
        ("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
        ("storage.k8s.io", "v1", "StorageClass"),
        ("scheduling.k8s.io", "v1", "PriorityClass"),
        ("networking.k8s.io", "v1", "IngressClass"),
        ("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"),
        ("apiregistration.k8s.io", "v1", "APIService"),
    )
]
"""`render` asks no cluster; these are known to have no namespace."""


async def _diff(name: Name, revisions: Sequence[str], directories: Sequence[str]) -> Preview:
    settings = load_settings(ReceiverSettings)
    declared = await declarations(settings)
    application = application_of(declared, name)
    chosen = Chosen.of(application, revisions, directories)
    instance = Instance(settings.instance)
    access = Access.of(settings, application.destination.cluster)
    try:
        async with (
            _workshop(settings, declared) as shop,
            chosen.target(application, shop) as (target, workshop),
            open_cluster(access, instance, settings) as cluster,
        ):
            await cluster.resume()
            environment = Environment(
                instance,
                cluster,
                replace(workshop, kinds=lambda: cluster.kinds),
                seal_key(settings),
                applications=declared.applications,
                ignore=settings.ignore,
            )
            return await preview(target, environment)
    except NotAllowed as error:
        raise (Denied(error.findings) if error.findings else Failure.of(error)) from error
    except TrueupError as error:
        raise Failure.of(error) from error
