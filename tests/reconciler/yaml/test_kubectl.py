"""kubectl itself is asked, without a server, whether it reads the same; many values share one call of 40 ms.

Left out, because we refuse them on purpose: duplicate keys, bytes that are not UTF-8, text after `...`.
"""

import json
import string
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import InvalidManifest
from reconciler.render.kustomize import binary
from reconciler.yaml.documents import parse_documents

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def kubectl(text: str) -> list[dict] | None:
    """The documents that kubectl reads; None when it refuses."""
    argv = [binary(), "patch", "--local", "--type=merge", "-p", "{}", "-f", "-", "-o", "json"]
    done = subprocess.run(
        argv,
        input=text.encode(),
        capture_output=True,
        env={"KUBECONFIG": "/dev/null", "HOME": "/nonexistent"},
        timeout=30,
        check=False,
    )
    if done.returncode != 0:
        return None
    found, decoder, rest = [], json.JSONDecoder(), done.stdout.decode().strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


def ours(text: str) -> list[dict] | None:
    try:
        return [raw.document for raw in parse_documents(text.encode(), name="a.yaml")]
    except InvalidManifest:
        return None


def same(ours: object, theirs: object) -> bool:
    """Equal, and of the same types; a float may be printed as an integer where that is what it is."""
    match ours, theirs:
        case dict(), dict():
            return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
        case list(), list():
            return len(ours) == len(theirs) and all(map(same, ours, theirs))
        case float(), int():
            return ours == float(theirs)
    return type(ours) is type(theirs) and ours == theirs


NUMBERLIKE = st.text(alphabet="0123456789+-._eExXoObBfF:", min_size=1, max_size=9)
WORDS = st.sampled_from(
    ["yes", "No", "ON", "off", "True", "null", "~", "y", "N", "nan", ".inf", "inf", "0x", "2020-01-01", "=", "<"]
)
PLAIN = st.text(alphabet=string.ascii_letters + string.digits + "+-./_~=<", min_size=1, max_size=6)
NUMBERS = st.one_of(st.integers(-(10**22), 10**22).map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))
SCALARS = st.one_of(NUMBERLIKE, WORDS, PLAIN, NUMBERS)


def is_readable(scalar: str) -> bool:
    """Only what both of us read can share one call; what one of us refuses is asked alone."""
    return ours(f"{HEAD}x:\n- {scalar}\n") is not None


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SCALARS, min_size=40, max_size=80))
def test_scalars_mean_what_kubectl_reads(scalars):
    readable = [scalar for scalar in scalars if is_readable(scalar)]
    text = HEAD + "x:\n" + "".join(f"- {scalar}\n" for scalar in readable)
    theirs = kubectl(text)
    assert theirs is not None, "kubectl refuses one of them, and we do not"
    pairs = zip(readable, ours(text)[0]["x"], theirs[0]["x"], strict=True)
    assert [row for row in pairs if not same(row[1], row[2])] == []


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SCALARS, min_size=20, max_size=40, unique=True))
def test_keys_mean_what_kubectl_reads(scalars):
    readable = [scalar for scalar in scalars if ours(f"{HEAD}x: {{{scalar} : 1}}\n") is not None and not scalar.startswith("<<")]
    text = HEAD + "x:\n" + "".join(f"- {{{scalar} : 1}}\n" for scalar in readable)
    theirs = kubectl(text)
    assert theirs is not None, "kubectl refuses one of them, and we do not"
    pairs = zip(readable, ours(text)[0]["x"], theirs[0]["x"], strict=True)
    assert [row for row in pairs if not same(row[1], row[2])] == []


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(JSON_VALUES)
def test_json_means_what_kubectl_reads(value):
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "x": [value]}, indent=1)
    theirs = kubectl(text)
    assert theirs is not None
    assert same(ours(text)[0]["x"], theirs[0]["x"])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEAD}---\n{HEAD}", id="two documents"),
        pytest.param(f"# c\n---\n---\n# d\n--- # e\n{HEAD}---", id="empty documents and comments"),
        pytest.param(f"\ufeff{HEAD}".replace("\n", "\r\n"), id="byte order mark and CRLF"),
        pytest.param("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", id="flow style"),
        pytest.param(
            f'{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "a"}}}}\n---\n{HEAD}', id="JSON, then YAML"
        ),
        pytest.param(f"apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {{name: a}}\n---\n{HEAD}", id="typed List"),
        pytest.param(f"{HEAD}z: &z {{k: 1, j: 5}}\na: {{k: 2, <<: *z}}\nb: {{<<: *z, k: 2}}\n", id="order of merge keys"),
        pytest.param(
            f"{HEAD}z: &z {{k: 1}}\nw: &w {{k: 3, l: 4}}\na: {{<<: [*z, *w]}}\nb: {{<<: *z, <<: {{m: 2}}}}\n", id="merge lists"
        ),
        pytest.param(
            f"{HEAD}a: 'x''y'\nb: >-\n  hi\n  there\n\n  x\nc: |+\n  q\n\nd: \"\\x41\\u00e9\\t\"\n", id="quotes and blocks"
        ),
        pytest.param(f"{HEAD}a: !!set {{x, z}}\nb: !!omap [x: 1]\nc: !foo bar\nd: !!binary aGVsbG8=\ne: !!str\n", id="tags"),
    ],
)
def test_documents_are_those_that_kubectl_reads(text):
    assert same(ours(text), kubectl(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"--- {{a: 1}}\n{HEAD}", id="a document beside the dashes"),
        pytest.param(f"{HEAD}----\n{HEAD}", id="four dashes"),
        pytest.param(f"%YAML 1.1\n---\n{HEAD}", id="directive"),
        pytest.param("hello\n", id="a text"),
        pytest.param(f"{HEAD}~: 1\n", id="null as a key"),
        pytest.param(f"{HEAD}18446744073709551615: 1\n", id="a large number as a key"),
        pytest.param(f"{HEAD}? [a]\n: 1\n", id="a list as a key"),
        pytest.param(f"{HEAD}a: {{<<: 3}}\n", id="merge of a number"),
        pytest.param(f"{HEAD}a: &x [*x]\n", id="alias in its own anchor"),
        pytest.param(f"{HEAD}a: *x\n", id="unknown alias"),
        pytest.param(f"{HEAD}a: .inf\n", id="infinity"),
        pytest.param(f"{HEAD}a: !!int abc\n", id="wrong tag"),
        pytest.param(f"{HEAD}a: !!binary '@'\n", id="binary that is not base64"),
        pytest.param(f"{HEAD}a:\n\tb: 1\n", id="tab"),
        pytest.param("apiVersion: v1\nkind: ConfigMapList\nitems: hello\n", id="items that are no list"),
    ],
)
def test_what_kubectl_refuses_we_refuse(text):
    assert kubectl(text) is None
    assert ours(text) is None
