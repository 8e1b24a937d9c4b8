"""Secrets and ConfigMaps from mounted files; read anew each time, kept nowhere.

`<namespace>/<name>/<key>` is for declarations of that namespace. `<name>/<key>` is for those of Trueup's own namespace and no other:
what is mounted for its operators is not lent to whoever may write an Application somewhere.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import Stalled
from reconciler.model.declared import HOME, ConfigMapRef, SecretRef

LIMIT_BYTES = 1024 * 1024
"""As much as a Secret of a cluster may hold."""


class FileSecrets:
    """The directory that TRUEUP_SECRETS names."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def read(self, ref: SecretRef | ConfigMapRef) -> Mapping[str, bytes]:
        """The data by key.

        Raises:
            Stalled: when there is no such thing, or it cannot be read.
        """
        return await asyncio.to_thread(self._read, ref)

    def _read(self, ref: SecretRef | ConfigMapRef) -> Mapping[str, bytes]:
        kind = "Secret" if isinstance(ref, SecretRef) else "ConfigMap"
        for part in (ref.namespace, ref.name):
            if not part or part.startswith(".") or "/" in part or "\0" in part:
                raise Stalled(f"{part!r} is no name of a {kind}")
        for directory in (places := self._places(ref)):
            try:
                if files := self._files(directory):
                    return {file.name: _content(file) for file in files}
            except OSError as error:
                raise Stalled(
                    f"{kind} {ref.name}: cannot read {error.filename}: {error.strerror}; mend its permissions"
                ) from error
        raise Stalled(
            f"there is no {kind} {ref.namespace}/{ref.name}: expected files such as "
            + " or ".join(str(directory / "token") for directory in reversed(places))
        )

    def _places(self, ref: SecretRef | ConfigMapRef) -> list[Path]:
        """Where it may be, the first place first."""
        own = self._directory / ref.namespace / ref.name
        return [own, self._directory / ref.name] if ref.namespace == HOME else [own]

    def _files(self, directory: Path) -> list[Path]:
        """Hidden entries are left out: a mounted Secret keeps its data in `..data`, and links to it."""
        if not directory.is_dir() or not directory.resolve().is_relative_to(self._directory.resolve()):
            return []
        return sorted(file for file in directory.iterdir() if file.is_file() and not file.name.startswith("."))


def _content(file: Path) -> bytes:
    with file.open("rb") as stream:
        content = stream.read(LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise Stalled(f"{file} is larger than 1 MiB; that is no Secret")
    return content
