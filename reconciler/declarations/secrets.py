"""Secrets from mounted files: `<namespace>/<name>/<key>`, or `<name>/<key>`; read anew each time, kept nowhere."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import Stalled
from reconciler.model.declared import SecretRef

LIMIT_BYTES = 1024 * 1024
"""As much as a Secret of a cluster may hold."""


class FileSecrets:
    """The directory that TRUEUP_SECRETS names."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def read(self, ref: SecretRef) -> Mapping[str, bytes]:
        """The Secret's data by key.

        Raises:
            Stalled: when there is no such Secret, or it cannot be read.
        """
        return await asyncio.to_thread(self._read, ref)

    def _read(self, ref: SecretRef) -> Mapping[str, bytes]:
        for part in (ref.namespace, ref.name):
            if part in ("", ".", "..") or "/" in part or "\0" in part:
                raise Stalled(f"{part!r} is no name of a Secret")
        for directory in (self._directory / ref.namespace / ref.name, self._directory / ref.name):
            try:
                if files := self._files(directory):
                    return {file.name: _content(file) for file in files}
            except OSError as error:
                raise Stalled(
                    f"Secret {ref.name}: cannot read {error.filename}: {error.strerror}; mend its permissions"
                ) from error
        raise Stalled(
            f"there is no Secret {ref.name}: expected files such as {self._directory / ref.name / 'token'}, "
            f"or the same beneath {self._directory / ref.namespace}"
        )

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
