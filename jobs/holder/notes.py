"""What is written down when a sync has ended: what its renders depended on, how its applications are, and what that settles."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from jobs.dora import DeploymentRecord
from jobs.holder.delivered import count, deployments
from jobs.holder.held import Held
from jobs.holder.ready import Head, windows_of_instance
from jobs.inputs import input_record
from jobs.observe import hold_records, unhealthy_records
from jobs.records import ApplicationRecord, JobRecord, OutcomeRecord, SourceRecord, SyncRecord
from jobs.store.heads import InputRecord
from reconciler.declarations.tell import Synced
from reconciler.model.declared import Name
from reconciler.model.hooks import Phase
from reconciler.model.intent import Healthy, Intent
from reconciler.model.outcome import Action, HealthStatus, SyncReport, SyncState
from reconciler.model.policy import OnFailure
from reconciler.plan.intent import describe_rollback, released
from reconciler.sync.run import Outcome
from reconciler.sync.source import Target

HEALTHY = frozenset({SyncState.SUCCEEDED, SyncState.HELD})
"""Everything of a revision was applied, and is healthy."""

Heads = Mapping[Name, Head]
"""Of the targets that are held at other commits."""


async def note(held: Held, job: JobRecord, targets: Sequence[Target], outcome: Outcome, heads: Heads) -> None:
    """Write down what was rendered and applied, and how the applications are; in a few steps, however many they are.

    The job is given with its syncs, which have the times.
    """
    context, pairs = held.context, list(zip(targets, outcome.reports, strict=True))
    for repository, records in _inputs(targets, outcome, heads).items():
        await context.heads.put_inputs(repository, records)
    for repository, given in _outside(outcome).items():
        await context.heads.put_outside(repository, given)
    for (repository, ref, commit), names in _clean(targets, outcome, heads).items():
        await context.heads.clean(repository, ref, commit, names)
    await _settle(held, pairs, heads)
    intents = await held.cluster.records.intents()
    async with held.noting:
        known = await context.applications.get_many([str(target.name) for target in targets])
        told = [_record(held, job, target, report, known.get(str(target.name))) for target, report in pairs]
        await context.applications.put(_decided(held, r, t, intents, heads) for r, (t, _) in zip(told, pairs, strict=True))
        done = await deployments(held, job, pairs, known)
        syncs = {sync.application: sync for sync in job.syncs}
        ended = {
            name: _outcome(held, job, t, r, outcome).model_copy(update=_times(syncs.get(name), done.get(name)))
            for t, r in pairs
            if r.state is not SyncState.WAITING and (name := str(t.name))
        }
        await context.applications.add_outcomes(ended)
        await context.applications.add_deployments(done.values())
    count(done.values())
    for target, report in pairs:
        held.standing.synced(target.application, _synced(held, job, target, report))


async def _settle(held: Held, pairs: Sequence[tuple[Target, SyncReport]], heads: Heads) -> None:
    """Change in the cluster what a sync has settled: an approval is used, newer content is healthy."""
    intents = await held.cluster.records.intents()
    for target, report in pairs:

        def settled(intent: Intent, target: Target = target, report: SyncReport = report) -> Intent:
            return _settled(held, target, report, intent, is_held=target.name in heads)

        known = intents.get(target.name, Intent())
        if settled(known) != known:
            await held.decide(target.name, settled)


def _settled(held: Held, target: Target, report: SyncReport, intent: Intent, *, is_held: bool) -> Intent:
    if report.state is SyncState.SUCCEEDED and any(step.action is Action.DELETE for step in report.steps):
        intent = replace(intent, approval=None)
    if target.application.sync.on_failure is not OnFailure.ROLLBACK:
        intent = replace(intent, fallback=None)
    if is_held or report.state not in HEALTHY:
        return intent
    rendering, known = held.environment.desired.of(target.name), intent.fallback
    if rendering is not None:
        intent = replace(intent, ends_with_hooks=rendering.ends_with_hooks)
    if target.application.sync.on_failure is OnFailure.ROLLBACK and rendering is not None:
        healthy = Healthy(target.commits, rendering.content, datetime.now(UTC).isoformat())
        is_new = known is None or (known.digest, len(known.commits)) != (healthy.digest, len(healthy.commits))
        intent = replace(intent, fallback=healthy) if is_new else intent
    return released(intent)


def _inputs(targets: Sequence[Target], outcome: Outcome, heads: Heads) -> Mapping[str, Mapping[str, InputRecord]]:
    """By repository and application; of one that is held, what its head depends on, as far as that was looked at."""
    applications = {target.name: target.application for target in targets}
    found: dict[str, dict[str, InputRecord]] = {}
    for name, own in outcome.inputs.items():
        by_repository = heads[name].inputs if name in heads else own
        for repository, inputs in by_repository.items():
            record = input_record(applications[name], inputs.read | inputs.probed)
            found.setdefault(str(repository), {})[str(name)] = record
    return found


def _outside(outcome: Outcome) -> Mapping[str, Mapping[str, str]]:
    """By repository and application: a name for the ConfigMaps and Secrets that were read for it."""
    found: dict[str, dict[str, str]] = {}
    for name, by_repository in outcome.inputs.items():
        for repository, inputs in by_repository.items():
            if inputs.outside:
                found.setdefault(str(repository), {})[str(name)] = inputs.outside
    return found


def _clean(targets: Sequence[Target], outcome: Outcome, heads: Heads) -> Mapping[tuple[str, str, str], Sequence[str]]:
    """The applications that are in the cluster as in a commit, or as was decided about it, by repository, ref and commit."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for target, report in zip(targets, outcome.reports, strict=True):
        if was_applied(report) and target.name in outcome.inputs:
            about = heads[target.name].target if target.name in heads else target
            for source, revision in zip(target.application.sources, about.revisions, strict=True):
                found.setdefault((str(source.repository), revision.ref, revision.commit), []).append(str(target.name))
    return found


def _record(held: Held, job: JobRecord, target: Target, report: SyncReport, known: ApplicationRecord | None) -> ApplicationRecord:
    application, is_live = target.application, is_there(report)
    if report.state is SyncState.WAITING and known is not None:
        news = {"state": report.state, "message": report.message, "desired": str(target.revision), "job": job.id}
        return known.model_copy(update={**news, "sources": _sources(target, known), "updated": datetime.now(UTC)})
    rendering = held.environment.desired.of(application.name)
    return ApplicationRecord(
        name=str(application.name),
        repository=str(application.sources[0].repository),
        revision=str(target.revision) if is_live or known is None else known.revision,
        desired=str(target.revision),
        path=application.sources[0].path,
        sources=_sources(target, None if is_live else known),
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


def _sources(target: Target, known: ApplicationRecord | None) -> tuple[SourceRecord, ...]:
    """Every source with its commit; what is in the cluster is as it was known, where it was."""
    pairs = list(zip(target.application.sources, map(str, target.revisions), strict=True))
    live = [source.revision for source in known.sources] if known else [revision for _, revision in pairs]
    live = live if len(live) == len(pairs) else [""] * len(pairs)
    return tuple(
        SourceRecord(repository=str(source.repository), path=source.path, ref=source.ref, revision=there, desired=desired)
        for (source, desired), there in zip(pairs, live, strict=True)
    )


def _decided(
    held: Held, record: ApplicationRecord, target: Target, intents: Mapping[Name, Intent], heads: Heads
) -> ApplicationRecord:
    """The record with what people decided; a rollback only while it holds."""
    intent, head = intents.get(target.name, Intent()), heads.get(target.name)
    is_put_off = record.state is SyncState.WAITING
    windows = (target.application.sync.windows, windows_of_instance(held))
    return record.model_copy(
        update={
            "pause": intent.pause,
            "rollback": head.rollback if head else (intent.rollback if is_put_off else None),
            "quarantine": intent.quarantine,
            "windows": windows if any(windows) else (),
            "message": f"{describe_rollback(head.rollback)}; {record.message}" if head else record.message,
        }
    )


def _outcome(held: Held, job: JobRecord, target: Target, report: SyncReport, outcome: Outcome) -> OutcomeRecord:
    rendering = held.environment.desired.of(target.name) if target.name in outcome.inputs else None
    return OutcomeRecord(
        revision=str(target.revision),
        commits=target.commits,
        versions=outcome.versions.get(target.name, ()),
        state=report.state,
        message=report.message,
        digest=rendering.content if rendering else "",
        kind=job.kind,
        actor=job.actor,
        started=job.created,
        received=job.created,
        finished=datetime.now(UTC),
        job=job.id,
    )


def _times(sync: SyncRecord | None, done: DeploymentRecord | None) -> dict[str, datetime | None]:
    """The times of an outcome, as far as they are known; that of the commit where something was touched."""
    times = {"planned": sync.planned, "applied": sync.applied, "healthy": sync.healthy} if sync else {}
    return {**times, "committed": done.committed if done else None}


def _synced(held: Held, job: JobRecord, target: Target, report: SyncReport) -> Synced:
    rendering = held.environment.desired.of(target.name)
    return Synced(
        report,
        is_live=is_there(report),
        objects=len(rendering.manifests) if rendering else 0,
        digest=rendering.content if rendering else "",
        actor=job.actor,
        job=job.id,
    )


def was_applied(report: SyncReport) -> bool:
    """Whether all of a revision is in the cluster, healthy or not."""
    if report.state in (SyncState.SUCCEEDED, SyncState.HELD):
        return True
    is_complete = not report.unreached and not any(step.error for step in report.steps)
    return report.state is SyncState.FAILED and bool(report.unhealthy) and is_complete


def is_there(report: SyncReport) -> bool:
    """Whether the objects of a revision are in the cluster, also where only a hook after them failed.

    Then the application is at that revision, and failed; it is not done with it, so that it is tried again.
    """
    errors = [step for step in report.steps if step.error]
    is_only_after = bool(errors) and all(step.action is Action.RUN and step.reason == Phase.POST_SYNC.reason for step in errors)
    return was_applied(report) or (report.state is SyncState.FAILED and not report.unreached and is_only_after)


def applications_of(job: JobRecord, held: Held) -> list[Name]:
    """The applications of a job that are declared for this cluster."""
    return [name for text in job.applications if (name := Name.parse(text)) in held.environment.applications]
