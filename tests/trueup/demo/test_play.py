"""The demo, whole: every scene checks what it shows, so that it ends well is the claim."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(180)
def test_the_demo_shows_what_it_promises(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "trueup", "demo", "--exit"], env=environment | {"PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert "\033[" not in done.stdout, "colours are for terminals"
    for scene in ("succeeded", "held", "put back"):
        assert scene in done.stdout
