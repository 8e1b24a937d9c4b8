"""Tests mirror the packages: every module that does something has its test file, or a reason why it has none."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("trueup", "receiver", "jobs", "reconciler")

ELSEWHERE = {
    "trueup/__main__.py": ("tests/e2e/test_command_line.py", "one line, run as a process"),
    "receiver/__main__.py": ("tests/receiver/test_app.py", "a composition root: `serve` with the settings of the environment"),
    "jobs/__main__.py": ("tests/e2e/test_push.py", "a composition root: `serve` with the settings of the environment"),
}
"""Modules without a test file of their own: where they are tested, and why there."""


def does_something(path: Path) -> bool:
    """Whether a module has a function with a body; values, protocols and tables are tested by who uses them."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(not _is_empty(function) for function in functions)


def _is_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return all(isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in function.body)


MODULES = sorted(
    str(path.relative_to(ROOT))
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__init__.py" and does_something(path)
)


def mirrored(module: str) -> Path:
    path = Path(module)
    return Path("tests") / path.parent / f"test_{path.stem}.py"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_test_file_or_a_reason(module):
    if module in ELSEWHERE:
        where, why = ELSEWHERE[module]
        assert why
        assert (ROOT / where).exists(), f"{where} is gone; where is {module} tested now?"
        return
    assert (ROOT / mirrored(module)).exists(), f"{module} has no {mirrored(module)}; write it, or say in ELSEWHERE why not"


@pytest.mark.parametrize("module", sorted(ELSEWHERE))
def test_no_reason_outlives_its_module(module):
    assert module in MODULES, f"{module} is gone or does nothing; take it out of ELSEWHERE"
    assert not (ROOT / mirrored(module)).exists(), f"{module} has its test file by now; take it out of ELSEWHERE"
