import pytest

from reconciler.yaml.locate import locate

TEXT = b"""# shop
kind: Repository
metadata:
  name: shop
---
kind: Application
spec:
  sources:
  - git:
      path: a
  - git: {path: b,
      revision: c}
---
kind: List
items:
- kind: Application
  spec:
    sync: {}
- kind: Repository
  spec:
    url: x
"""


@pytest.mark.parametrize(
    ("line", "path", "found"),
    [
        pytest.param(2, (), 2, id="the object itself"),
        pytest.param(2, ("metadata", "name"), 4, id="a field"),
        pytest.param(6, ("spec", "sources", 1, "git", "revision"), 12, id="in a list, in flow style"),
        pytest.param(6, ("spec", "sources", 1), 11, id="an entry"),
        pytest.param(6, ("spec", "sources", 7, "git"), 8, id="what is missing is where it should be"),
        pytest.param(6, ("spec", "destination", "namespace"), 7, id="a missing field"),
        pytest.param(6, ("spec", "sources", "git"), 8, id="a key where a list is"),
        pytest.param(16, ("spec", "sync"), 18, id="in the first entry of a List"),
        pytest.param(19, ("spec", "url"), 21, id="in the second"),
    ],
)
def test_a_field_is_found_in_the_object_that_begins_at_a_line(line, path, found):
    assert locate(TEXT, path, line=line) == found


def test_in_a_stream_of_json_the_object_is_as_near_as_it_gets():
    assert locate(b'{"a": 1}\n{"b": 2}\n', ("b",), line=2) == 2
