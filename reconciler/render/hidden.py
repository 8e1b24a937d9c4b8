"""What of a render nobody may see: values that SOPS decrypted, and those of Secrets, wherever they come to stand.

Renderers are programs that tell nothing of where a value went, so it is looked for in what came out: as it is, in other letters, encoded,
quoted, and within longer texts. A field that has one is marked as masked as a whole. Too much may be masked so, never too little.
"""

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from reconciler.errors import InvalidManifest, RenderFailed, TrueupError
from reconciler.model.objects import Document, RawDocument
from reconciler.plan.masked import find, marked
from reconciler.plan.normalise import is_secret
from reconciler.plan.redact import MASK
from reconciler.render.locks import Locked
from reconciler.render.result import Given
from reconciler.yaml.documents import load_one

WITHIN = 4
"""Letters of a value that is looked for within words. Shorter ones are looked for as words of their own, and a single letter as all of a
text: more would mask everything."""

LINE = 8
"""Letters of one line of many that is looked for by itself."""

PART = 8
"""Letters of a text that is looked for in long values: renderers may take a value apart."""

LONG = 4096
"""Letters of a value from which on it is not searched for parts of any sort, but taken apart itself."""

MANY = 200
"""Values from which on looking for each of them takes longer than asking how they begin."""

_QUOTES, _WORDS = re.compile(r"[\"'`<>]"), re.compile(r"[\s\"'`,;:=<>(){}\[\]]+")
_MOST_CUT = 200
"""Letters at the end of a message that may be the beginning of a value."""

_ARMOUR = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
"""Lines that every key and certificate has."""


class Hidden:
    """A set of values, and where they are."""

    def __init__(self, values: Iterable[Any]) -> None:
        self._whole: set[str] = set()
        self._within: set[str] = set()
        self._words: set[str] = set()
        self._by_start: dict[str, list[str]] = {}
        """What is looked for within words, by its first letters."""
        self._long: set[str] = set()
        self._parts: set[str] = set()
        """What very long values consist of."""
        self._has_truth = False
        self.add(values)

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._whole) or self._has_truth

    def add(self, values: Iterable[Any]) -> None:
        """Hide these too. Of true and false none may be seen then: who sees the one knows the other."""
        for value in values:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            self._has_truth |= text.strip().lower() in ("true", "false")
            if text.strip():
                self._take(text)

    def _take(self, text: str) -> None:
        forms = {form.lower() for form in (*_forms(text), *_encoded(text)) if form}
        self._whole.add(text.strip().lower())
        new = {form for form in forms if len(form) >= WITHIN} - self._within
        self._within |= new
        for form in new:
            self._by_start.setdefault(form[:WITHIN], []).append(form)
        self._words |= {form for form in forms if 1 < len(form) < WITHIN}
        if len(text) > LONG:
            self._parts |= {part for part in _parts(text.lower()) if len(part) >= PART}
        elif len(text) > PART:
            self._long.add(text.lower())

    def marked(self, raw: RawDocument) -> RawDocument:
        """A document with an annotation that names its fields with such values; the items of a List each with its own."""
        return replace(raw, document=self._marked(raw.document))

    def _marked(self, document: Document) -> Document:
        items = document.get("items")
        if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
            return {**document, "items": [self._marked(item) if isinstance(item, dict) else item for item in items]}
        apart = ("data", "stringData") if is_secret(document) else ()  # masked anyway
        searched = {name: value for name, value in document.items() if name not in apart}
        search = self._search("\0".join(form for text in _texts(searched) for form in _unwrapped(text.lower())))
        return marked(document, find(searched, search.has))

    def _search(self, text: str) -> "_Search":
        """A search through one document with this text; most values are nowhere in it, so only those are looked for that are."""
        within: Iterable[str] = self._within
        if len(self._within) > MANY:
            starts = {text[place : place + WITHIN] for place in range(len(text))} & self._by_start.keys()
            within = (form for start in starts for form in self._by_start[start])
        words = [re.escape(form) for form in self._words if form in text]
        return _Search(
            whole=self._whole,
            parts=self._parts,
            within=[form for form in within if form in text],
            words=re.compile(rf"(?<![a-z0-9])(?:{'|'.join(words)})(?![a-z0-9])") if words else None,
            long="\0".join(self._long),
            has_truth=self._has_truth,
        )

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """No error of this block has such a value in its message.

        Raises:
            TrueupError: as it was, without them.
        """
        try:
            yield
        except TrueupError as error:
            if (told := self.redacted(str(error))) == str(error):
                raise
            raise type(error)(told) from None
        except (MemoryError, Locked):
            raise
        except Exception as error:
            if not self:
                raise
            raise RenderFailed(f"the renderer failed: {type(error).__name__}: {self.redacted(str(error))}") from None

    def redacted(self, message: str) -> str:
        """A message without these values, also where it was cut within one."""
        forms = sorted(self._within, key=len, reverse=True)
        for form in forms:
            message = re.sub(re.escape(form), MASK, message, flags=re.IGNORECASE) if form in message.lower() else message
        end = message[-_MOST_CUT:].lower()
        cut = max((n for form in forms for n in range(WITHIN, min(len(form), len(end)) + 1) if end.endswith(form[:n])), default=0)
        return f"{message[:-cut]}{MASK}" if cut else message


@dataclass(frozen=True, slots=True)
class _Search:
    """What may be found in one document."""

    whole: AbstractSet[str]
    parts: AbstractSet[str]
    within: Sequence[str]
    words: re.Pattern[str] | None
    long: str
    has_truth: bool

    def has(self, value: Any) -> bool:
        """Whether a value is one of them, or has one in it."""
        if isinstance(value, bool):
            return self.has_truth
        text = "" if value is None else str(value).lower()
        return (
            text.strip() in self.whole
            or text.strip() in self.parts
            or any(form in whole for whole in (_unwrapped(text) if self.within else ()) for form in self.within)
            or (self.words is not None and self.words.search(text) is not None)
            or (isinstance(value, str) and len(text) >= PART and text in self.long)
        )


def given_values(given: Given) -> Iterator[Any]:
    """The values of the Secrets that a render was given: every entry, and those within one that is YAML or JSON."""
    for data in given.data:
        for _, text in data.entries if data.kind == "Secret" else ():
            yield text
            with contextlib.suppress(InvalidManifest, UnicodeEncodeError):
                found = load_one(text.encode(), name="")
                yield from _leaves(found) if isinstance(found, dict | list) else ()


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _leaves(below)
    elif value is not None:
        yield value


def _texts(value: Any) -> Iterator[str]:
    yield from (str(leaf) for leaf in _leaves(value))


def _unwrapped(text: str) -> tuple[str, ...]:
    """A text, and itself without line breaks: base64 is often written in lines."""
    return (text, "".join(text.split())) if "\n" in text else (text,)


def _parts(text: str) -> Iterator[str]:
    """What a long text may be taken apart into: lines, what is quoted, what stands behind `:` and `=`, and words."""
    for line in text.splitlines():
        yield from (line.strip(), *(part.strip() for part in _QUOTES.split(line)), *_WORDS.split(line))
        yield from (line.partition(mark)[2].strip(" \t\"',") for mark in ":=")


def _forms(text: str) -> Iterator[str]:
    """A text as programs write it: without spaces around, quoted for JSON, YAML and URLs, line by line; and what it encodes."""
    for plain in (text, text.strip(), _decoded(text)):
        yield from (
            plain,
            json.dumps(plain)[1:-1],
            json.dumps(plain, ensure_ascii=False)[1:-1],
            plain.replace("'", "''"),
            quote(plain, errors="replace"),
        )
        for line in plain.splitlines() if "\n" in plain else ():
            shown = line.strip()
            yield from (shown, json.dumps(shown)[1:-1]) if len(shown) >= LINE and not _ARMOUR.fullmatch(shown) else ()


def _encoded(text: str) -> Iterator[str]:
    """A text in base64, also within a longer one: what of it is the same whatever stands around it."""
    for form in (_bytes(text), _bytes(text.strip())):
        yield base64.b64encode(form).decode()
        for before in range(3):
            code = base64.b64encode(b"\0" * before + form).decode().rstrip("=")
            inner = code[(before * 8 + 5) // 6 : (before + len(form)) * 8 // 6]
            yield from (inner, inner.replace("+", "-").replace("/", "_")) if len(inner) >= LINE else ()


def _bytes(text: str) -> bytes:
    """Bytes that were no text are what they were; half a character is none."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="replace")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""
