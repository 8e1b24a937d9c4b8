"""What applications that are gone have left in a held cluster: deleted where they said so, within the guards; else left and reported.

Gone is whoever is not declared any more in declarations that were read completely. A resource that is deleted waits for this by its
finalizer; the objects of an application that stood in a file say themselves that they go along. Nothing is deleted while an application
that may want an object is not rendered, and never because something was moved or renamed.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from jobs.connection import forever
from jobs.holder.farewells import Farewells
from jobs.holder.held import Held
from jobs.observe import Progress, hold_records, step_record
from jobs.records import ApplicationRecord, JobKind, JobRecord, SyncRecord
from jobs.replies import OrphanRecord
from reconciler.declarations.resources import renamed_to
from reconciler.declarations.tell import held_status
from reconciler.errors import Stalled, Waiting
from reconciler.model.declared import EVERYTHING, Application, Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Hold, Revision, SyncReport, SyncState, digest_of
from reconciler.model.policy import DeletionPolicy
from reconciler.plan.prune import vanished
from reconciler.plan.removal import doomed
from reconciler.sync.remove import RETRY_SECONDS, Removal, removal_request, remove

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""How often it is looked who is gone."""

REFUSED_SECONDS = 60.0
"""When a deletion that was refused is tried again, while an Application waits for it."""

UNMEANT = "its objects are left, since nobody said that they go along"


class Removals:
    """The removals of one held cluster."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._gone_since: dict[Name, float] = {}
        self._asked: dict[Name, str] = {}
        """For whom there is a job, and for which of several of one name: the resource's uid."""
        self._approved: dict[str, frozenset[ObjectKey]] = {}
        """By digest: what is left of a set that is being deleted has another one."""
        self._farewells = Farewells(held)
        self._found: tuple[tuple[object, ...], Mapping[Name, Hold]] = (), {}
        """Who was gone when it was last looked, and what that depended on."""

    def orphans(self) -> tuple[OrphanRecord, ...]:
        """What was left here, by application."""
        found = []
        for name in self._vanished():
            keys = doomed(removal_request(Removal(name), self._held.environment))
            if keys:
                objects = tuple(str(key) for key in keys)
                record = OrphanRecord(
                    application=str(name),
                    cluster=self._held.name,
                    reason=self._why(name),
                    objects=objects,
                    digest=digest_of(keys),
                )
                found.append(record)
        return tuple(found)

    async def look_forever(self) -> None:
        """Make a job for everybody who is gone and said that the objects go too."""
        await forever("removals", self._look, LOOK_SECONDS)

    async def work(self, job: JobRecord) -> Sequence[SyncReport]:
        """Do the part of a job that is about applications that are gone; their records are written."""
        names = sorted(Name.parse(name) for name in job.applications)
        reports = []
        for name in names:
            async with self._held.turns.between(name):
                reports.append(await self._remove(job, name))
        return reports

    def is_about(self, job: JobRecord) -> bool:
        """Whether a job is about applications that are gone, or about to."""
        leaving = self._leaving()
        return job.kind is JobKind.REMOVAL or (
            job.kind is JobKind.APPROVAL and any(Name.parse(name) in leaving for name in job.applications)
        )

    async def _look(self) -> None:
        held, resources = self._held, self._held.context.resources
        for name, application in self._leaving().items():
            resource = resources.application(name)
            is_meant = application.sync.deletion is DeletionPolicy.PRUNE
            if resource is not None and is_meant and self._asked.get(name) != resource.uid:
                self._asked[name] = resource.uid
                await self._begin([name], application.destination.cluster)
        vanished_now = self._due()
        new = [name for name in vanished_now if name not in self._asked]
        if new:
            self._asked |= dict.fromkeys(new, "")
            await self._begin(new, held.name)
        present = {*self._leaving(), *vanished_now}
        self._asked = {name: uid for name, uid in self._asked.items() if name in present}

    async def _begin(self, names: Sequence[Name], cluster: str) -> None:
        context = self._held.context
        record = context.record(JobKind.REMOVAL, applications=tuple(str(name) for name in names), cluster=cluster)
        log.info("removal.begins", applications=record.applications, cluster=cluster, job=record.id)
        await context.enqueue(record)

    def _due(self) -> list[Name]:
        """Who has been missing from the files for long enough, and left objects that go along."""
        held = self._held
        if not held.context.declarations.is_complete:
            self._gone_since.clear()
            return []
        now, delay = time.monotonic(), held.context.settings.removal_delay
        gone = [
            name for name in self._vanished() if self._goes_along(name) and name not in held.context.declarations.applications
        ]
        self._gone_since = {name: self._gone_since.get(name, now) for name in gone}
        return [name for name, since in self._gone_since.items() if now - since >= delay]

    def _goes_along(self, name: Name) -> bool:
        return any(owned.goes_along for owned in self._held.cluster.index.owned_by(name).values())

    def _vanished(self) -> Mapping[Name, Hold]:
        """Who owns objects here and is not declared for this cluster; those that are declared and refused are not gone."""
        declarations, index = self._held.context.declarations, self._held.cluster.index
        applications = self._held.environment.applications
        basis = declarations, applications, index.changes
        if basis != self._found[0]:
            known = {*applications, *self._leaving(), *declarations.refused}
            self._found = basis, vanished(index.owned, frozenset(known))
        return self._found[1]

    def _leaving(self) -> Mapping[Name, Application]:
        leaving = self._held.context.declarations.leaving
        return {name: a for name, a in leaving.items() if a.destination.cluster in self._held.names}

    def _known(self, name: Name) -> Application | None:
        """How somebody is declared who leaves, or was before."""
        return self._leaving().get(name) or self._held.before.get(name)

    def _why(self, name: Name) -> str:
        declared = self._held.context.declarations.applications.get(name)
        if declared is not None:
            return f"{name} was moved to cluster {declared.destination.cluster}"
        if (new := self._renamed(name)) is not None:
            return f"{name} is called {new} now"
        return f"{name} is not declared any more"

    def _renamed(self, name: Name) -> Name | None:
        """Under which name an application goes on that is not declared under this one."""
        known = self._known(name)
        others = self._held.context.declarations.applications.values()
        if known is not None and (new := renamed_to(known, others)) is not None:
            return new
        index, desired = self._held.cluster.index, self._held.environment.desired
        heirs = (desired.declared_by(key) for key in index.owned_by(name))
        return next((names[0] for names in heirs if names), None)

    async def _remove(self, job: JobRecord, name: Name) -> SyncReport:
        """One application's removal, told in the job, in its record and in its status."""
        held, context = self._held, self._held.context
        progress = Progress(context.jobs, job.id, held.name)
        began = datetime.now(UTC)
        leaving = self._leaving().get(name)
        report = _with_command(await self._report(job, name, progress), name, leaving)
        await context.jobs.put_syncs(job.id, [_record(report, held.name, began)])
        if report.state is SyncState.SUCCEEDED:
            await held.decide(name, lambda intent: replace(intent, ends_with_hooks=False))
        if leaving is not None:
            await self._note(leaving, job, report)
            await self._tell(leaving, report)
        return report

    async def _report(self, job: JobRecord, name: Name, progress: Progress) -> SyncReport:
        try:
            wanted = await self._wanted(job, name, progress)
            if not wanted.approved and (reason := self._unsafe()):
                return SyncReport(name, Revision("", ""), SyncState.WAITING, reason, retry_seconds=RETRY_SECONDS)
            return await remove(wanted, self._held.environment, progress)
        except Stalled as error:
            return SyncReport(name, Revision("", ""), SyncState.FAILED, str(error))
        except Waiting as error:
            return SyncReport(name, Revision("", ""), SyncState.WAITING, str(error), retry_seconds=error.retry_seconds)

    async def _wanted(self, job: JobRecord, name: Name, progress: Progress) -> Removal:
        """What is to be removed of an application, and whether that was meant.

        Raises:
            Stalled: when it is declared here again.
        """
        held = self._held
        if name in held.environment.applications:
            raise Stalled(f"{name} is declared for this cluster; what it does not render is pruned by its syncs")
        leaving = self._leaving().get(name)
        allowance = leaving.allowance if leaving else EVERYTHING
        last_hooks = self._farewells.due(name, self._known(name), progress)
        if approved := self._approval(job, name):
            return Removal(name, approved=approved, allowance=allowance, last_hooks=last_hooks)
        beside = sum(len(held.cluster.index.owned_by(other)) for other in self._present() if other != name)
        unmeant = await self._unmeant(name, leaving) or self._farewells.impossible(name, self._known(name))
        only_marked = leaving is None
        return Removal(
            name, unmeant, deletions_beside=beside, allowance=allowance, only_marked=only_marked, last_hooks=last_hooks
        )

    def _approval(self, job: JobRecord, name: Name) -> frozenset[ObjectKey]:
        """The objects that a person approved; nothing when that was another set."""
        if not job.approves:
            return frozenset()
        keys = doomed(removal_request(Removal(name), self._held.environment))
        if digest_of(keys) == job.approves:
            self._approved[job.approves] = frozenset(keys)
        return self._approved.get(job.approves, frozenset())

    def _present(self) -> frozenset[Name]:
        """Everybody whose objects go at this time."""
        leaving = {name for name, a in self._leaving().items() if a.sync.deletion is DeletionPolicy.PRUNE}
        return frozenset({*leaving, *self._gone_since})

    async def _unmeant(self, name: Name, leaving: Application | None) -> str:
        """Why its objects are not to go by themselves; empty when they are."""
        declarations = self._held.context.declarations
        if name in declarations.applications:
            return f"{self._why(name)}; what it left here is removed by hand"
        if (new := self._renamed(name)) is not None:
            return f"{name} is called {new} now; what it left is removed by hand"
        if leaving is not None:
            if leaving.sync.deletion is not DeletionPolicy.PRUNE:
                return UNMEANT
            if await self._held.context.resources.is_definition_leaving():
                return "the kind Application itself is being deleted, and nobody meant the objects"
            return ""
        if not declarations.applications:
            return "nothing is declared any more at all"
        return "" if self._goes_along(name) else UNMEANT

    def _unsafe(self) -> str:
        """Why nothing may be deleted now."""
        if not self._held.context.declarations.is_complete:
            return "not all declarations could be read; who is missing may be declared there"
        environment = self._held.environment
        unknown = next((name for name in environment.applications if name not in environment.desired), None)
        return f"{unknown} is not rendered yet, and may want some of the objects" if unknown else ""

    async def _tell(self, application: Application, report: SyncReport) -> None:
        """In the status of one that leaves; it goes when nothing of it is left."""
        name, resources = application.name, self._held.context.resources
        if report.state is SyncState.SUCCEEDED:
            for _ in range(5):
                resource = resources.application(name)
                if resource is None or await resources.set_finalizer(resource, is_wanted=False):
                    return
                await resources.look_again(resource)
            return
        message = f"{report.message}; {way_out(name)}"
        self._held.standing.leaves(application, str(report.state).capitalize(), message, held_status(report))

    async def _note(self, application: Application, job: JobRecord, report: SyncReport) -> None:
        """In the record of one that leaves, so that it can be looked at and approved."""
        store, now = self._held.context.applications, datetime.now(UTC)
        name = str(application.name)
        news = {
            "state": report.state, "message": report.message, "job": job.id, "holds": hold_records(report.holds),
            "held_digest": report.held_digest, "updated": now,
        }  # fmt: skip
        async with self._held.noting:
            known = await store.get(name) or ApplicationRecord(
                name=name, repository=str(application.sources[0].repository), cluster=self._held.name, updated=now
            )
            await store.put([known.model_copy(update=news)])


def way_out(name: Name) -> str:
    """How people let an Application go at once that waits for its objects."""
    patch = """'{"spec":{"sync":{"deletionPolicy":"orphan"}}}'"""
    return f"to leave its objects: kubectl -n {name.namespace} patch tapp {name.name} --type merge -p {patch}"


def _with_command(report: SyncReport, name: Name, leaving: Application | None) -> SyncReport:
    """What is held says how it is approved; of a resource, what failed is tried again until it is let go."""
    if report.held_digest:
        way = f"trueup app approve {name}" if leaving else f"trueup app remove {name} --digest {report.held_digest}"
        return replace(report, message=f"{report.message}; approve with: {way}")
    if report.state is SyncState.FAILED and leaving is not None:
        return replace(report, state=SyncState.WAITING, retry_seconds=REFUSED_SECONDS)
    return report


def _record(report: SyncReport, cluster: str, began: datetime) -> SyncRecord:
    return SyncRecord(
        application=str(report.application), cluster=cluster, revision="", state=report.state, message=report.message, started=began,
        finished=datetime.now(UTC), steps=tuple(step_record(step) for step in report.steps), holds=hold_records(report.holds),
        held_digest=report.held_digest,
    )  # fmt: skip
