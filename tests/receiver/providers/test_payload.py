"""JSON that may be anything: read as a model, or ignored with a reason that shows nothing of it."""

import pytest

from receiver.providers.event import Ignored, Push, Pushes
from receiver.providers.payload import (
    MOST_READ,
    MOST_REFS,
    NOTHING,
    ZEROS,
    Payload,
    commit_of,
    is_commit,
    is_ref,
    push_of,
    pushes_of,
    read,
    scopes_of,
)


class Inner(Payload):
    name: str


class Outer(Payload):
    inner: Inner
    number: int = 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b'{"inner": {}}', "payload not understood: inner.name: Field required", id="a field that is missing"),
        pytest.param(
            b'{"inner": {"name": 1}}', "payload not understood: inner.name: Input should be a valid string", id="another type"
        ),
        pytest.param(
            b'{"inner": {"name": "a"}, "number": "1"}', "payload not understood: number: Input should be a valid integer",
            id="a number in quotes",
        ),
        pytest.param(
            b"7", "payload not understood: it: Input should be a valid dictionary or instance of Outer", id="no object"
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(body, reason):
    assert read(body, Outer) == Ignored(reason)


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b"\xff", b'"\\ud800"', b"[" * 50_000, b"NaN", b"1e999"])
def test_no_json_is_ignored(body):
    found = read(body, Outer)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("payload ")


def test_other_fields_are_nobodys_business():
    assert read(b'{"inner": {"name": "a", "b": 1}, "c": {}}', Outer) == Outer(inner=Inner(name="a"))


def test_a_secret_in_a_payload_stays_out_of_the_reason():
    found = read(b'{"inner": {"name": {"token": "hunter2"}}}', Outer)
    assert isinstance(found, Ignored)
    assert "hunter2" not in found.reason


@pytest.mark.parametrize(
    ("text", "good"),
    [("a" * 40, True), ("0" * 40, True), ("f" * 64, True), ("A" * 40, False), ("a" * 39, False), ("g" * 40, False), ("", False)],
)
def test_commits(text, good):
    assert is_commit(text) is good


@pytest.mark.parametrize(
    ("text", "good"),
    [
        pytest.param("refs/heads/main", True, id="a branch"),
        pytest.param("refs/tags/v1.0.0", True, id="a tag"),
        pytest.param("refs/heads/feature/a-b_c@d", True, id="a branch with signs"),
        pytest.param("main", False, id="a short name"),
        pytest.param("refs/notes/commits", False, id="notes"),
        pytest.param("refs/heads/a b", False, id="a space"),
        pytest.param("refs/heads/a\nb", False, id="a line break"),
        pytest.param("refs/heads/a\x7fb", False, id="a control character"),
        pytest.param("refs/heads/a..b", False, id="two dots"),
        pytest.param("refs/heads/a~1", False, id="an ancestor"),
        pytest.param("refs/heads/a:b", False, id="a refspec"),
        pytest.param("refs/heads/*", False, id="a pattern"),
        pytest.param("refs/heads/" + "a" * 1000, False, id="endless"),
        pytest.param("refs/heads/", False, id="nothing after the slash"),
        pytest.param("refs/heads/a/", False, id="a slash at the end"),
        pytest.param("refs/heads/a//b", False, id="two slashes"),
        pytest.param("refs/heads/.a", False, id="a part that begins with a dot"),
        pytest.param("refs/heads/a.lock", False, id="a lock file"),
        pytest.param("refs/heads/a.", False, id="a dot at the end"),
        pytest.param("refs/heads/a@{1}", False, id="an entry of the log"),
        pytest.param("refs/heads/-a", True, id="a dash: git takes it within a full name"),
        pytest.param("refs/heads/\ud800", False, id="half a character"),
    ],
)
def test_refs_are_those_that_git_would_accept(text, good):
    assert is_ref(text) is good


def test_the_commit_of_a_ref_that_is_not_there():
    assert {"0" * 40, "0" * 64} == ZEROS


@pytest.mark.parametrize(
    ("addresses", "scopes"),
    [
        (("https://h/a/b.git", "git@h:a/b.git"), ("h/a/b",)),
        (("https://h/a/b", "ssh://git@h:2222/a/b"), ("h/a/b", "h:2222/a/b")),
        (("", None, "ftp://h/a", "https://h/a/b"), ("h/a/b",)),
        (("https://[/a", "https://h:x/a", "https://h/%00"), ()),
        (
            ("https:U/ada:hunter2@h/a/b", "https:ada:hunter2@h/a", "https://ada:hunter2@h/a/b", "ssh://h:22/@a/b"),
            ("h/a/b", "h/@a/b"),
        ),
        (("https://to/ken@h/a/b", "https://ada:p/ass@h/a/b", "https://to%2Fken@h/a/b"), ("h/a/b",)),
        (("https://h/" + "a" * 2038, "https://h/" + "a" * 2039, "https://h/" + "a" * 10_000_000), ("h/" + "a" * 2038,)),
        ((), ()),
    ],
)
def test_a_repository_has_a_scope_for_each_of_its_addresses(addresses, scopes):
    assert scopes_of(*addresses) == scopes


@pytest.mark.parametrize(
    ("ref", "after", "commit", "found"),
    [
        ("refs/tags/v1", "a" * 40, "b" * 40, "b" * 40),
        ("refs/tags/v1", "a" * 40, None, "a" * 40),
        ("refs/tags/v1", "a" * 40, "", "a" * 40),
        ("refs/tags/v1", NOTHING, "b" * 40, NOTHING),
        ("refs/heads/main", "a" * 40, "b" * 40, "a" * 40),
    ],
)
def test_an_annotated_tag_is_at_its_commit(ref, after, commit, found):
    assert commit_of(ref, after, commit) == found


def push(ref, commit="a" * 40):
    return push_of(("h/a/b",), ref, before="", after=commit or NOTHING, actor="")


def test_several_refs_are_told_with_those_first_that_somebody_may_follow():
    tag, gone, branch = push("refs/tags/v1"), push("refs/heads/old", ""), push("refs/heads/main")
    assert of(tag, gone, Ignored("x"), branch) == Pushes((branch, tag, gone))
    assert of(Ignored("x"), branch) == branch
    assert of(Ignored("x"), Ignored("y")) == Ignored("x")
    assert isinstance(of(), Ignored)


def of(*events):
    return pushes_of(events, lambda event: event)


@pytest.mark.parametrize("number", [MOST_REFS + 1, MOST_READ, MOST_READ + 1, 100_000])
def test_no_delivery_becomes_endless_jobs(number):
    asked = []

    def read_one(ref):
        asked.append(ref)
        return push(f"refs/heads/{ref}")

    found = pushes_of(range(number), read_one)
    assert isinstance(found, Pushes)
    assert (len(found.pushes), found.left_out) == (MOST_REFS, number - MOST_REFS)
    assert len(asked) <= MOST_READ


def test_who_pushed_and_from_where_is_kept_as_far_as_it_matters():
    found = push_of(("h/a/b", "h:2/a/b"), "refs/heads/main", before="f" * 99, after="a" * 40, actor="x" * 200)
    assert found == Push("h/a/b", "refs/heads/main", "a" * 40, "f" * 64, "x" * 100, ("h:2/a/b",))
