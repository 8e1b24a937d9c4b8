"""Renders of a tree with pointers of Git LFS in it: the files that are needed take their places, and no others are fetched.

Needed is what lies beneath a source's path, but for what is too large to be configuration, and whatever a render says that it read. Where
one fails, a pointer elsewhere may be why: then it is tried once more with all of them.
"""

import asyncio
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from reconciler.artifacts.large import get_large
from reconciler.artifacts.lfs import POINTER_BYTES, Pointer, parse_pointer
from reconciler.errors import InvalidManifest, SourceUnavailable, TrueupError
from reconciler.git.mirror import Mirror
from reconciler.render.choose import is_built
from reconciler.render.plain import is_read
from reconciler.render.renderer import Renderer
from reconciler.render.result import RenderRequest
from reconciler.render.wire import Answer

LIKELY_BYTES = 20 * 1024 * 1024
"""The largest packed chart; what is larger is fetched only when it was read."""

LIKELY_TOTAL_BYTES = 256 * 1024 * 1024
"""Of what is fetched before anybody asked for it; the limit of an export."""


async def render_large(
    mirror: Mirror, root: Path, requests: Sequence[RenderRequest], *, renderer: Renderer, is_trusted: bool = True
) -> list[Answer]:
    """The answer of every request, from an exported tree whose pointers are replaced as far as that is needed."""
    tree = _Tree(mirror, root, await asyncio.to_thread(_pointers, root), is_trusted=is_trusted)
    if not tree.pointers:
        return await renderer.render(root, requests)
    refused = await tree.put([_likely(_beneath(root, request, tree.pointers)) for request in requests])
    answers = await _rendered(renderer, root, requests, refused)
    again = [_wanted(request, answer, tree.pointers) for request, answer in zip(requests, answers, strict=True)]
    if not any(again):
        return answers
    refused = await tree.put(again)
    due = [index for index, wanted in enumerate(again) if wanted]
    found = await _rendered(
        renderer, root, [requests[index] for index in due], {due.index(index): refused[index] for index in refused}
    )
    for index, answer in zip(due, found, strict=True):
        answers[index] = answer
    return answers


async def large_content(
    mirror: Mirror, contents: Mapping[str, bytes | InvalidManifest], *, limit_bytes: int, is_trusted: bool = True
) -> Mapping[str, bytes | TrueupError]:
    """Files that were read from a commit, with what pointers among them stand for; the limit is that of each."""
    pointers = {path: found for path, text in contents.items() if isinstance(text, bytes) and (found := parse_pointer(text))}
    wanted = [pointer for pointer in pointers.values() if pointer.size <= limit_bytes]
    got = await get_large(mirror, wanted, is_trusted=is_trusted)
    answers: dict[str, bytes | TrueupError] = dict(contents)
    for path, pointer in pointers.items():
        if pointer not in got:
            answers[path] = InvalidManifest(f"{path}: more than {limit_bytes >> 20} MiB in {mirror.repository.name}")
            continue
        place = got[pointer]
        answers[path] = place if isinstance(place, TrueupError) else await asyncio.to_thread(_read, place)
    return answers


async def _rendered(
    renderer: Renderer, root: Path, requests: Sequence[RenderRequest], refused: Mapping[int, TrueupError]
) -> list[Answer]:
    """The answers, with the errors of those requests whose files cannot be had."""
    due = [index for index in range(len(requests)) if index not in refused]
    answers: dict[int, Answer] = dict(refused)
    answers |= zip(due, await renderer.render(root, [requests[index] for index in due]) if due else (), strict=True)
    return [answers[index] for index in range(len(requests))]


class _Tree:
    """An exported tree, and the pointers that are left in it."""

    def __init__(self, mirror: Mirror, root: Path, pointers: dict[str, Pointer], *, is_trusted: bool) -> None:
        self._mirror = mirror
        self._is_trusted = is_trusted
        self._root = root
        self.pointers = pointers

    async def put(self, wanted: Sequence[Collection[str]]) -> dict[int, TrueupError]:
        """Put files in the places of their pointers; by request, why those of it cannot be had."""
        paths = sorted({path for one in wanted for path in one})
        got = await get_large(self._mirror, [self.pointers[path] for path in paths], is_trusted=self._is_trusted)
        places = {path: got[self.pointers[path]] for path in paths}
        for path, place in places.items():
            if isinstance(place, Path):
                await asyncio.to_thread(self._replace, path, place)
        return {index: error for index, one in enumerate(wanted) if (error := _first_error(one, places)) is not None}

    def _replace(self, path: str, place: Path) -> None:
        """With a copy: a renderer is not to have the file that is kept."""
        try:
            shutil.copyfile(place, self._root / path)
        except OSError as error:
            raise SourceUnavailable(f"{path}: cannot be written: {error.strerror}") from error
        del self.pointers[path]


def _read(place: Path) -> bytes | TrueupError:
    try:
        return place.read_bytes()
    except OSError as error:
        return SourceUnavailable(f"{place}: cannot be read: {error.strerror}")


def _first_error(paths: Iterable[str], places: Mapping[str, Path | TrueupError]) -> TrueupError | None:
    for path in sorted(paths):
        place = places[path]
        if isinstance(place, TrueupError):
            return type(place)(f"{path}: {place}")
    return None


def _pointers(root: Path) -> dict[str, Pointer]:
    """The pointers among a tree's regular files, by path."""
    found: dict[str, Pointer] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            file = Path(folder, name)
            if not file.is_symlink() and file.stat().st_size <= POINTER_BYTES and (pointer := parse_pointer(file.read_bytes())):
                found[str(file.relative_to(root))] = pointer
    return found


def _beneath(root: Path, request: RenderRequest, pointers: Mapping[str, Pointer]) -> Mapping[str, Pointer]:
    """Those beneath a source's directory; where it is plain YAML and JSON, those that are read as such."""
    is_plain = not is_built(root, request)
    return {name: one for name, one in pointers.items() if _is_beneath(name, request, is_plain=is_plain)}


def _is_beneath(name: str, request: RenderRequest, *, is_plain: bool) -> bool:
    path = request.path
    is_inside = not path or name.startswith(f"{path}/")
    return is_inside and (not is_plain or is_read(Path(name).relative_to(path or "."), request.options))


def _likely(pointers: Mapping[str, Pointer]) -> set[str]:
    """Those that are small enough to be configuration, the smallest first as long as there is room."""
    found: set[str] = set()
    total = 0
    for size, name in sorted((one.size, name) for name, one in pointers.items()):
        total += size
        if size > LIKELY_BYTES or total > LIKELY_TOTAL_BYTES:
            break
        found.add(name)
    return found


def _wanted(request: RenderRequest, answer: Answer, pointers: Mapping[str, Pointer]) -> set[str]:
    """The pointers that a render read for what they are; all that are likely, where it failed."""
    if isinstance(answer, TrueupError):
        return _likely(pointers)
    if answer.tool.startswith("yaml/"):
        return {name for name in pointers if name in answer.read or _is_beneath(name, request, is_plain=True)}
    directories = tuple(name for name in answer.read if name.endswith("/"))
    return {name for name in pointers if name in answer.read or "/" in answer.read or name.startswith(directories)}
