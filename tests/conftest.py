"""Fixtures that many tests share; each is written once, in tests/servers."""

import pytest

from tests.tools.build import find

pytest_plugins = [
    "tests.servers.control_plane",
    "tests.servers.forges",
    "tests.servers.git_http",
    "tests.servers.scene",
    "tests.servers.git_ssh",
    "tests.servers.story",
    "tests.servers.valkey",
    "tests.servers.real",  # it needs those before it
]


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests must not matter."""
    for name in ("KUBECONFIG", "TRUEUP_CONFIG", "TRUEUP_SERVER", "TRUEUP_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a program that is not there; `python -m tests.missing` says so before."""
    missing = {id(item) for item in items for mark in item.iter_markers("tool") if find(mark.args[0]) is None}
    if missing:
        config.hook.pytest_deselected(items=[item for item in items if id(item) in missing])
        items[:] = [item for item in items if id(item) not in missing]
