"""What was rendered before, on disk: by a name for everything that went into it, so that equal inputs are not rendered again.

A name is a hash of the tree in Git, the path, the options, what was given, and the programs and code that render; two renders that
differ in any of them have two names. A render that never left its own path is known by that directory's tree, any other by the whole
commit's. What Secrets went into is not kept. The file may be lost, and is begun anew when it is broken.
"""

import enum
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import orjson

from reconciler.render import helm
from reconciler.render.kustomize import binary
from reconciler.render.result import Rendered, RenderRequest
from reconciler.render.wire import decode_answer, encode_answer

FILE = "renders.sqlite"
"""In the state directory."""

SHRINK_TO = 0.75
"""Of the limit: how much is kept when it is reached, so that it is not reached again at once."""

USED_SECONDS = 3600.0
"""How exactly it is known when something was used last; a start should not write a thousand rows."""

BUSY_SECONDS = 1.0
"""How long another worker of this host is waited for; rendering costs less than that."""

CODE = ("render", "yaml", "model")
"""Rooms whose code decides what comes out."""

LIBRARIES = ("PyYAML", "gojsonnet")


class Scope(enum.StrEnum):
    """Which tree a render depends on."""

    DIRECTORY = "directory"
    """That of its own path."""
    COMMIT = "commit"
    """The whole commit's."""


class RenderCache:
    """A file of renders, shared by the workers of a host. Blocks: for threads."""

    def __init__(self, state: Path, limit_bytes: int) -> None:
        self._file = state / FILE
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def find(self, names: Iterable[str]) -> Mapping[str, Rendered]:
        """What is known of these."""
        wanted = list(names)
        if not wanted or self._limit == 0:
            return {}
        found: dict[str, bytes] = {}
        with self._lock:
            try:
                found = self._read(wanted)
            except sqlite3.Error:  # a cache that cannot be read knows nothing
                self._give_up()
        return {name: answer for name, content in found.items() if isinstance(answer := decode_answer(content), Rendered)}

    def keep(self, renders: Mapping[str, tuple[RenderRequest, Rendered]]) -> None:
        """Remember renders; what was not used for longest is forgotten for them."""
        rows = [(name, encode_answer(request, rendered)) for name, (request, rendered) in renders.items()]
        rows = [row for row in rows if len(row[1]) <= self._limit * SHRINK_TO]
        if not rows:
            return
        with self._lock:
            try:
                self._write(rows)
            except sqlite3.Error:  # no room, no right, or broken: what was rendered is in use all the same
                self._give_up()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _read(self, names: list[str]) -> dict[str, bytes]:
        connection, now = self._open(), time.time()
        asked = "SELECT name, content, used FROM render WHERE name IN (SELECT value FROM json_each(?))"
        rows = connection.execute(asked, (orjson.dumps(names).decode(),)).fetchall()
        if old := [(now, name) for name, _, used in rows if used < now - USED_SECONDS]:
            with connection:
                connection.executemany("UPDATE render SET used = ? WHERE name = ?", old)
        return {name: content for name, content, _ in rows}

    def _write(self, rows: list[tuple[str, bytes]]) -> None:
        connection, now = self._open(), time.time()
        with connection:
            connection.executemany(
                "INSERT OR REPLACE INTO render (name, content, size, used) VALUES (?, ?, ?, ?)",
                [(name, content, len(content), now) for name, content in rows],
            )
            (total,) = connection.execute("SELECT coalesce(sum(size), 0) FROM render").fetchone()
            if total > self._limit:
                connection.execute(
                    "DELETE FROM render WHERE name IN (SELECT name FROM (SELECT name, sum(size) OVER"
                    " (ORDER BY used DESC, name) AS so_far FROM render) WHERE so_far > ?)",
                    (self._limit * SHRINK_TO,),
                )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self._file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            except OSError as error:
                raise sqlite3.OperationalError(str(error)) from error
            self._connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, check_same_thread=False)
            self._connection.execute("PRAGMA auto_vacuum = FULL")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS render (name TEXT PRIMARY KEY, content BLOB NOT NULL, size INTEGER, used REAL)"
            )
            self._connection.execute("CREATE INDEX IF NOT EXISTS by_use ON render (used, name, size)")
        return self._connection

    def _give_up(self) -> None:
        """Begin with an empty file the next time, unless another worker was merely busy."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        try:
            self._check()
        except sqlite3.OperationalError:
            return
        except sqlite3.Error:
            for ending in ("", "-wal", "-shm"):
                self._file.with_name(f"{FILE}{ending}").unlink(missing_ok=True)

    def _check(self) -> None:
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
        try:
            connection.execute("SELECT count(*), max(length(content)) FROM render").fetchone()
        finally:
            connection.close()


def may_keep(request: RenderRequest) -> bool:
    """Whether a render may be kept: not what Secrets went into, nor what is wanted anew each time."""
    options = request.options
    changes = options.helm is not None and options.helm.allow_changing
    return not changes and all(reference.kind != "Secret" for reference in options.references)


def scope_of(rendered: Rendered, path: str) -> Scope:
    """Whether a render depends on nothing but its own directory."""
    names = (name for names in (rendered.read, rendered.probed) for name in names)
    is_beneath = all(not path or name == path or name.startswith(f"{path}/") for name in names)
    return Scope.DIRECTORY if is_beneath else Scope.COMMIT


def name_of(request: RenderRequest, tree: str, scope: Scope, tools: bytes, *, knows_destination: bool) -> str:
    """The name of a render.

    Args:
        request: with all that it is given.
        tree: the object id of the tree that it depends on.
        scope: which tree that is.
        tools: what `tools_now` answers.
        knows_destination: whether a chart would have been given what its destination serves.
    """
    given = request.given
    outside = (
        given.namespace,
        given.kube_version,
        _digest(given.api_versions),
        given.data,
        given.files,
        given.charts,
        given.added,
    )
    said = (str(request.application), request.path, request.options, outside, tree, scope, knows_destination)
    return hashlib.blake2b(orjson.dumps(said), key=tools, digest_size=24).hexdigest()


@lru_cache(maxsize=8)
def _digest(api_versions: tuple[str, ...]) -> str:
    """A name for what a cluster serves, which is a thousand words and the same for all its charts."""
    return hashlib.blake2b(orjson.dumps(api_versions), digest_size=24).hexdigest()


def tools_now(helm_path: Path | None) -> bytes:
    """A name for everything that renders, as it is now: programs, libraries and our own code."""
    programs = [_stamp(binary()), _stamp(helm.binary(helm_path))]
    return hashlib.blake2b(orjson.dumps([programs, _code()]), digest_size=32).digest()


def _stamp(program: str | None) -> list[str | int]:
    if program is None:
        return []
    try:
        state = Path(program).stat()
    except OSError:
        return [program]
    return [program, state.st_size, state.st_mtime_ns, state.st_ino]


@cache
def _code() -> str:
    found = hashlib.blake2b(digest_size=16)
    for room in CODE:
        for file in sorted((Path(__file__).parents[1] / room).glob("*.py")):
            found.update(file.read_bytes())
    for library in LIBRARIES:
        try:
            found.update(f"{library} {version(library)};".encode())
        except PackageNotFoundError:
            continue
    return found.hexdigest()
