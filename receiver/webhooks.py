"""`POST /webhooks/{provider}/{scope}`: refused in a fixed order, verified before it is parsed, stored before it is answered.

The order: unknown provider 404; encoded body 415; scope not in the table 401, no table yet 503; body too large 413; not signed 401.
After that every request gets 2xx, since forges disable hooks that answer otherwise.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from aiohttp import web
from redis.exceptions import RedisError

from jobs.intake import Accepted, Arrival, new_job_id, received
from jobs.records import DeliveryRecord, JobKind, JobRecord, JobState, PullRecord, ScopeRecord
from receiver import metrics
from receiver.front import FRONT, Front
from receiver.keys import Secret
from receiver.problems import Refused
from receiver.providers.event import Comment, Event, Ignored, Ping, Provider, PullRequest, Push, Pushes, Rerun, WebhookRequest
from receiver.providers.registry import PROVIDERS
from receiver.refusals import Refusals
from receiver.schemas import AcceptedAnswer
from reconciler.errors import StoreUnavailable
from reconciler.urls import parse_scope, scope_contains

log = structlog.get_logger()

CHUNK_BYTES = 64 * 1024
READ_SECONDS = 30.0
"""Until a body that trickles in is given up."""

TURN_SECONDS = 5.0
"""How long a body waits for others to make room; forges wait for ten seconds in all."""


class Budget:
    """Bytes of all bodies that are being read. They count as they arrive: who only announces a large body takes nothing from others."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._freed = asyncio.Event()

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """A part of it for the length of the block."""
        share = Share(self)
        try:
            yield share
        finally:
            self._free += share.size
            self._freed.set()

    async def take(self, size: int) -> None:
        """Take some bytes; who does not fit waits a little for others to end.

        Raises:
            Refused: when they do not.
        """
        if self._free < size:
            await self._wait_for(size)
        self._free -= size

    async def _wait_for(self, size: int) -> None:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                while self._free < size:
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError:
            raise Refused(503, "Service Unavailable", "too many large bodies at once; send it again", retry_after=5) from None


class Share:
    """What one body has of the budget."""

    __slots__ = ("_budget", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.size = 0

    async def grow(self, size: int) -> None:
        """Have some bytes more, as `Budget.take`."""
        await self._budget.take(size)
        self.size += size


BUDGET: web.AppKey[Budget] = web.AppKey("budget", Budget)

REFUSALS: web.AppKey[Refusals] = web.AppKey("refusals", Refusals)


async def receive(request: web.Request) -> web.Response:
    """One webhook."""
    try:
        return await _receive(request)
    except Refused as refused:
        metrics.REFUSALS.labels(str(refused.status)).inc()
        raise


async def _receive(request: web.Request) -> web.Response:
    front = request.app[FRONT]
    provider = PROVIDERS.get(request.match_info["provider"])
    if provider is None:
        raise Refused(404, "Not Found", f"known providers are {', '.join(sorted(PROVIDERS))}")
    if any(encoding.lower() != "identity" for encoding in request.headers.getall("Content-Encoding", ())):
        raise Refused(415, "Unsupported Media Type", "send the body as it is, without Content-Encoding")
    scopes = await _scopes_of(request, provider)
    scope = parse_scope(request.match_info["scope"])
    limit = front.settings.body_limit
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    with request.app[BUDGET].share() as share:
        body = await _read(request, limit, share)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        webhook = WebhookRequest(headers, body, time.time())
        generations = sorted({record.generation for record in scopes}, reverse=True)
        secret = provider.verify(webhook, lambda purpose: front.ring.candidates(provider.name, purpose, scope, generations))
        if secret is None:
            request.app[REFUSALS].unsigned(provider.name, scope, scopes)
            raise _unauthorized()
        event = provider.parse(webhook)
        delivery = provider.delivery_id(webhook)[:200] or hashlib.sha256(body).hexdigest()
        about = DeliveryRecord(
            provider=provider.name, id=delivery, event=provider.event_name(webhook), key=secret.key, generation=secret.generation
        )
    records = _records(event, scopes, scope, about)
    arrivals = [Arrival(record, _key(scope, about, number)) for number, record in enumerate(records)]
    accepted = await front.intake.accept_all(arrivals, timeout_seconds=front.settings.durable_timeout)
    return await _answer(front, records[0], accepted[0], secret, provider)


def _unauthorized() -> Refused:
    """A new one each time: an error that is kept would keep every body that it was raised over."""
    return Refused(401, "Unauthorized", "unknown address, or no right signature; `trueup webhook show` prints both")


def _text(header: str) -> str:
    """A header as it can be stored: bytes in it that are no text are spelled out."""
    return header.encode("utf-8", "backslashreplace").decode()


async def _scopes_of(request: web.Request, provider: Provider) -> list[ScopeRecord]:
    """The declared repositories within the scope of an address."""
    text = request.match_info["scope"]
    try:
        table = await request.app[FRONT].scopes()
    except (RedisError, OSError) as error:
        raise StoreUnavailable("Redis does not answer; send it again") from error
    if table is None:
        raise Refused(503, "Service Unavailable", "no worker has said yet which repositories there are", retry_after=5)
    try:
        scope = parse_scope(text)
    except ValueError:
        raise _unauthorized() from None
    found = [record for record in table if record.provider == provider.name and scope_contains(scope, record.scope)]
    if not found:
        request.app[REFUSALS].unknown(provider.name, scope)
        raise _unauthorized()
    return found


async def _read(request: web.Request, limit: int, share: Share) -> bytes:
    """The body, never buffered past the limit."""
    if request.content.is_eof():  # most bodies have arrived with their head
        body = request.content.read_nowait()
        if len(body) > limit:
            raise _too_large(limit)
        await share.grow(len(body))
        return body
    chunks = []
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.content.iter_chunked(CHUNK_BYTES):
                if share.size + len(chunk) > limit:
                    raise _too_large(limit)
                await share.grow(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise Refused(408, "Request Timeout", f"the body did not arrive within {READ_SECONDS:g} s") from None
    return b"".join(chunks)


def _too_large(limit: int) -> Refused:
    return Refused(413, "Content Too Large", f"{limit} bytes are the limit")


def _key(scope: str, delivery: DeliveryRecord, number: int) -> str:
    """What one job of a delivery is known by, at its own hook alone: another's sender may choose the same id."""
    return f"{delivery.provider}:{scope} {delivery.id}{f'#{number}' if number else ''}"


def _records(event: Event, scopes: list[ScopeRecord], scope: str, delivery: DeliveryRecord) -> list[JobRecord]:
    """The jobs that an event becomes, one for each ref that moved; stored together or not at all."""
    if not isinstance(event, Pushes):
        return [_record(event, scopes, scope, delivery)]
    events: list[Push | Ignored] = list(event.pushes)
    if event.left_out:
        events.append(Ignored(f"{event.left_out} more refs moved at once; who follows them is synced by the next poll"))
    return [_record(one, scopes, scope, delivery) for one in events]


def _record(
    event: Push | PullRequest | Comment | Rerun | Ping | Ignored, scopes: list[ScopeRecord], scope: str, delivery: DeliveryRecord
) -> JobRecord:
    """The job that an event becomes; one that means nothing to us is ended already."""
    now = datetime.now(UTC)
    base: dict[str, object] = {
        "id": new_job_id(now),
        "kind": JobKind.PUSH,
        "created": now,
        "updated": now,
        "scope": scope,
        "delivery": delivery,
    }
    match event:
        case Ping():
            return _ignored(base, "the forge tried the address; it works")
        case Ignored():
            return _ignored(base, event.reason)
    known, renamed = _known(event, scopes, scope)
    told = {"repository_id": event.repository_id, "renamed": renamed}
    base |= _about(event) | {"scope": known.scope if known else event.scope, "delivery": delivery.model_copy(update=told)}
    if known is None:
        own = next((record for record in scopes if record.scope == scope and record.repository), None)
        mend = f"; if {own.repository} was renamed, write its new address in spec.url" if own else ""
        return _ignored(base, f"no Repository is declared for {event.scope} within {scope}{mend}")
    base["repository"] = known.repository
    if isinstance(event, Push) and not event.commit:
        return _ignored(base, f"{event.ref} was deleted; what it brought is left as it is")
    mend = f"it is {renamed} at the forge by now; write its new address in spec.url" if renamed else ""
    return received(JobRecord.model_validate(base | {"state": JobState.QUEUED}), mend)


def _known(event: Push | PullRequest | Comment | Rerun, scopes: list[ScopeRecord], scope: str) -> tuple[ScopeRecord | None, str]:
    """The declared repository of an event, by its address, or else by the id that its host knows it by; and its address if that is new.

    Ids are compared within the hook's scope alone, whose secret signed them, and at one host: two hosts may count alike.
    """
    addresses = (event.scope, *event.also)
    for record in scopes:
        if record.scope in addresses:
            return record, ""
    if not event.repository_id:
        return None, ""
    hosts = {address.partition("/")[0] for address in addresses}
    same = [r for r in scopes if r.repository_id == event.repository_id and r.scope.partition("/")[0] in hosts]
    known = next((r for r in same if r.scope == scope), None) or next(iter(same), None)
    return known, event.scope if known else ""


def _about(event: Push | PullRequest | Comment | Rerun) -> dict[str, object]:
    """Of the job's fields, those that the event says."""
    match event:
        case Push():
            return {"actor": event.actor, "ref": event.ref, "commit": event.commit, "before": event.before}
        case Rerun():
            return {"actor": event.actor, "kind": JobKind.MANUAL, "ref": event.ref, "commit": event.commit}
        case PullRequest():
            pull = PullRecord(number=event.number, base=event.base, is_fork=event.is_fork)
            return {"actor": event.actor, "kind": JobKind.PLAN, "ref": event.ref, "commit": event.commit, "pull": pull}
        case Comment():
            pull = PullRecord(number=event.number, comment=event.id, command=event.text)
            return {"actor": event.actor, "kind": JobKind.COMMAND, "pull": pull}


def _ignored(fields: dict[str, object], reason: str) -> JobRecord:
    ended = {"state": JobState.IGNORED, "message": reason, "finished": fields["created"]}
    return received(JobRecord.model_validate(fields | ended))


async def _answer(front: Front, record: JobRecord, accepted: Accepted, secret: Secret, provider: Provider) -> web.Response:
    outcome = "known" if not accepted.is_new else str(record.state)
    metrics.DELIVERIES.labels(provider.name, outcome, str(secret.key), str(secret.generation)).inc()
    assert record.delivery is not None
    log.info("delivery.received", job=accepted.job_id, delivery=record.delivery.id, outcome=outcome, commit=record.commit)
    state = record.state
    if not accepted.is_new and (known := await front.jobs.load(accepted.job_id)):
        state = known.state
    url = f"/api/v1/jobs/{accepted.job_id}"
    body = AcceptedAnswer(id=accepted.job_id, url=url, state=state).model_dump_json()
    return web.Response(
        text=body, status=202 if accepted.is_new else 200, content_type="application/json", headers={"Location": url}
    )
