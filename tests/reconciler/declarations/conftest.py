import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = """
apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  url: https://github.com/acme/shop-config.git
"""

APPLICATION = """
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {name: web}
spec:
  sources:
  - git: {repository: shop, revision: main, path: apps/web}
"""


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Path]:
    """Writes declaration files, `name=text`, and answers their directory."""
    directory = tmp_path / "declarations"
    directory.mkdir()

    def write(**files: str) -> Path:
        for name, text in files.items():
            (directory / f"{name}.yaml").write_text(textwrap.dedent(text).lstrip("\n"))
        return directory

    return write
