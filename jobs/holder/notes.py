"""What is written down when a sync has ended: what its renders depended on, and how its applications are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from jobs.follow import input_record
from jobs.holder.held import Held
from jobs.observe import hold_records, unhealthy_records
from jobs.records import ApplicationRecord, JobRecord
from jobs.store.heads import InputRecord
from reconciler.model.declared import Name
from reconciler.model.outcome import Action, HealthStatus, SyncReport, SyncState
from reconciler.sync.run import Outcome
from reconciler.sync.source import Target


async def note(held: Held, job: JobRecord, targets: Sequence[Target], outcome: Outcome) -> None:
    """Write down what was rendered and applied, and how the applications are; in a few steps, however many they are."""
    context = held.context
    for repository, records in _inputs(targets, outcome).items():
        await context.heads.put_inputs(repository, records)
    for (repository, ref, commit), names in _clean(targets, outcome).items():
        await context.heads.clean(repository, ref, commit, names)
    for report in outcome.reports:
        if report.state is SyncState.SUCCEEDED and any(step.action is Action.DELETE for step in report.steps):
            await held.cluster.records.change_intent(report.application, lambda intent: replace(intent, approval=None))
    async with held.noting:
        known = await context.applications.get_many([str(target.name) for target in targets])
        pairs = zip(targets, outcome.reports, strict=True)
        await context.applications.put([_record(held, job, t, r, known.get(str(t.name))) for t, r in pairs])


def _inputs(targets: Sequence[Target], outcome: Outcome) -> Mapping[str, Mapping[str, InputRecord]]:
    """By repository and application."""
    applications = {target.name: target.application for target in targets}
    found: dict[str, dict[str, InputRecord]] = {}
    for name, by_repository in outcome.inputs.items():
        for repository, inputs in by_repository.items():
            record = input_record(applications[name], inputs.read | inputs.probed)
            found.setdefault(str(repository), {})[str(name)] = record
    return found


def _clean(targets: Sequence[Target], outcome: Outcome) -> Mapping[tuple[str, str, str], Sequence[str]]:
    """The applications that are in the cluster as in a commit, by repository, ref and commit."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for target, report in zip(targets, outcome.reports, strict=True):
        if was_applied(report) and target.name in outcome.inputs:
            for source, revision in zip(target.application.sources, target.revisions, strict=True):
                found.setdefault((str(source.repository), revision.ref, revision.commit), []).append(str(target.name))
    return found


def _record(held: Held, job: JobRecord, target: Target, report: SyncReport, known: ApplicationRecord | None) -> ApplicationRecord:
    application, is_live = target.application, was_applied(report)
    rendering = held.environment.desired.of(application.name)
    return ApplicationRecord(
        name=str(application.name),
        repository=str(application.sources[0].repository),
        revision=str(target.revision) if is_live or known is None else known.revision,
        desired=str(target.revision),
        path=application.sources[0].path,
        cluster=application.destination.cluster,
        namespace=application.destination.namespace,
        state=report.state,
        health=report.health.status if is_live else (known.health if known else HealthStatus.UNKNOWN),
        message=report.message,
        objects=len(rendering.manifests) if rendering else 0,
        job=job.id,
        held_digest=report.held_digest,
        holds=hold_records(report.holds),
        unhealthy=unhealthy_records(report.unhealthy),
        drift=known.drift if known else (),
        updated=datetime.now(UTC),
    )


def was_applied(report: SyncReport) -> bool:
    """Whether all of a revision is in the cluster, healthy or not."""
    if report.state in (SyncState.SUCCEEDED, SyncState.HELD):
        return True
    is_complete = not report.unreached and not any(step.error for step in report.steps)
    return report.state is SyncState.FAILED and bool(report.unhealthy) and is_complete


def applications_of(job: JobRecord, held: Held) -> list[Name]:
    """The applications of a job that are declared for this cluster."""
    return [name for text in job.applications if (name := Name.parse(text)) in held.environment.applications]
