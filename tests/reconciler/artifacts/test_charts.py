"""Which version of a chart an index has, and where."""

import pytest

from reconciler.artifacts.charts import choose
from reconciler.errors import SourceRefused

URL = "https://charts.example.com/stable"
ENTRIES = {
    "web": [
        {"version": "1.0.0", "urls": ["web-1.0.0.tgz"], "digest": "AB"},
        {"version": "1.1.0", "urls": ["https://other.example.com/x.tgz", "y"], "digest": "sha256:cd"},
        {"version": "odd", "urls": ["/odd.tgz"]},
        {"version": 2, "urls": ["n"]},
        "no entry",
    ],
    "none": None,
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("1.0.0", ("1.0.0", f"{URL}/web-1.0.0.tgz", "ab")),
        ("^1", ("1.1.0", "https://other.example.com/x.tgz", "cd")),
        ("odd", ("odd", "https://charts.example.com/odd.tgz", "")),
    ],
)
def test_a_version_with_its_address_and_digest(wanted, found):
    chosen = choose(ENTRIES, "web", wanted, URL, "t/x")
    assert (chosen.version, chosen.url, chosen.digest) == found


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("none", "*", "t/x: there is no chart 'none' in https://charts.example.com/stable"),
        ("other", "*", "t/x: there is no chart 'other'"),
        ("web", "^2", "t/x: chart web has no version '^2'; the newest is 1.1.0"),
    ],
)
def test_what_is_not_there_is_named(name, wanted, message):
    with pytest.raises(SourceRefused) as raised:
        choose(ENTRIES, name, wanted, URL, "t/x")
    assert message in str(raised.value)
