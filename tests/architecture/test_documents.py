"""The documents are true: generated pages are fresh, links lead somewhere, every module says what it is for.

Every setting, metric, event of the log and error is in the documents by its name, and every warning has its mend.
"""

import ast
import re
from pathlib import Path

import pytest

from docs.generate import pages
from jobs import metrics as job_metrics
from receiver import metrics as receiver_metrics
from receiver.settings import ReceiverSettings
from reconciler.settings import variable_of

ROOT = Path(__file__).parents[2]
MODULES = sorted(p for package in ("trueup", "receiver", "jobs", "reconciler") for p in (ROOT / package).rglob("*.py"))
ROOMS = sorted(p for package in ("receiver", "jobs", "reconciler") for p in (ROOT / package).iterdir() if p.name[0] != "_")
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


@pytest.mark.parametrize("room", ROOMS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_room_stands_in_the_architecture(room):
    table = (ROOT / "docs" / "architecture.md").read_text().partition(f"| `{room.parent.name}/` |")[2].partition("\n\n")[0]
    assert f"`{room.name}`" in table


TEXT = {page.name: page.read_text() for page in PAGES}
WHOLE = "\n".join(TEXT.values())
TREES = {path: ast.parse(path.read_text()) for path in MODULES if "sandbox" not in path.parts}
LEVELS = {"debug": "warning", "exception": "error"}
"""A line that is told at a level of its own only the first time; a crash is an error."""


def logged() -> dict[str, set[str]]:
    """Every event that is written to the log, with its levels."""
    found: dict[str, set[str]] = {}
    for tree in TREES.values():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
            name, first = ast.unparse(call.func), call.args[0]
            if not isinstance(first, ast.Constant) or not re.fullmatch(r"[a-z]+\.[a-z_]+", str(first.value)):
                continue
            level = "info" if name == "self._say" else "warning" if name == "tell" else name.partition("log.")[2]
            if level:
                found.setdefault(str(first.value), set()).add(LEVELS.get(level, level))
    return found


LOGGED = logged()
ROWS = {
    event: (level, meaning, mend.strip())
    for event, level, meaning, mend in re.findall(
        r"^\| `([a-z]+\.[a-z_]+)` \| (\w+) \| (.*?) \|(.*)\|$", TEXT["operations.md"], re.MULTILINE
    )
}
"""Events of the log with their level, what they mean and what to do, as the page has them."""


def test_every_event_of_the_log_is_documented_and_no_other():
    assert len(LOGGED) > 50
    assert set(ROWS) == set(LOGGED)


@pytest.mark.parametrize("event", sorted(LOGGED))
def test_what_an_event_means_and_what_to_do(event):
    level, meaning, mend = ROWS[event]
    assert {level} == LOGGED[event]
    assert meaning
    assert mend or level == "info", "a warning or an error has its mend"


@pytest.mark.parametrize("name", sorted(ReceiverSettings.model_fields))
def test_every_setting_is_documented_with_its_default(name):
    field = ReceiverSettings.model_fields[name]
    (row,) = re.findall(rf"^\| `{variable_of(name, field)}` \| (.*) \| (.*) \|$", TEXT["configuration.md"], re.MULTILINE)
    assert all(row)


def test_every_variable_that_the_documents_name_is_a_setting():
    known = {variable_of(name, field) for name, field in ReceiverSettings.model_fields.items()}
    known |= {"TRUEUP_CONFIG", "TRUEUP_SERVER", "TRUEUP_TOKEN"}
    assert set(re.findall(r"\bTRUEUP_[A-Z_]+\b", WHOLE)) <= known


@pytest.mark.parametrize("registry", [receiver_metrics.REGISTRY, job_metrics.REGISTRY], ids=["receiver", "jobs"])
def test_every_metric_is_documented_and_ends_in_its_unit(registry):
    for family in registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"| `{name}` | {family.type} |" in TEXT["operations.md"], name
        assert name.endswith(("_total", "_seconds", "_objects", "_clusters", "_applications", "_repositories")), name


def errors() -> set[str]:
    """Every error that may reach a person: those of the tree, and none that is a room's own."""
    nodes = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    classes = {node.name: {ast.unparse(base) for base in node.bases} for node in nodes}
    found, size = {"TrueupError"}, 0
    while len(found) > size:
        size = len(found)
        found |= {name for name, bases in classes.items() if bases & found}
    return found - {"TrueupError"}


@pytest.mark.parametrize("name", sorted(errors()))
def test_every_error_is_documented(name):
    assert re.search(rf"^\| `{name}` \| .+ \| .+\. \|$", TEXT["operations.md"], re.MULTILINE)
