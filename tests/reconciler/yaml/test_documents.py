"""Where documents begin and end, what a List is, and what every mistake says. That all this is kubectl's way: test_kubectl.py."""

import pytest

from reconciler.errors import InvalidManifest
from reconciler.yaml.documents import load_one, parse_documents

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def parse(text: str | bytes) -> list[tuple[str, str]]:
    """Names and lines."""
    raws = parse_documents(text if isinstance(text, bytes) else text.encode(), name="a.yaml")
    return [(raw.document["metadata"]["name"], raw.source.removeprefix("a.yaml, line ")) for raw in raws]


def named(name: str) -> str:
    return MAP.replace("a}", f"{name}}}")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("", [], id="empty file"),
        pytest.param("# only\n# comments\n", [], id="only comments"),
        pytest.param("---\n---\n# nothing\n---\n", [], id="empty documents"),
        pytest.param("null\n---\n~\n", [], id="documents that are null"),
        pytest.param(MAP, [("a", "1")], id="one"),
        pytest.param(MAP.strip(), [("a", "1")], id="no newline at the end"),
        pytest.param(f"{MAP}---\n{named('b')}", [("a", "1"), ("b", "5")], id="two"),
        pytest.param(f"---\n\n# c\n{MAP}", [("a", "4")], id="the line is the object's, not the separator's"),
        pytest.param(f"--- # why\n{MAP}---   \n{named('b')}", [("a", "2"), ("b", "6")], id="comment and spaces after the dashes"),
        pytest.param(f"\ufeff{MAP}", [("a", "1")], id="byte order mark"),
        pytest.param(f"{MAP}---\n{named('b')}".replace("\n", "\r\n"), [("a", "1"), ("b", "5")], id="CRLF"),
        pytest.param(f"{MAP}---", [("a", "1")], id="ends with dashes"),
        pytest.param(f"{MAP}...\n", [("a", "1")], id="ends with dots"),
        pytest.param('{"metadata": {"name": "a"}}\n {"metadata": {"name": "b"}}', [("a", "1"), ("b", "2")], id="stream of JSON"),
        pytest.param(f'{{"metadata": {{"name": "a"}}}}\n---\n{named("b")}', [("a", "1"), ("b", "3")], id="JSON, then YAML"),
        pytest.param("{metadata: {name: a}}\n", [("a", "1")], id="flow style is not JSON"),
        pytest.param('{"metadata": {"name": "\\ud83d\\ude00"}}', [("😀", "1")], id="surrogate pair"),
        pytest.param(f"kind: List\nitems:\n- metadata: {{name: a}}\n- # c\n  metadata: {{name: b}}\n---\n{named('c')}",
                     [("a", "3"), ("b", "5"), ("c", "7")], id="a List is its items, each with its line"),
        pytest.param("kind: List\nitems:\n- kind: List\n  items: [{metadata: {name: a}}]\n", [("a", "3")], id="List in a List"),
        pytest.param('{"kind": "List", "items": [\n{"metadata": {"name": "a"}}]}', [("a", "1")], id="List in JSON"),
        pytest.param("kind: List\nitems: null\n", [], id="List of nothing"),
        pytest.param("kind: AllowList\nmetadata: {name: a}\nspec: {items: [1]}\n", [("a", "1")], id="a kind that only sounds like one"),
    ],
)  # fmt: skip
def test_documents_are_found_with_their_lines(text, found):
    assert parse(text) == found


def test_the_entries_of_a_typed_list_get_its_kind():
    raws = parse_documents(b"apiVersion: apps/v1\nkind: DeploymentList\nitems: [{metadata: {name: a}}]", name="a.yaml")
    assert raws[0].document == {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}


def test_an_entry_that_says_its_kind_keeps_it():
    raws = parse_documents(b"apiVersion: v1\nkind: SecretList\nitems: [{apiVersion: v2, kind: Other}]", name="a.yaml")
    assert raws[0].document == {"apiVersion": "v2", "kind": "Other"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("--- {a: 1}\n", "line 1: only a comment may follow `---`", id="a document beside the dashes"),
        pytest.param(f"{MAP}----\n{MAP}", "line 4: only a comment may follow", id="four dashes"),
        pytest.param(
            f"{MAP}---\na: b: c\n", "line 5: mapping values are not allowed in this context; mind the indent", id="colon"
        ),
        pytest.param("a:\nb: [\n", "line 3: did not find expected node content; is a value missing, or a bracket", id="bracket"),
        pytest.param(f"{MAP}---\na: {{{{ .Values.a }}}}\n", "line 5: a template stands here, and only those in", id="template"),
        pytest.param("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", "line 2: a conflict of git was left", id="conflict"),
        pytest.param("a:\n\tb: 1\n", "line 2: found character that cannot start any token; indent with spaces", id="tab"),
        pytest.param("a: @b\n", "line 1: .*quote a text that begins with @", id="reserved character"),
        pytest.param("a: [1\nb: 2\n", "line 2: .*is a bracket not closed", id="bracket"),
        pytest.param("a: 'b\n", "is a quote or bracket not closed", id="quote"),
        pytest.param(
            "a: 1\nb:\n  c: 1\n  c: 2\n", "line 4: key 'c' stands twice in one mapping; leave one out", id="duplicate key"
        ),
        pytest.param("y: 1\ntrue: 2\n", "line 2: key 'true' stands twice", id="duplicate after reading"),
        pytest.param('{"a": 1,\n"a": 2}', "line 1: JSON: key 'a' stands twice in one object", id="duplicate in JSON"),
        pytest.param(f"{MAP}x: .inf\n", "line 4: .inf is no number that JSON knows; quote it", id="infinity"),
        pytest.param(f"{MAP}~: 1\n", "line 4: ~ cannot be a key; quote it", id="null as a key"),
        pytest.param(f"{MAP}? [a]\n: 1\n", "line 4: a mapping, a list .* cannot be a key", id="list as a key"),
        pytest.param(f"{MAP}...\n{MAP}", "line 5: .*separate documents by a line that is `---` alone", id="dots, then more"),
        pytest.param("a: 1\r---\rb: 1\r", "line 2: a second document in the same text", id="documents of an old Macintosh"),
        pytest.param(f"%YAML 1.1\n---\n{MAP}", "line 2: .*leave out directives", id="directive"),
        pytest.param("[1]\n", "line 1: a list and no object; begin with `apiVersion:` and `kind:`", id="a list"),
        pytest.param(f"{MAP}---\nhello\n", "line 5: a text and no object", id="a text"),
        pytest.param("12\n", "line 1: a number and no object", id="a number"),
        pytest.param("kind: List\nitems: [1]\n", "a number and no object", id="List of numbers"),
        pytest.param(
            "kind: List\nitems: {a: 1}\n", "line 1: items of a List must be a list, and is a mapping", id="List of a mapping"
        ),
        pytest.param(b"a: 1\nb: \xff\n", "line 2: a byte that is not UTF-8; save the file as UTF-8", id="Latin-1"),
        pytest.param("a: b".encode("utf-16"), "not UTF-8", id="UTF-16"),
        pytest.param("a: \0\n", "line 1: .*control characters are not allowed", id="NUL"),
        pytest.param('{"a": "\\ud800"}', "line 1: JSON: .*surrogates not allowed", id="half a surrogate pair"),
        pytest.param('{"a": NaN}', "line 1: JSON: NaN is infinite, too large or no number; quote it", id="NaN in JSON"),
        pytest.param(
            '{"a": 1e999}', "line 1: JSON: 1e999 is infinite, too large or no number; quote it", id="number out of range"
        ),
        pytest.param("a: *x\n", r"line 1: alias \*x has no anchor before it in this document", id="unknown alias"),
        pytest.param(f"a: &x 1\n---\n{MAP}x: *x\n", "has no anchor before it", id="anchor of another document"),
        pytest.param("a: !!python/object/apply:os.system [id]\n", "line 1: refused the tag !!python/object", id="python tag"),
        pytest.param("a: !!binary '@'\n", "line 1: tagged !!binary, and not base64", id="binary"),
        pytest.param("a: !!int yes\n", "line 1: 'yes' is tagged !!int, and is none", id="wrong tag"),
        pytest.param("a: {<<: 3}\n", "line 1: `<<` needs a mapping", id="merge of a number"),
    ],
)
def test_a_mistake_names_file_line_and_mend(text, message):
    with pytest.raises(InvalidManifest, match=r"(?s)^a\.yaml, line .*|^a\.yaml: ") as caught:
        parse_documents(text if isinstance(text, bytes) else text.encode(), name="a.yaml")
    assert caught.match(message)


def test_a_file_past_its_limit_is_refused_before_it_is_parsed():
    with pytest.raises(InvalidManifest, match=r"a\.yaml: 5\.0 MiB are too much for one file, 5 MiB are the limit; split it"):
        parse_documents(b"#" * (5 * 1024 * 1024 + 1), name="a.yaml")


def test_a_json_file_may_be_no_deeper_than_can_be_written_again():
    with pytest.raises(InvalidManifest, match=r"line 1: JSON: .*[Rr]ecursion"):
        parse_documents(b'{"a": ' * 400 + b"1" + b"}" * 400, name="a.json")


@pytest.mark.parametrize(("text", "value"), [("", None), ("# c\n", None), ("a: 1\n", {"a": 1}), ("- 1\n", [1])])
def test_a_file_that_is_one_document_is_loaded_as_it_is(text, value):
    assert load_one(text.encode(), name="k.yaml") == value


def test_a_second_document_where_one_is_read_is_refused():
    with pytest.raises(InvalidManifest, match=r"k\.yaml, line 3: a second document, where only one is read"):
        load_one(b"a: 1\n---\nb: 1\n", name="k.yaml")
