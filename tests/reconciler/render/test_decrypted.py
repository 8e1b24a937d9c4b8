"""Held against the real sops: what it encrypted is decrypted to what it decrypts itself; what was changed since is not."""

import base64
import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest

from reconciler.errors import InvalidManifest, RenderFailed
from reconciler.model.declared import Name
from reconciler.model.rendering import HelmOptions, RenderOptions
from reconciler.render.choose import Tools, render
from reconciler.render.decrypted import Keys, copy
from reconciler.render.decrypted import plain_of as decrypted
from reconciler.render.result import Data, Given, RenderRequest
from reconciler.render.sops import Undecryptable, identities
from reconciler.yaml.documents import parse_documents
from tests.servers.sealing import call, seal
from tests.tools.build import find

pytestmark = pytest.mark.tool("sops")

IDENTITY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
KEYS = {"age.agekey": f"# created: today\n{IDENTITY}\n"}
GIVEN = Given("web", data=(Data("Secret", "keys", tuple(KEYS.items())),))
SECRET = """# a comment
apiVersion: v1
kind: Secret
metadata:
  name: s
  labels: {x: "1"}
stringData:
  a: hello
  # another
  b: "0644"
  empty: ""
  long: |
    line one
    line ü
"""
MANY = """
a: 1
b: 1.5
c: true
d: null
e: [x, 2, {f: g, h: [1, two]}]
i_unencrypted: plain
j: {k: -7, l: 1000000.0, m: "yes", o: 0.000001}
"""


def sops(*arguments, stdin=None):
    env = {"HOME": "/nonexistent", "SOPS_AGE_KEY": str(IDENTITY), "PATH": os.environ["PATH"]}
    done = subprocess.run([find("sops"), *arguments], input=stdin, capture_output=True, env=env, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def encrypt(path: Path, text: str, *options: str, key=IDENTITY) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    first = [option for option in options if option == "--mac-only-encrypted"]
    others = [option for option in options if option not in first]
    sops(*first, "encrypt", "--in-place", "--age", str(key.to_public()), *others, str(path))
    assert "ENC[" in path.read_text()


def plain_of(path, keys):
    return decrypted(path, Keys(tuple(keys))).content


def documents(content: bytes):
    return [raw.document for raw in parse_documents(content, name="")]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="everything"),
        pytest.param(("--encrypted-regex", "^(data|stringData|e|j)$"), id="regex"),
        pytest.param(("--unencrypted-regex", "^(apiVersion|kind|metadata|a)$"), id="all but a regex"),
        pytest.param(("--encrypted-suffix", "a"), id="suffix"),
        pytest.param(("--unencrypted-suffix", "b"), id="all but a suffix"),
        pytest.param(("--encrypted-regex", "^(stringData|e|j)$", "--mac-only-encrypted"), id="MAC over what is encrypted"),
    ],
)
@pytest.mark.parametrize("text", [SECRET, MANY, f"{SECRET}---{MANY}---\n{SECRET}"], ids=["secret", "many", "several"])
@pytest.mark.parametrize("suffix", ["yaml", "yml"])
@pytest.mark.long
def test_yaml(tmp_path, text, options, suffix):
    path = tmp_path / f"a.{suffix}"
    encrypt(path, text, *options)
    assert documents(plain_of(path, (IDENTITY,))) == documents(text.encode()) == documents(sops("decrypt", str(path)))


def test_json(tmp_path):
    encrypt(tmp_path / "a.json", json.dumps({"a": [1, "x", None, 2.5], "b": {"c": True}}))
    assert json.loads(plain_of(tmp_path / "a.json", (IDENTITY,))) == {"a": [1, "x", None, 2.5], "b": {"c": True}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.env", "# c\nA=1\nB=x=y\nC=\n"),
        (".env", "A=b\n"),
        ("a.bin", "any\ntext ü"),
        ("a.ini", "[one]\na = b\n\n[two]\nc = d = e\n"),
    ],
)
def test_other_formats(tmp_path, name, text):
    encrypt(tmp_path / name, text)
    ours, theirs = plain_of(tmp_path / name, (IDENTITY,)).decode(), sops("decrypt", str(tmp_path / name)).decode()
    without_comments = re.sub(r"^#.*\n", "", theirs, flags=re.MULTILINE)
    assert [re.sub(r"\s*=\s*", "=", line, count=1) for line in ours.split("\n") if line] == [
        re.sub(r"\s*=\s*", "=", line, count=1) for line in without_comments.split("\n") if line
    ]


def test_any_of_several_keys_and_recipients(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(SECRET)
    sops("encrypt", "-i", "--age", f"{OTHER.to_public()},{IDENTITY.to_public()}", str(path))
    keys = identities([f"x\n{pyrage.x25519.Identity.generate()}", str(IDENTITY)])
    assert documents(plain_of(path, keys)) == documents(SECRET.encode())


@pytest.mark.parametrize("sort", [("ed25519",), ("rsa", "-b", "2048")], ids=["ed25519", "rsa"])
def test_keys_of_ssh(tmp_path, sort):
    call("ssh-keygen", "-q", "-N", "", "-f", str(tmp_path / "key"), "-t", *sort)
    seal(tmp_path / "a.yaml", SECRET, "--age", (tmp_path / "key.pub").read_text().strip())
    keys = identities(["nothing", (tmp_path / "key").read_text(), "AGE-SECRET-KEY-1NONE"])
    assert documents(plain_of(tmp_path / "a.yaml", keys)) == documents(SECRET.encode())


def _another(match):
    return "data:B" if match[1] == "A" else "data:A"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda t: t.replace("name: s", "name: t"), "was changed after it was encrypted: its MAC is another", id="plain value"),
        pytest.param(lambda t: re.sub(r"data:(.)", _another, t, count=1), "stringData.a was changed", id="cipher"),
        pytest.param(lambda t: re.sub(r"( +a: )(.*)\n(.*\n)?( +b: )(.*)", r"\1\5\n\4\2", t), "encrypted, or moved", id="swapped"),
        pytest.param(lambda t: re.sub(r"    a: .*\n", "", t), "its MAC is another", id="removed"),
        pytest.param(lambda t: re.sub(r"    a: .*\n", "    a: plain\n", t), "stringData.a should be encrypted, and is not", id="in clear"),
        pytest.param(lambda t: re.sub(r"    mac: .*\n", '    mac: ""\n', t), "its MAC is another", id="no MAC"),
        pytest.param(lambda t: re.sub(r"lastmodified: .*\n", 'lastmodified: "2020-01-01T00:00:00Z"\n', t), "mac was changed", id="time"),
    ],
)  # fmt: skip
def test_what_was_changed_is_refused(tmp_path, change, message):
    path = tmp_path / "a.yaml"
    encrypt(path, SECRET, "--encrypted-regex", "^stringData$")
    path.write_text(change(path.read_text()))
    with pytest.raises(Undecryptable, match=message) as caught:
        plain_of(path, (IDENTITY,))
    assert "hello" not in str(caught.value)


@pytest.mark.parametrize(("keys", "message"), [((), "needs an age key"), ((OTHER,), "none of the keys fits")])
def test_without_the_key_the_mend_is_named(tmp_path, keys, message):
    encrypt(tmp_path / "a.yaml", SECRET)
    with pytest.raises(Undecryptable, match=message):
        plain_of(tmp_path / "a.yaml", keys)


def test_a_copy_has_everything(plant, tmp_path):
    tree = plant({"a/x.yaml": "map:x", "b": "-> a", "c": "-> a/x.yaml", "d/not.yaml": "sops: a", "e.txt": "sops"})
    encrypt(tree.root / "a/s.yaml", SECRET)
    encrypt(tree.root / "other.yaml", SECRET, key=OTHER)
    (into := tmp_path / "copy").mkdir()
    found = copy(tree, into, Keys.of(KEYS))
    copied = found.tree
    assert sorted(found.refused) == ["other.yaml"]
    names = sorted(str(path.relative_to(tree.root)) for path in tree.root.rglob("*"))
    assert sorted(str(path.relative_to(copied.root)) for path in copied.root.rglob("*")) == names
    assert (copied.root / "b").is_symlink()
    assert (copied.root / "c").read_text() == (tree.root / "a/x.yaml").read_text()
    assert documents((copied.root / "a/s.yaml").read_bytes()) == documents(SECRET.encode())
    assert "ENC[" in (tree.root / "a/s.yaml").read_text()
    assert set(found.values) == {"a/s.yaml"}
    assert {"hello", "0644"} <= set(found.values_of({"a/"})) == set(found.values_of({"a/s.yaml", "b"}))
    assert not list(found.values_of({"b", "aa/"}))


def rendered(tree, path, tools, **options):
    options = RenderOptions(decrypt_secret="keys", **options)
    return render(tree, RenderRequest(Name("t", "web"), path, options, GIVEN), tools)


def test_every_renderer_reads_what_is_plain(plant, kubectl):
    tree = plant({
        "k/kustomization.yaml": "resources: [s.yaml]\nnamePrefix: x-\nsecretGenerator: [{name: g, envs: [.env]}]\n",
        "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        "c/templates/a.yaml": "kind: A\napiVersion: a/v1\nmetadata: {name: a}\nspec: {{ .Values.stringData | toJson }}\n",
    })  # fmt: skip
    for path in ("p/s.yaml", "k/s.yaml", "values.yaml"):
        encrypt(tree.root / path, SECRET, "--encrypted-regex", "^stringData$")
    encrypt(tree.root / "k/.env", "A=1\n")
    from reconciler.render.helm import ask_version  # noqa: PLC0415 - only here

    tools = Tools(kubectl, ask_version(find("helm") or "/nonexistent"))
    plain = rendered(tree, "p", tools)
    assert plain.documents[0].document == documents(SECRET.encode())[0]
    assert plain.read == {"p/"}
    built = {raw.document["metadata"]["name"]: raw.document for raw in rendered(tree, "k", tools).documents}
    assert built["x-s"]["stringData"]["a"] == "hello"
    assert any(document.get("data") == {"A": "MQ=="} for document in built.values())
    if tools.helm is not None:
        chart = rendered(tree, "c", tools, helm=HelmOptions(values_files=("/values.yaml",)))
        assert chart.documents[0].document["spec"]["a"] == "hello"


def test_what_is_still_encrypted_is_nothing_to_apply(plant, kubectl):
    tree = plant({"c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n"})
    encrypt(tree.root / "p/s.yaml", SECRET)
    encrypt(tree.root / "q/s.yaml", SECRET, key=OTHER)
    with pytest.raises(InvalidManifest, match=r"^p/s\.yaml, line 2: is encrypted by SOPS; name the Secret"):
        render(tree, RenderRequest(Name("t", "web"), "p"), Tools(kubectl))
    with pytest.raises(InvalidManifest, match=r"^q/s\.yaml, line 2: is encrypted for age1.*none of the keys fits"):
        rendered(tree, "q", Tools(kubectl))


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        pytest.param("plain", "data.a", id="plain"),
        pytest.param("built", "data.A", id="built"),
        pytest.param("whole", "", id="a Secret that is encrypted whole"),
        pytest.param("copied", "spec.copy", id="copied by Kustomize"),
    ],
)
def test_where_a_decrypted_value_comes_to_stand_is_masked(plant, kubectl, path, masked):
    tree = plant({
        "built/kustomization.yaml": "configMapGenerator: [{name: g, envs: [.env]}]\n",
        "copied/kustomization.yaml": "resources: [s.yaml, b.yaml]\nreplacements: [{source: {kind: Secret, fieldPath: stringData.a}, "
        "targets: [{select: {kind: B}, fieldPaths: [spec.copy]}]}]\n",
        "copied/b.yaml": "apiVersion: b/v1\nkind: B\nmetadata: {name: b}\nspec: {copy: x, other: y}\n",
    })  # fmt: skip
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: hello, b: shown}\n"
    encrypt(tree.root / "plain/c.yaml", config, "--encrypted-regex", "^a$")
    encrypt(tree.root / "built/.env", "A=hello\n")
    encrypt(tree.root / "whole/s.yaml", SECRET)
    encrypt(tree.root / "copied/s.yaml", SECRET, "--encrypted-regex", "^stringData$")
    encrypt(tree.root / "unread/s.yaml", "a: shown\n")
    found = rendered(tree, path, Tools(kubectl)).documents
    marks = [(raw.document["metadata"].get("annotations") or {}).get("trueup.dev/masked", "") for raw in found]
    assert [mark for mark in marks if mark] == ([masked] if masked else [])


@pytest.mark.tool("helm")
def test_no_message_of_a_renderer_has_a_decrypted_value(plant, kubectl):
    tree = plant({
        "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        "c/templates/a.yaml": '{{ fail (printf "not %s" .Values.password) }}\n',
    })  # fmt: skip
    encrypt(tree.root / "c/secrets.yaml", "password: swordfish\n")
    from reconciler.render.helm import ask_version  # noqa: PLC0415 - only here

    with pytest.raises(RenderFailed, match=r"not \*\*\*") as caught:
        rendered(tree, "c", Tools(kubectl, ask_version(find("helm"))), helm=HelmOptions(values_files=("secrets.yaml",)))
    assert "swordfish" not in str(caught.value)


@pytest.mark.tool("helm")
def test_what_is_in_a_file_of_another_source_is_masked_too(plant, tmp_path, kubectl):
    tree = plant({
        "c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        "c/templates/a.yaml": "kind: A\napiVersion: a/v1\nmetadata: {name: a}\nspec: {url: 'x://{{ .Values.password }}@y'}\n",
    })  # fmt: skip
    encrypt(tmp_path / "s.yaml", "password: swordfish\n")
    from reconciler.render.helm import ask_version  # noqa: PLC0415 - only here

    given = replace(GIVEN, files=(("$v/s.yaml", (tmp_path / "s.yaml").read_text()),))
    options = RenderOptions(decrypt_secret="keys", helm=HelmOptions(values_files=("$v/s.yaml",)))
    found = render(tree, RenderRequest(Name("t", "web"), "c", options, given), Tools(kubectl, ask_version(find("helm"))))
    assert found.documents[0].document["metadata"]["annotations"] == {"trueup.dev/masked": "spec.url"}
    assert found.documents[0].document["spec"] == {"url": "x://swordfish@y"}


OPTIONS = {
    "everything": (),
    "regex": ("--encrypted-regex", "^(b|d|data)$"),
    "all but a regex": ("--unencrypted-regex", "^(a|c|metadata|apiVersion|kind|g|e)$"),
    "suffix": ("--encrypted-suffix", "b"),
    "all but a suffix": ("--unencrypted-suffix", "a"),
    "MAC over what is encrypted": ("--encrypted-regex", "^(b|d)$", "--mac-only-encrypted"),
}
FILES = {
    "words.yaml": "a: yes\nb: on\nc: y\nd: Off\nyes: 1\n",
    "numbers.yaml": "a: 0644\nb: 0o644\nc: 0x1F\nd: 0b11\ne: 1_000\ng: 9223372036854775807\n",
    "fractions.yaml": "a: 1.0\nb: 1e3\nc: .5\nd: 1e-7\ne: 12e03\ng: 123456789.123456789\n",
    "dates.yaml": "a: 2001-12-14\nb: 2001-12-14t21:59:43.10-05:00\nc: 2001-12-14 21:59:43\nd: '2001-12-14'\n",
    "nothing.yaml": "a: null\nb: ~\nc:\nd: ''\ne: {}\ng: []\nh: {i: {}}\n",
    "anchors.yaml": "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n",
    "comments.yaml": "# top\na: 1 # side\n# mid\nb:\n  # in\n  - x # y\n  # z\n  - {c: d}\n# end\n",
    "blocks.yaml": "a: |\n  x\n  y\nb: >\n  f\n  g\n\nc: |+\n  k\n\n\nd: |-\n  z\n",
    "texts.yaml": "a: '0644'\nb: \"yes\"\nc: ' x '\ne: '123'\nf: 'null'\ng: 1:30\nh: =\n'a:b': {'c:d': 1}\n'a.b': x\nü: '😀'\n",
    "lists.yaml": "a: [[1,[2,3]],{b: [c]}]\nb:\n- c: 1\n- null\n- ''\n- true\n",
    "several.yaml": "a: 1\n---\nb: 2\n---\n# only\nc: yes\n---\n---\nd: 3\n",
    "windows.yaml": "a: 1\r\nb: x\r\n",
    "basic.json": '{"a":1,"b":"x","c":[1,null,true,2.5,{"d":"e"}],"d":{},"e":[]}',
    "deep.json": '{"a":{"b":{"c":{"d":1}}},"b":[[1],[[2]]],"g":"é\\u0000😀"}',
    "basic.env": "a=1\nb=x=y\nc=\n# c\nd='q'\ne=\"q\"\n",
    "odd.env": "a = b\nb= c \nexport c=1\nd=$x\\n\ng=é😀\n",
    "basic.ini": "[a]\nb = c\nd=e\n\n[b]\na = 1\n",
    "first.ini": "x = 1\n[a]\nb = c\n",
    "quoted.ini": '[a]\nb = """x\ny"""\nd = `a;b`\na = " s "\n[A b]\nB c = D=e\nd =\n',
    "comments.ini": "; c\n[a]\n# d\nb = c ; e\nd: %(x)s $y\n",
}


def _without_comments(content: bytes) -> list[str]:
    return [line.replace(" ", "") for line in content.decode().splitlines() if line.strip() and not line.startswith(("#", ";"))]


@pytest.mark.long
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", FILES)
def test_every_option_in_every_format_as_sops_does_it(tmp_path, name, options):
    path = tmp_path / name
    first = [option for option in options if option == "--mac-only-encrypted"]
    path.write_text(FILES[name])
    sops(*first, "encrypt", "--in-place", "--age", str(IDENTITY.to_public()), *(o for o in options if o not in first), str(path))
    read = documents if path.suffix in (".yaml", ".json") else _without_comments
    ours, theirs = read(plain_of(path, (IDENTITY,))), read(sops("decrypt", str(path)))
    assert repr(ours) == repr(theirs)


def test_bytes_that_are_no_text(plant, kubectl):
    content = bytes(range(256))
    tree = plant({"k/kustomization.yaml": "configMapGenerator: [{name: g, files: [store.p12]}]\n"})
    (tree.root / "k/store.p12").write_bytes(content)
    sops("encrypt", "--in-place", "--age", str(IDENTITY.to_public()), str(tree.root / "k/store.p12"))
    assert plain_of(tree.root / "k/store.p12", (IDENTITY,)) == content
    found = rendered(tree, "k", Tools(kubectl)).documents[0].document
    assert base64.b64decode(found["binaryData"]["store.p12"]) == content
    assert found["metadata"]["annotations"]["trueup.dev/masked"] == "binaryData[store.p12]"


def test_ini_that_cannot_be_read_is_not_taken_for_plain(tmp_path):
    encrypt(tmp_path / "a.ini", "[a]\nb = c\n")
    (tmp_path / "a.ini").write_text("nonsense\n" + (tmp_path / "a.ini").read_text())
    with pytest.raises(Undecryptable, match="cannot be read: line 1: is no key = value"):
        plain_of(tmp_path / "a.ini", (IDENTITY,))


COMMENTED = {
    "a.yaml": "# secret\na: 1\nb: x\nc:\n  # secret\n  d: {e: y, f: [z, true]}\n  g: w # secret\n  h: ''\n---\n# secret\ni: v\nj: 1.5\n",
    "a.env": "# secret\na=1\nb=x\n",
    "a.ini": "[a]\n; secret\nb = c\nd = e\n",
}


def by_comments(path, text, **rule):
    """Encrypt as a rule of `.sops.yaml` says; there are no arguments for it."""
    config = path.with_name("config")
    config.write_text(json.dumps({"creation_rules": [{"age": str(IDENTITY.to_public()), **rule}]}))
    seal(path, text, environment={"SOPS_CONFIG": str(config)})


@pytest.mark.parametrize("rule", ["encrypted_comment_regex", "unencrypted_comment_regex"])
@pytest.mark.parametrize("name", COMMENTED)
def test_values_that_are_chosen_by_comments(tmp_path, name, rule):
    path = tmp_path / name
    by_comments(path, COMMENTED[name], **{rule: "secret"})
    read = documents if path.suffix == ".yaml" else _without_comments
    assert read(plain_of(path, (IDENTITY,))) == read(sops("decrypt", str(path)))


@pytest.mark.parametrize("mac_only_encrypted", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: re.sub(r"^a: ENC.*$", "a: plain", t, flags=re.MULTILINE), id="in clear"),
        pytest.param(lambda t: re.sub(r"#.*\na: ENC.*$", "a: plain", t, flags=re.MULTILINE), id="in clear, without its comment"),
        pytest.param(lambda t: re.sub(r"^a: ENC.*\n", "", t, flags=re.MULTILINE), id="removed"),
        pytest.param(lambda t: t.replace("a: ENC", "b: ENC"), id="moved"),
    ],
)
def test_what_was_changed_though_comments_choose_is_refused(tmp_path, change, mac_only_encrypted):
    path = tmp_path / "a.yaml"
    rule = {"encrypted_comment_regex": "secret", "mac_only_encrypted": mac_only_encrypted}
    by_comments(path, "# secret\na: hunter2\nc: x\n", **rule)
    plain_of(path, (IDENTITY,))
    assert change(path.read_text()) != path.read_text()
    path.write_text(change(path.read_text()))
    with pytest.raises(Undecryptable, match=r"its MAC is another|b was changed"):
        plain_of(path, (IDENTITY,))
