from pathlib import Path

import pytest

from reconciler.errors import InvalidManifest, PathMissing, RenderFailed, SourceRefused
from reconciler.model.declared import Name, RenderOptions
from reconciler.model.objects import RawDocument
from reconciler.render.result import LIMIT_OUTPUT_BYTES, Rendered, RenderRequest
from reconciler.render.wire import HEADER, decode_answer, decode_order, encode_answer, encode_order, frame

REQUEST = RenderRequest(Name("t", "web"), "apps/web", RenderOptions(("a*",), ("b",)))


def test_an_order_arrives_as_it_was_sent(tmp_path):
    order = decode_order(encode_order(tmp_path, [REQUEST, REQUEST], memory_bytes=7, cpu_seconds=9))
    assert order.root == Path(tmp_path).resolve()
    assert order.requests == (REQUEST, REQUEST)
    assert (order.memory_bytes, order.cpu_seconds) == (7, 9)


def test_documents_arrive_as_they_were_sent():
    document = {"a": [1, 1.5, True, None, "é😀"], "b": {"c": {}}}
    rendered = Rendered((RawDocument(document, "a.yaml, line 1"),), frozenset({"a/"}), frozenset({"b"}), "yaml/2")
    assert decode_answer(encode_answer(REQUEST, rendered)) == rendered


@pytest.mark.parametrize("kind", [InvalidManifest, RenderFailed, PathMissing, SourceRefused])
def test_an_error_arrives_as_what_it_was(kind):
    found = decode_answer(encode_answer(REQUEST, kind("what; why")))
    assert type(found) is kind
    assert str(found) == "what; why"


def test_an_error_of_no_known_kind_is_a_failed_render():
    assert type(decode_answer(b'{"error": "Exception", "message": "x"}')) is RenderFailed
    assert type(decode_answer(b'{"error": "Nonsense", "message": "x"}')) is RenderFailed


def test_an_answer_that_is_too_large_becomes_the_error_that_says_so():
    rendered = Rendered((RawDocument({"a": "x" * LIMIT_OUTPUT_BYTES}, ""),), frozenset(), frozenset(), "")
    found = decode_answer(encode_answer(REQUEST, rendered))
    assert isinstance(found, InvalidManifest)
    assert str(found) == "apps/web: renders to more than 50 MiB; split the application"


def test_a_frame_tells_its_length():
    assert frame(b"abc") == HEADER.pack(3) + b"abc"
