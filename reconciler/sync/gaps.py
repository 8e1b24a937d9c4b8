"""Commits that lack submodules which are refused: whoever would read one of these is refused for it, and nobody else. Pure.

What a render read, and looked for in vain, says whether it would have been another one. Where it failed, that is not known, and why it failed
is said with what is lacking. A directory that is missing may be in a submodule by way of a link: then nothing of its application has vanished.
"""

from collections.abc import Mapping

from reconciler.errors import InvalidManifest, PathMissing, RenderFailed, SourceRefused, TrueupError
from reconciler.git.submodules import gap_of
from reconciler.render.result import RenderRequest
from reconciler.render.wire import Answer


def refused_at(gaps: Mapping[str, str], path: str) -> SourceRefused | None:
    """Why nothing at a path can be read; None where it can, or is not there for another reason."""
    why = gap_of(gaps, (path,))
    return SourceRefused(why) if why else None


def judged(gaps: Mapping[str, str], request: RenderRequest, answer: Answer) -> Answer:
    """What counts of the answer to a request, of a tree with gaps."""
    if not gaps:
        return answer
    if not isinstance(answer, TrueupError):
        why = gap_of(gaps, (*answer.read, *answer.probed))
        return SourceRefused(why) if why else answer
    return failed(gaps, request.path, answer)


def failed(gaps: Mapping[str, str], path: str, error: TrueupError) -> TrueupError:
    """What is said of an error that was met at a path, of a tree with gaps."""
    if not gaps:
        return error
    within = gap_of(gaps, (f"{path}/",))
    if isinstance(error, PathMissing) or (within and isinstance(error, RenderFailed | InvalidManifest)):
        return SourceRefused(f"{within or next(iter(gaps.values()))}; without it: {error}")
    if isinstance(error, RenderFailed | InvalidManifest):
        return type(error)(f"{error}; it may need what is refused: {next(iter(gaps.values()))}")
    return error
