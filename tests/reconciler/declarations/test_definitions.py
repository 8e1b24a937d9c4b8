"""The definitions say what the schema says; that the API server agrees is seen in tests/e2e/test_validation.py."""

import pytest
from pydantic import ValidationError

from reconciler.declarations.definitions import definitions
from reconciler.declarations.problems import dotted, mistakes
from reconciler.declarations.schema import DOCUMENTS

from .validations import BAD, GOOD


@pytest.mark.parametrize("name", GOOD)
def test_a_good_declaration(name):
    document = GOOD[name]
    DOCUMENTS[document["kind"]].model_validate(document).value()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_declaration_names_its_field(name):
    field, document = BAD[name]
    model = DOCUMENTS[document["kind"]]
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    assert [dotted(path) for path, _ in mistakes(caught.value, model)] == [field]


def every(schema, path=""):
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from every(child, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from every(schema[name], f"{path}[]")


@pytest.mark.parametrize("definition", definitions(), ids=lambda d: d["metadata"]["name"])
def test_a_definition_is_structural_and_describes_every_field(definition):
    (version,) = definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    parts = dict(every(schema))
    assert len(parts) > 25
    untold = [path for path, part in parts.items() if "description" not in part and not path.endswith("[]")]
    assert untold == [".apiVersion", ".kind", ".metadata"]
    assert all("type" in part for part in parts.values())
    assert version["subresources"] == {"status": {}}
