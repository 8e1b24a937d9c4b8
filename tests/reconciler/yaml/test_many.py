"""Five thousand generated objects: what kubectl reads of them is what we read. Beside the cluster tests, since it tells nothing new each day."""

import random
import subprocess

import pytest

from reconciler.render.kustomize import binary
from tests.reconciler.yaml.test_kubectl import kubectl, ours, same

pytestmark = pytest.mark.long

DOCUMENTS, BATCH = 5000, 250
WORDS = (
    "yes", "No", "ON", "off", "True", "null", "~", "y", "N", "nan", "2020-01-01", "=", "0644", "0o17", "0x1F", "1e3", "1_000", "1:30", "08",
    ".5", "5.", "+1", "-0.0", "1.0", "18446744073709551615", "abc", "a-b", "http://x/y?z=1", "1.2.3", "v1", "-1", "1e400", "12e03", "0b11",
)  # fmt: skip
IN_BRACKETS = tuple(word for word in WORDS if "?" not in word)
"""kubectl refuses a question mark within a text that is in brackets; we read it."""
QUOTED = ("'it''s'", '"a\\tb\\u00e9"', "'yes'", '"0644"', "''", '"# no comment"', "'a: b'", '"\\x41"')
BLOCKS = (
    "|\n{p}  one\n{p}  two\n",
    ">-\n{p}  folded\n{p}  text\n{p}\n{p}  more\n",
    "|+\n{p}  kept\n{p}\n",
    "|-\n{p}  - not a list\n{p}  # nor a comment\n",
)
KEYS = ("name", "on", "y", "no", "1", "0644", "1e3", "a.b/c", "'q'", '"k"', "x-y", "true", "spec", "data", "items", "1.0", "08")


def value(dice: random.Random, pad: str, depth: int) -> str:
    """A value as it stands behind a colon or a dash, with its line break."""
    kind = dice.random()
    if depth > 4 or kind < 0.45:
        return f" {dice.choice(WORDS if kind < 0.33 else QUOTED)}{'  # a comment' if dice.random() < 0.1 else ''}\n"
    if kind < 0.55:
        return " " + dice.choice(BLOCKS).format(p=pad)
    if kind < 0.62:
        return f" [{', '.join(dice.choice(IN_BRACKETS) for _ in range(dice.randrange(4)))}]\n"
    if kind < 0.68:
        return f" {{{', '.join(f'{key}: {dice.choice(QUOTED)}' for key in dice.sample(KEYS, dice.randrange(3)))}}}\n"
    if kind < 0.82:
        dash = pad if dice.random() < 0.5 else f"{pad}  "
        return "\n" + "".join(f"{dash}-{value(dice, dash + '  ', depth + 1)}" for _ in range(1, dice.randrange(2, 5)))
    return "\n" + mapping(dice, f"{pad}  ", depth + 1)


def mapping(dice: random.Random, pad: str, depth: int) -> str:
    keys = dice.sample(KEYS, dice.randrange(1, 5))
    return "".join(f"{pad}{key}:{value(dice, pad, depth)}" for key in keys)


def document(dice: random.Random, number: int) -> str:
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a{number}}}\n"
    anchor = (
        f"base: &b {{k: {dice.choice(IN_BRACKETS)}, l: 2}}\nuse: {{<<: *b, l: 3}}\nagain: *b\n" if dice.random() < 0.2 else ""
    )
    return f"{head}{anchor}x:\n{mapping(dice, '  ', 0)}"


@pytest.mark.parametrize("seed", range(DOCUMENTS // BATCH))
def test_generated_objects_are_read_as_kubectl_reads_them(seed):
    assert binary() is not None
    dice = random.Random(seed)
    texts = [text for number in range(BATCH * 2) if ours(text := document(dice, number)) is not None][:BATCH]
    assert len(texts) == BATCH
    found, theirs = ours("---\n".join(texts)), kubectl("---\n".join(texts))
    assert theirs is not None, "kubectl refuses one of them, and we do not"
    assert [a for a, b in zip(found, theirs, strict=True) if not same(a, b)] == []


def test_what_we_refuse_of_them_kubectl_refuses_or_loses_something_of():
    dice = random.Random("refused")
    refused = [text for number in range(600) if ours(text := document(dice, number)) is None][:20]
    for text in refused:
        theirs = kubectl(text)
        assert theirs is None or _has_key_twice(text), text


def _has_key_twice(text: str) -> bool:
    from reconciler.errors import InvalidManifest  # noqa: PLC0415 - for this one answer
    from reconciler.yaml.documents import parse_documents  # noqa: PLC0415 - for this one answer

    try:
        parse_documents(text.encode(), name="")
    except InvalidManifest as error:
        return "stands twice" in str(error)
    return False


def test_kubectl_is_there():
    assert subprocess.run([binary(), "version", "--client"], capture_output=True, check=False, timeout=20).returncode == 0
