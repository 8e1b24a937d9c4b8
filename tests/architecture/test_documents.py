"""The documents are true: generated pages are fresh, links lead somewhere, every module says what it is for."""

import ast
import re
from pathlib import Path

import pytest

from docs.generate import pages

ROOT = Path(__file__).parents[2]
MODULES = sorted(p for package in ("trueup", "receiver", "jobs", "reconciler") for p in (ROOT / package).rglob("*.py"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


def test_generated_pages_are_fresh():
    for path, text in pages().items():
        assert path.read_text() == text, f"{path.name} is stale: make docs"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
