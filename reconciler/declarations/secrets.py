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
            Stalled: when there is no such directory.
        """
        return await asyncio.to_thread(self._read, ref)

    def _read(self, ref: SecretRef) -> Mapping[str, bytes]:
        for directory in (self._directory / ref.namespace / ref.name, self._directory / ref.name):
            if directory.is_dir() and directory.resolve().is_relative_to(self._directory.resolve()):
                files = [file for file in directory.iterdir() if file.is_file() and not file.name.startswith(".")]
                if files:
                    return {file.name: file.read_bytes()[:LIMIT_BYTES] for file in files}
        raise Stalled(f"there is no Secret {ref.name}: expected files such as {self._directory / ref.name / 'token'}")
