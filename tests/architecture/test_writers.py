"""What is written for an application is written within its allowance: nobody but its environment takes the cluster's own writer."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKERS = {"reconciler/kube/apply.py", "reconciler/kube/cluster.py"}
"""Where writers are made."""
GIVERS = {*MAKERS, "reconciler/sync/environment.py"}
"""Where the writer without bounds may be spoken of."""

MODULES = sorted(
    str(path.relative_to(ROOT))
    for package in ("reconciler", "jobs", "receiver", "trueup")
    for path in (ROOT / package).rglob("*.py")
    if "sandbox" not in path.parts
)


def bare_writers(text: str) -> list[str]:
    """What takes the writer of a cluster, or makes one."""
    nodes = list(ast.walk(ast.parse(text)))
    taken = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr == "writer"]
    owners = [ast.unparse(node.value) for node in taken]
    made = [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]
    return [o for o in owners if o.rpartition(".")[2].lstrip("_") == "cluster"] + [
        m for m in made if m.split(".")[-1] == "Writer"
    ]


@pytest.mark.parametrize("module", MODULES)
def test_only_the_environment_gives_a_writer(module):
    found = bare_writers((ROOT / module).read_text())
    assert not found or module in GIVERS, f"{module}: takes the writer without bounds; ask the environment: writer(application)"


@pytest.mark.parametrize("module", sorted(GIVERS))
def test_whoever_may_give_it_does(module):
    assert bare_writers((ROOT / module).read_text())


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ("environment.cluster.writer.delete(key)", True),
        ("self._cluster.writer", True),
        ("cluster.writer.within(allowance)", True),
        ("Writer(client, index, kinds, instance)", True),
        ("environment.writer(application).delete(key)", False),
        ("stream.writer.write(text)", False),
    ],
)
def test_a_bare_writer_is_seen(line, is_bare):
    assert bool(bare_writers(line)) is is_bare
