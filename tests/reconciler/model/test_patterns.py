"""Paths of fields as people write them."""

import pytest

from reconciler.model.patterns import FieldPattern, Items, fits

WEB = Items((("name", "web"),))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("spec.replicas", ("spec", "replicas")),
        (".spec.replicas", ("spec", "replicas")),
        ("/spec/replicas", ("spec", "replicas")),
        ("/metadata/annotations/example.com~1x~0y", ("metadata", "annotations", "example.com/x~y")),
        ("metadata.annotations[example.com/x]", ("metadata", "annotations", "example.com/x")),
        ('metadata.annotations["example.com/x=y"]', ("metadata", "annotations", "example.com/x=y")),
        ("spec.containers[name=web].image", ("spec", "containers", WEB, "image")),
        ('spec.containers[name="web"].image', ("spec", "containers", WEB, "image")),
        ("spec.ports[port=53, protocol=UDP]", ("spec", "ports", Items((("port", "53"), ("protocol", "UDP"))))),
        ("spec.containers[*].image", ("spec", "containers", Items(), "image")),
        ("spec.*.image", ("spec", Items(), "image")),
        ("spec.ports[0].nodePort", ("spec", "ports", "0", "nodePort")),
        ("/spec/ports/0/nodePort", ("spec", "ports", "0", "nodePort")),
    ],
)
def test_a_path_is_read(text, parts):
    assert FieldPattern.parse(text).parts == parts


@pytest.mark.parametrize("text", ["", "/", "//x", "spec..x", "spec.", "spec[", "spec[]", "spec]x", "spec[a].", "a b[c]d"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match=r"is no path of a field; write e\.g\. spec\.replicas"):
        FieldPattern.parse(text)


@pytest.mark.parametrize(
    ("part", "name", "value", "is_meant"),
    [
        ("spec", "spec", {}, True),
        ("spec", "status", {}, False),
        ("0", 0, {}, True),
        ("1", 0, {}, False),
        (Items(), 7, {}, True),
        (Items(), "x", {}, True),
        (WEB, 0, {"name": "web"}, True),
        (WEB, 0, {"name": "api"}, False),
        (WEB, 0, "web", False),
        (Items((("port", "53"),)), 0, {"port": 53}, True),
        (Items((("enabled", "true"),)), 0, {"enabled": True}, True),
        (Items((("port", "53"),)), 0, {}, False),
    ],
)
def test_what_a_part_means(part, name, value, is_meant):
    assert fits(part, name, value) is is_meant


@pytest.mark.parametrize(
    ("items", "text"),
    [(WEB, "[name=web]"), (Items((("port", "53"), ("protocol", "UDP"))), "[port=53,protocol=UDP]"), (Items(), "[*]")],
)
def test_items_are_written_as_they_are_read(items, text):
    assert str(items) == text
    assert FieldPattern.parse(f"spec.list{text}.x").parts == ("spec", "list", items, "x")
