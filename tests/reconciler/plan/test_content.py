"""The name of what an application renders to."""

from reconciler.plan.content import content_digest
from tests.reconciler.plan.made import SEAL_KEY, document, raw

A, B = raw(document(name="a")), raw(document(name="b"))
SECRET = raw(document("v1", "Secret", "s", stringData={"password": "x"}))


def test_it_is_another_one_when_any_document_is():
    changed = raw(document(name="b", data={"x": "1"}))
    digests = {content_digest(each, SEAL_KEY) for each in ([A, B], [A], [B], [A, changed], [])}
    assert len(digests) == 5


def test_it_depends_neither_on_the_order_nor_on_lists():
    items = raw({"apiVersion": "v1", "kind": "List", "items": [A.document, B.document]})
    assert content_digest([A, B], SEAL_KEY) == content_digest([B, A], SEAL_KEY) == content_digest([items], SEAL_KEY)


def test_only_what_is_secret_depends_on_the_key():
    other = b"\x02" * 32
    assert content_digest([A], SEAL_KEY) == content_digest([A], other)
    assert content_digest([SECRET], SEAL_KEY) != content_digest([SECRET], other)
    inside = raw({"apiVersion": "v1", "kind": "List", "items": [SECRET.document]})
    assert content_digest([inside], SEAL_KEY) == content_digest([SECRET], SEAL_KEY)
