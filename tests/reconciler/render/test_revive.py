from dataclasses import dataclass
from enum import StrEnum

import orjson
import pytest

from reconciler.model.rendering import Image, KustomizeOptions, Labels, Patch, PatchTarget, RenderOptions
from reconciler.render.revive import revive


class Word(StrEnum):
    A = "a"


@dataclass(frozen=True, slots=True)
class Row:
    number: int | None
    word: Word
    pair: tuple[str, float]


@pytest.mark.parametrize(
    "value",
    [
        RenderOptions(),
        RenderOptions(
            ("a",), ("b", "c"), recursive=False,
            kustomize=KustomizeOptions(
                labels=(Labels((("a", "b"), ("c", "d")), include_selectors=True),), images=(Image("a"),),
                patches=(Patch("x"), Patch("y", PatchTarget(kind="K"))), components=("c",),
            ),
        ),
        Row(None, Word.A, ("x", 1.5)),
        Row(3, Word.A, ("", 2.0)),
    ],
)  # fmt: skip
def test_what_was_written_is_read_again(value):
    found = revive(type(value), orjson.loads(orjson.dumps(value)))
    assert found == value
    assert hash(found) == hash(value)
