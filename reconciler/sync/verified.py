"""Whether what is to be used has the signatures that its Repository wants, by the keys of the moment."""

from collections.abc import Collection, Mapping

from reconciler.artifacts.mirror import ArtifactMirror, verify_artifact
from reconciler.errors import TrueupError
from reconciler.git.mirror import Mirror
from reconciler.git.verify import signers_of, verify
from reconciler.model.declared import Secrets


async def verified(
    mirror: Mirror, commit: str, refs: Collection[str], secrets: Secrets | None
) -> tuple[Mapping[str, TrueupError], str]:
    """The refs whose commit must not be used, and a name for the keys that decided it; empty where no signature is wanted.

    Args:
        mirror: which has the commit.
        commit: a full hash, or the digest of an artifact.
        refs: how it is followed; empty for a commit that is declared by its hash.
        secrets: where keys are read; None: nowhere.

    Raises:
        TrueupError: when it cannot be told.
    """
    if mirror.repository.verify is None:
        return {}, ""
    signers = await signers_of(mirror.repository, secrets)
    if isinstance(mirror, ArtifactMirror):
        error = await verify_artifact(mirror, commit, signers)
        return dict.fromkeys(refs, error) if error else {}, signers.name
    return await verify(mirror, commit, refs, signers), signers.name
