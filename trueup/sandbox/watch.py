"""Watches: the events of a collection as they happen, one JSON document a line.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes. Bookmarks come more often than from a
real server, so that tests need not wait. A watch whose start lies before the history gets one ERROR event with 410.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import orjson

from trueup.sandbox.paths import TRUE, Target
from trueup.sandbox.reads import revision_of, selected
from trueup.sandbox.selectors import Matches
from trueup.sandbox.status import Cause, Refused, invalid
from trueup.sandbox.store import ADDED, DELETED, MODIFIED, Document, Event, Store
from trueup.sandbox.table import table
from trueup.sandbox.views import Form, View, at_version, metadata_only

DEFAULT_SECONDS = 1800.0
INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


@dataclass(slots=True)
class Watch:
    """One watch as it was asked for."""

    target: Target
    view: View
    matches: Matches
    revision: int | None
    has_bookmarks: bool
    has_initial_events: bool
    seconds: float
    _has_head: bool = field(default=True)

    def line(self, kind: str, document: Document) -> bytes:
        """One event."""
        return orjson.dumps({"type": kind, "object": self._shown(document)}) + b"\n"

    def bookmark(self, revision: int, annotations: Mapping[str, str] | None = None) -> bytes:
        """How far the watch has come."""
        resource = self.target.resource
        metadata = {"resourceVersion": str(revision)} | ({"annotations": annotations} if annotations else {})
        document = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return orjson.dumps({"type": "BOOKMARK", "object": metadata_only(document) if self._is_partial else document}) + b"\n"

    @property
    def _is_partial(self) -> bool:
        return self.view.form in (Form.METADATA, Form.METADATA_LIST)

    def _shown(self, document: Document) -> Document:
        if self._is_partial:
            return metadata_only(document)
        if self.view.form is Form.TABLE:
            has_head, self._has_head = self._has_head, False
            version = {"resourceVersion": document["metadata"]["resourceVersion"]}
            return table(self.target.resource, [document], version, has_head=has_head)
        return at_version(self.target.resource, document)


def parse_watch(target: Target, view: View, query: Mapping[str, str]) -> Watch:
    """Read the query of a watch.

    Raises:
        Refused: 400 or 422 for what cannot be read.
    """
    has_initial_events = query.get("sendInitialEvents", "") in TRUE
    if has_initial_events and query.get("resourceVersionMatch") != "NotOlderThan":
        text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        cause = Cause("FieldValueForbidden", text, "resourceVersionMatch")
        raise invalid("ListOptions", "meta.k8s.io", "", [cause])
    seconds = query.get("timeoutSeconds", "")
    return Watch(
        target,
        view,
        selected(target, query),
        revision_of(query),
        has_bookmarks=query.get("allowWatchBookmarks", "") in TRUE,
        has_initial_events=has_initial_events,
        seconds=float(seconds) if seconds.isdecimal() and int(seconds) else DEFAULT_SECONDS,
    )


async def lines(store: Store, watch: Watch, bookmark_seconds: float) -> AsyncIterator[bytes]:
    """The watch's events, several lines at a time when several are due, until its time is over."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Event] = asyncio.Queue()
    collection = watch.target.resource.collection
    ends = loop.time() + watch.seconds
    stop = store.listen(lambda event: queue.put_nowait(event) if event.collection == collection else None)
    try:
        try:
            yield b"".join(_beginning(store, watch))
        except Refused as refused:
            yield orjson.dumps({"type": "ERROR", "object": refused.status()}) + b"\n"
            return
        while (left := ends - loop.time()) > 0:
            try:
                events = [await asyncio.wait_for(queue.get(), min(left, bookmark_seconds))]
            except TimeoutError:
                if watch.has_bookmarks:
                    yield watch.bookmark(store.revision)
                continue
            while not queue.empty():
                events.append(queue.get_nowait())
            if chunk := b"".join(_event_line(watch, event) for event in events):
                yield chunk
    finally:
        stop()


def _beginning(store: Store, watch: Watch) -> list[bytes]:
    """What a watch begins with: everything there is, or what happened since its revision."""
    collection, namespace = watch.target.resource.collection, watch.target.namespace
    begins_now = watch.revision in (None, 0)
    if not begins_now and not watch.has_initial_events:
        return [_event_line(watch, event) for event in store.since(watch.revision or 0, collection)]
    found = [watch.line(ADDED, document) for document in store.all(collection, namespace) if watch.matches(document)]
    if watch.has_bookmarks and (watch.has_initial_events or watch.revision is None):
        found.append(watch.bookmark(store.revision, INITIAL_EVENTS_END))
    return found


def _event_line(watch: Watch, event: Event) -> bytes:
    """An event as this watch sees it: an object that enters or leaves its selection comes or goes."""
    if watch.target.namespace and event.object["metadata"].get("namespace") != watch.target.namespace:
        return b""
    is_in = event.type != DELETED and watch.matches(event.object)
    was_in = event.before is not None and watch.matches(event.before)
    if is_in:
        return watch.line(MODIFIED if was_in else ADDED, event.object)
    if not was_in or event.before is None:
        return b""
    if event.type == DELETED:
        return watch.line(DELETED, event.object)
    version = event.object["metadata"]["resourceVersion"]
    return watch.line(DELETED, {**event.before, "metadata": {**event.before["metadata"], "resourceVersion": version}})
