"""Which version a range meant when it was rendered: of a chart, of an artifact, of a tag. People follow ranges, and read versions."""

from collections.abc import Mapping

from reconciler.artifacts.mirror import ArtifactMirror
from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Name, Repository
from reconciler.model.revisions import TAGS, is_range
from reconciler.sync.source import Target


async def versions_of(target: Target, mirrors: Mirrors, repositories: Mapping[Name, Repository]) -> tuple[str, ...]:
    """One for each source, empty where its revision is all there is to say; none where that is so of all.

    Args:
        target: whose commits are here.
        mirrors: which have them.
        repositories: those that are declared.
    """
    found: list[str] = []
    for source, revision in zip(target.application.sources, target.revisions, strict=True):
        mirror = mirrors.of(repositories[source.repository])
        if isinstance(mirror, ArtifactMirror):
            found.append(await mirror.version(revision.ref or source.revision, revision.commit))
        elif is_range(source.revision) and revision.ref.startswith(TAGS):
            found.append(revision.ref.removeprefix(TAGS))
        else:
            found.append("")
    return tuple(found) if any(found) else ()
