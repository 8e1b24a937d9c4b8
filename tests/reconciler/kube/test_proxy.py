"""How a cluster is reached."""

import pytest

from reconciler.kube.config import proxy_to


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        pytest.param({}, "https://k8s.example:6443", None, id="none"),
        pytest.param({"https_proxy": "http://p:3128"}, "https://k8s.example:6443", "http://p:3128", id="for its protocol"),
        pytest.param({"http_proxy": "http://p:3128"}, "https://k8s.example:6443", None, id="for another protocol"),
        pytest.param({"https_proxy": "http://p:3128", "no_proxy": ".example"}, "https://k8s.example:6443", None, id="exempt"),
        pytest.param(
            {"https_proxy": "http://p:3128", "no_proxy": "10.0.0.1"}, "https://10.0.0.1:6443", None, id="exempt address"
        ),
    ],
)
def test_the_proxy_of_the_environment_is_used_and_its_exemptions_are_heeded(monkeypatch, environment, url, proxy):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_to(url) == proxy
