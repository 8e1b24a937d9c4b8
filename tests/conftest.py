"""Fixtures that many tests share; each is written once, in tests/servers."""

import pytest

pytest_plugins = [
    "tests.servers.control_plane",
    "tests.servers.forges",
    "tests.servers.git_http",
    "tests.servers.scene",
    "tests.servers.story",
    "tests.servers.valkey",
]


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests must not matter."""
    for name in ("KUBECONFIG", "TRUEUP_CONFIG", "TRUEUP_SERVER", "TRUEUP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
