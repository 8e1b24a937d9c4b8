"""What only the holder of a cluster knows, for those who ask: an application's objects, how they are, what others did; strays.

Nothing is asked of the cluster, unless the asker says so: it is what the index has seen. Values of fields are left out, so that
no secret leaves.
"""

from collections.abc import Mapping
from typing import Any

from jobs.holder.held import Held
from jobs.holder.removals import Removals
from jobs.observe import field_records
from jobs.replies import FindingRecord, OrphanList, ResourceList, ResourceRecord, StrayList, StrayRecord
from reconciler.errors import Stalled
from reconciler.model.declared import Name
from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.outcome import Health, HealthStatus
from reconciler.plan.drift import tolerated
from reconciler.plan.marks import APPLY
from reconciler.sync.desired import Rendering
from reconciler.sync.findings import find, tolerance_of
from reconciler.sync.runs import health_of


class Answers:
    """Answers questions about one held cluster."""

    def __init__(self, held: Held, removals: Removals) -> None:
        self._held = held
        self._removals = removals

    async def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one question.

        `{"resources": "<application>"}`, `{"strays": <whether to look at every kind first>}`, or `{"orphans": true}`.

        Raises:
            Stalled: when there is no answer, with the reason.
        """
        match question:
            case {"resources": str(application)}:
                return self._resources(Name.parse(application)).model_dump(mode="json")
            case {"strays": bool(is_searched)}:
                return (await self._strays(is_searched=is_searched)).model_dump(mode="json")
            case {"orphans": True}:
                return OrphanList(items=self._removals.orphans()).model_dump(mode="json")
            case _:
                raise Stalled(f"this worker does not know the question {', '.join(question)}; is it older than its asker?")

    def _resources(self, application: Name) -> ResourceList:
        rendering = self._held.environment.desired.of(application)
        if rendering is None:
            raise Stalled(f"{application} was not rendered yet in this cluster; its latest job says why")
        mine = self._held.cluster.index.owned_by(application)
        keys = sorted({*rendering.manifests, *mine}, key=str)
        return ResourceList(items=tuple(self._resource(key, rendering) for key in keys))

    async def _strays(self, *, is_searched: bool) -> StrayList:
        cluster = self._held.cluster
        failed = (await cluster.search()).failed if is_searched else ()
        items = (StrayRecord(object=str(key), identity=key.identity) for key in sorted(cluster.strays, key=str))
        return StrayList(items=tuple(items), failed=failed)

    def _resource(self, key: ObjectKey, rendering: Rendering) -> ResourceRecord:
        environment, index = self._held.environment, self._held.cluster.index
        live, owned = index.live(key), index.owned.get(key)
        manifest = rendering.manifests.get(key)
        health = health_of(key, environment) or (None if live else _absent(manifest))
        foreign = (
            tolerated(manifest, live, environment.instance, tolerance_of(key, rendering.application, environment))
            if manifest and live
            else None
        )
        return ResourceRecord(
            object=str(key),
            identity=key.identity,
            is_desired=manifest is not None or key in rendering.hooks,
            is_deleting=bool(owned and owned.deleting),
            health=health.status if health else HealthStatus.PROGRESSING,
            reason=health.reason if health else "its status is not seen yet",
            drift=tuple(FindingRecord(kind=f.kind, fields=field_records(f.fields)) for f in find(key, live, environment)),
            foreign=field_records(foreign.fields) if foreign else (),
        )


def _absent(manifest: Manifest | None) -> Health:
    """How an object is that is not among ours."""
    if manifest is not None and manifest.options.is_left_alone:
        return Health(HealthStatus.UNKNOWN, f"left alone: {APPLY}: {manifest.options.apply}")
    return Health(HealthStatus.MISSING, "not there")
