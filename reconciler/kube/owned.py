"""What is owned in a cluster: an index fed by one watch a kind, by sweeps, and by the answers to our own applies.

It holds hashes and small strings, no objects. A change of what drift is read from is told to a listener, a change of health to
those who wait. Our own write is known from its answer, so that the watch event that follows it is no news.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from reconciler.errors import ApplyRefused, Transient
from reconciler.health.declared import Rulebook
from reconciler.health.workloads import end_of
from reconciler.kube.client import Client, WatchEvent
from reconciler.kube.entries import Entry, number, owned_of, pack, unpack
from reconciler.model.declared import Application, Instance, Name
from reconciler.model.objects import Document, Kind, LiveMetadata, ObjectKey
from reconciler.model.options import ApplyMode
from reconciler.model.outcome import Drift, Health, Owned
from reconciler.plan.claim import ClaimState, claim
from reconciler.plan.drift import fingerprint
from reconciler.plan.marks import APPLIED, selector
from reconciler.plan.options import options_of
from reconciler.plan.redact import redact_message, secret_values
from reconciler.plan.unexplained import is_unexplained

WATCH_SECONDS = 290
"""How long one watch lasts; the server ends it, so that a dead connection is noticed."""

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before a broken watch is resumed; the last one for ever."""

Listener = Callable[[ObjectKey, LiveMetadata | None], None]
"""Told of an object whose managedFields or content mark changed, and with None of one that is gone."""

HealthListener = Callable[[ObjectKey], None]
"""Told of an object whose health changed."""

SuspicionListener = Callable[[ObjectKey], None]
"""Told of an object whose content changed though nobody's entry says who did it."""


class OwnedIndex:
    """The owned objects of one instance in one cluster."""

    def __init__(self, client: Client, instance: Instance, rulebook: Rulebook) -> None:
        self._client = client
        self._instance = instance
        self._rulebook = rulebook
        self._entries: dict[ObjectKey, Entry] = {}
        self._owned: dict[ObjectKey, Owned] = {}
        self._by_application: dict[Name, dict[ObjectKey, Owned]] = {}
        self._namespaces: Counter[str] = Counter()
        self._synced: dict[tuple[str, str], asyncio.Event] = {}
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._listeners: list[Listener] = []
        self._health_listeners: list[HealthListener] = []
        self._suspicion_listeners: list[SuspicionListener] = []
        self._applying: Counter[ObjectKey] = Counter()
        self._waiting: dict[ObjectKey, set[asyncio.Event]] = {}
        self.changes = 0
        """How often something came to be owned, was owned no more, or went to another application."""
        self.strays: set[ObjectKey] = set()
        """Objects of the followed kinds that carry our label and are not Owned."""

    @property
    def owned(self) -> Mapping[ObjectKey, Owned]:
        """Everything owned, with the drift that is known."""
        return self._owned

    def owned_by(self, application: Name) -> Mapping[ObjectKey, Owned]:
        """What one application owns."""
        return self._by_application.get(application, {})

    def is_in(self, namespace: str) -> bool:
        """Whether anything owned is in a namespace, which is there then."""
        return self._namespaces[namespace] > 0

    @property
    def is_synced(self) -> bool:
        """Whether every followed kind is known to be complete."""
        return all(event.is_set() for event in self._synced.values())

    @property
    def kinds(self) -> Iterable[Kind]:
        """The kinds that are followed."""
        return tuple(self._kinds.values())

    def health(self, key: ObjectKey) -> Health | None:
        """How an owned object is; None when it is not there."""
        entry = self._entries.get(key)
        return entry.health if entry else None

    def ended(self, key: ObjectKey) -> Health | None:
        """What a Job or Pod came to; None while it has not come to its end, as far as was seen, and for other kinds."""
        entry = self._entries.get(key)
        return entry.ended if entry else None

    def live(self, key: ObjectKey) -> LiveMetadata | None:
        """The metadata of an owned object as last seen; None when it is not there."""
        entry = self._entries.get(key)
        return unpack(entry, self._instance) if entry else None

    def listen(self, listener: Listener) -> None:
        """Have a function called for every change that may be drift; it must not block and must not raise."""
        self._listeners.append(listener)

    def listen_health(self, listener: HealthListener) -> None:
        """Have a function called for every object whose health changed, or that came or went; it must not block or raise."""
        self._health_listeners.append(listener)

    def listen_suspicion(self, listener: SuspicionListener) -> None:
        """Have a function called for every object that one dry run should look at; it must not block or raise."""
        self._suspicion_listeners.append(listener)

    @contextmanager
    def applying(self, key: ObjectKey) -> Iterator[None]:
        """We are writing an object ourselves: its watch event may come before the answer, and is no surprise."""
        self._applying[key] += 1
        try:
            yield
        finally:
            self._applying[key] -= 1
            if not self._applying[key]:
                del self._applying[key]

    @contextmanager
    def noticed(self, keys: Iterable[ObjectKey]) -> Iterator[asyncio.Event]:
        """An event that is set whenever the health of one of these objects changes."""
        wanted, changed = tuple(keys), asyncio.Event()
        for key in wanted:
            self._waiting.setdefault(key, set()).add(changed)
        try:
            yield changed
        finally:
            for key in wanted:
                self._waiting[key].discard(changed)
                if not self._waiting[key]:
                    del self._waiting[key]

    async def follow(self, kinds: Iterable[Kind]) -> None:
        """Watch these kinds too; returns when all that is owned of them is known."""
        for kind in kinds:
            identity = (kind.group, kind.kind)
            if identity not in self._tasks:
                self._kinds[identity] = kind
                self._synced[identity] = asyncio.Event()
                self._tasks[identity] = asyncio.create_task(self._follow(kind, self._synced[identity]))
        for event in tuple(self._synced.values()):
            await event.wait()

    async def close(self) -> None:
        """End all watches."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def judge_for(self, applications: Mapping[Name, Application]) -> None:
        """Judge by the rules of these applications from now on; what that concerns is unknown until it was listed anew."""
        newer = self._rulebook.with_own(applications)
        concerned, self._rulebook = self._rulebook.differs(newer), newer
        for identity in concerned & self._tasks.keys():
            self._tasks[identity].cancel()
            for key, entry in self._entries.items():
                if (key.group, key.kind) == identity and entry.health is not None:
                    entry.health = None
                    self._wake(key)
            self._tasks[identity] = asyncio.create_task(self._follow(self._kinds[identity], self._synced[identity]))

    def saw(self, live: LiveMetadata, kind: Kind) -> None:
        """Take in the answer to our own apply, before its watch event arrives."""
        known = self._entries.get(live.key)
        health = known.health if known else None
        if not self._is_whole(kind):
            health = self._rulebook.assess({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}}, None)
        elif known is None or live.generation != known.generation:
            health = None  # unknown until its status is seen
        self._put(live, kind, health, is_ours=True)

    def doomed(self, key: ObjectKey) -> None:
        """We have deleted it ourselves: its end is no news."""
        if (entry := self._entries.get(key)) is not None:
            self._hold(entry, replace(entry.owned, deleting=True))

    def mark(self, key: ObjectKey, drift: tuple[Drift, ...]) -> None:
        """Note what left the desired state; an apply forgets it."""
        entry = self._entries.get(key)
        if entry is not None and entry.owned.drift != drift:
            self._hold(entry, replace(entry.owned, drift=drift))

    async def sweep(self) -> int:
        """List the metadata of every followed kind, and take in what the watches missed; how many objects were looked at."""
        count = 0
        for kind in self.kinds:
            if kind.kind == "Event":
                continue
            listing = await self._client.list(kind, selector=selector(self._instance), metadata_only=True, cached=True)
            count += len(listing.items)
            seen = {
                ObjectKey(kind.group, kind.kind, i["metadata"].get("namespace", ""), i["metadata"]["name"]) for i in listing.items
            }
            for item in listing.items:
                live = LiveMetadata.of(item, kind)
                self._put(live, kind, self.health(live.key))
            self._remove_missing(kind, seen, before=int(listing.resource_version or 0))
        return count

    async def relist(self, kind: Kind, *, whole: bool) -> tuple[Document, ...]:
        """List what is ours of a kind as it is now, and take in what the watch missed; whole objects, or their metadata."""
        listing = await self._client.list(kind, selector=selector(self._instance), metadata_only=not whole)
        seen = set()
        for item in listing.items:
            live = LiveMetadata.of(item, kind)
            seen.add(live.key)
            self._put(live, kind, self.health(live.key))
        self._remove_missing(kind, seen, before=int(listing.resource_version or 0))
        return listing.items

    async def _follow(self, kind: Kind, synced: asyncio.Event) -> None:
        """Keep one kind known, for ever: list, watch, resume, list again when the past is forgotten."""
        version, failures = "", 0
        while True:
            try:
                if not version:
                    version = await self._list(kind)
                    synced.set()
                failures, version = 0, await self._watch(kind, version)
            except ApplyRefused as error:
                failures, version = failures + 1, "" if error.code in (410, 400) else version
                if error.code == 404:  # the kind is not served any more
                    self._remove_missing(kind, set(), before=sys.maxsize)
                    synced.set()
            except Transient:
                failures += 1
            if failures:
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    async def _list(self, kind: Kind) -> str:
        listing = await self._client.list(kind, selector=selector(self._instance), metadata_only=not self._is_whole(kind))
        seen = set()
        for item in listing.items:
            seen.add(self._take(item, kind))
        self._remove_missing(kind, seen, before=int(listing.resource_version or 0))
        return listing.resource_version

    async def _watch(self, kind: Kind, version: str) -> str:
        """Take in events until the server ends the watch; the state to go on from, empty when it is too old."""
        watch = self._client.watch(
            kind,
            resource_version=version,
            selector=selector(self._instance),
            metadata_only=not self._is_whole(kind),
            timeout_seconds=WATCH_SECONDS,
        )
        async with watch as events:
            async for event in events:
                if event.type == "ERROR":
                    return ""
                version = event.object["metadata"].get("resourceVersion", version)
                self._handle(event, kind)
        return version

    def _handle(self, event: WatchEvent, kind: Kind) -> None:
        if event.type == "DELETED":
            live = LiveMetadata.of(event.object, kind)
            known = self._entries.get(live.key)
            if known is None or (
                known.owned.uid == live.uid and number(known.owned.resource_version) <= number(live.resource_version)
            ):
                self._remove(live.key)
        elif event.type in ("ADDED", "MODIFIED"):
            self._take(event.object, kind)

    def _take(self, document: Document, kind: Kind) -> ObjectKey:
        metadata, seen = document["metadata"], {**document, "apiVersion": kind.api_version, "kind": kind.kind}
        key, ended = ObjectKey(kind.group, kind.kind, metadata.get("namespace", ""), metadata["name"]), _end_of(seen)
        known = self._entries.get(key)
        is_echo = known and (known.owned.uid, known.owned.resource_version) == (metadata["uid"], metadata["resourceVersion"])
        if known and is_echo and ended is None:  # our own write: all else is known from its answer
            self._tell_health(known, self._assess(seen, known.owned.application))
        else:
            live = LiveMetadata.of(document, kind)
            self._put(live, kind, self._assess(seen, claim(live, self._instance).application), ended=ended)
        return key

    def _assess(self, seen: Document, application: Name | None) -> Health:
        return _told(self._rulebook.assess(seen, application), seen)

    def _tell_health(self, known: Entry, health: Health) -> None:
        if known.health != health:
            known.health = health
            self._wake(known.owned.key)

    def _is_whole(self, kind: Kind) -> bool:
        """Whether whole objects of a kind are watched, or their metadata only."""
        return self._rulebook.has_health(kind.group, kind.kind)

    def _put(
        self, live: LiveMetadata, kind: Kind, health: Health | None, *, is_ours: bool = False, ended: Health | None = None
    ) -> None:
        known = self._entries.get(live.key)
        if known and known.owned.uid == live.uid and number(live.resource_version) < number(known.owned.resource_version):
            return
        found = claim(live, self._instance)
        if found.state is not ClaimState.OWNED or found.application is None:
            self._remove(live.key)
            if found.state is ClaimState.STRAY:
                self.strays.add(live.key)
            return
        self.strays.discard(live.key)
        options = options_of(live.annotations, live.labels)
        mark = fingerprint(live, self._instance.manager, is_whole=options.apply is ApplyMode.REPLACE)
        applied = live.annotations.get(APPLIED, "")
        is_same = known is not None and (known.fingerprint, known.owned.applied) == (mark, applied)
        drift = known.owned.drift if known and is_same and not is_ours else ()
        owned = owned_of(live, found.application, drift)
        if known is not None and known.owned.application != owned.application:
            self._release(known.owned)
        is_suspect = not is_ours and known is not None and self._is_suspect(known, live)
        if ended is None and known is not None and known.owned.uid == live.uid:
            ended = known.ended  # metadata alone does not tell; and no end is taken back
        entry = self._entries[live.key] = Entry(owned, kind, mark, pack(live), live.generation, health, ended)
        self._hold(entry, owned)
        if known is None or (known.health, known.ended) != (health, ended):
            self._wake(live.key)
        if not is_ours and not is_same:
            self._tell(live.key, live)
        for listener in self._suspicion_listeners if is_suspect else ():
            listener(live.key)

    def _is_suspect(self, known: Entry, live: LiveMetadata) -> bool:
        """Whether the content changed and nobody says who did it, while we were not at it."""
        if live.generation <= known.generation or live.key in self._applying:
            return False
        return is_unexplained(unpack(known, self._instance), live, self._instance.manager)

    def _remove(self, key: ObjectKey) -> None:
        self.strays.discard(key)
        if (entry := self._entries.pop(key, None)) is not None:
            self._release(entry.owned)
            self._wake(key)
            self._tell(key, None)

    def _hold(self, entry: Entry, owned: Owned) -> None:
        if owned.key not in self._owned:
            self._namespaces[owned.key.namespace] += 1
            self.changes += 1
        entry.owned = self._owned[owned.key] = owned
        self._by_application.setdefault(owned.application, {})[owned.key] = owned

    def _release(self, owned: Owned) -> None:
        del self._owned[owned.key]
        self.changes += 1
        self._namespaces[owned.key.namespace] -= 1
        theirs = self._by_application[owned.application]
        del theirs[owned.key]
        if not theirs:
            del self._by_application[owned.application]

    def _remove_missing(self, kind: Kind, seen: set[ObjectKey], *, before: int) -> None:
        """Forget what a list did not show, unless it is newer than the list."""
        for key, entry in tuple(self._entries.items()):
            is_older = number(entry.owned.resource_version) <= before
            if (key.group, key.kind) == (kind.group, kind.kind) and key not in seen and is_older:
                self._remove(key)

    def _tell(self, key: ObjectKey, live: LiveMetadata | None) -> None:
        for listener in self._listeners:
            listener(key, live)

    def _wake(self, key: ObjectKey) -> None:
        for event in self._waiting.get(key, ()):
            event.set()
        for listener in self._health_listeners:
            listener(key)


def _end_of(seen: Document) -> Health | None:
    health = end_of(seen)
    return _told(health, seen) if health else None


def _told(health: Health, seen: Document) -> Health:
    """How an object is, in words without what nobody may see of it."""
    return replace(health, reason=redact_message(health.reason, secret_values(seen))) if health.reason else health
