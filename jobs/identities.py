"""Which repository each Repository is, by the id that its forge never changes.

So one that was renamed or moved to another owner is recognised, and another one that took its name is noticed. An id is learned from
deliveries that were verified, and it decides nothing but whose job a delivery becomes: what is deployed is read at `spec.url`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from jobs import metrics
from jobs.context import Context
from jobs.records import DeliveryRecord, JobRecord
from jobs.store.identities import IdentityRecord, IdentityStore
from reconciler.model.declared import Repository

log = structlog.get_logger()

TROUBLES = 5
"""So many are named where people look whether Trueup is well."""


def recognised(
    before: IdentityRecord | None, repository: Repository, delivery: DeliveryRecord, now: datetime
) -> IdentityRecord | None:
    """What is known of a repository after one of its deliveries; None while nothing is.

    Args:
        before: what was known.
        repository: as it is declared now; what was known of another address does not count.
        delivery: which was verified, and whose repository this is.
        now: for what is told for a while.
    """
    known = before if before is not None and (before.forge, before.scope) == (str(repository.forge), repository.scope) else None
    if not delivery.repository_id:
        return known
    if known is not None and known.id == delivery.repository_id:
        return known if known.renamed == delivery.renamed else known.model_copy(update={"renamed": delivery.renamed})
    if delivery.renamed:
        return known  # it was known by an id that is not its own any more
    news = IdentityRecord(
        repository=str(repository.name), forge=str(repository.forge), scope=repository.scope, id=delivery.repository_id
    )
    return news if known is None else news.model_copy(update={"replaced": known.id, "replaced_at": now})


def mends_of(context: Context, now: datetime) -> Mapping[str, str]:
    """What a person should know, by repository; asked for every second or two, of which few are renamed."""
    moved = [record for record in context.identities.values() if record.renamed or record.replaced]
    return {record.repository: mend for record in moved if context.is_current(record) and (mend := record.mend(now))}


async def recognise(context: Context, job: JobRecord) -> str:
    """Learn from a job's delivery which repository its Repository is; what a person should know of it."""
    repository = context.repository_of(job)
    if job.delivery is None or not job.delivery.repository_id or repository is None:
        return ""
    now, known = datetime.now(UTC), context.identities.get(str(repository.name))
    record = recognised(known, repository, job.delivery, now)
    if record is not None and record != known:  # as nearly never: it may have been learned meanwhile
        record = await _learn(context, repository, job.delivery, now)
    return "" if record is None else record.mend(now)


async def _learn(context: Context, repository: Repository, delivery: DeliveryRecord, now: datetime) -> IdentityRecord | None:
    store = IdentityStore(context.redis, context.keys)
    before = await store.get(str(repository.name))
    record = recognised(before, repository, delivery, now)
    if record is not None and record != before:
        await store.put(record)
        if mend := record.mend(now):
            log.warning("repository.moved", repository=record.repository, note=mend)
    return record


async def keep_identities(context: Context) -> None:
    """Have what was learned since known to receivers, and told where people look."""
    store, declared = IdentityStore(context.redis, context.keys), context.declarations
    number = await store.number()
    if number != context.identities_number:
        context.identities = await store.all()
        await context.publish_scopes()
        context.identities_number = number
    known = {str(name) for name in declared.repositories}
    if declared.is_complete and (gone := context.identities.keys() - known):
        await store.forget(gone)
        context.identities = {name: record for name, record in context.identities.items() if name in known}
    metrics.MOVED.set(len(mends_of(context, datetime.now(UTC))))


def troubles(context: Context) -> str:
    """What people should know of some repositories, where they look whether Trueup is well."""
    found = sorted(mends_of(context, datetime.now(UTC)).values())
    more = f" (and {len(found) - TROUBLES} more)" if len(found) > TROUBLES else ""
    return "; ".join(found[:TROUBLES]) + more
