"""The image that deploy/Containerfile makes: what of it can be known without building it."""

import re

import pytest

from tests.architecture.test_mirror import ROOT
from tests.tools.build import PACKAGES

CONTAINERFILE = (ROOT / "deploy/Containerfile").read_text()


@pytest.mark.parametrize("program", sorted(PACKAGES))
def test_programs_are_built_from_the_modules_that_tests_use(program):
    line = next(line for line in CONTAINERFILE.splitlines() if f"/src/{program} " in line)
    assert line.endswith(f" {PACKAGES[program]}")
    assert (ROOT / "tests/tools" / program / "go.sum").exists()


def test_what_is_copied_is_there():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    assert [name for names in copied for name in names.split() if not (ROOT / name).exists()] == []
