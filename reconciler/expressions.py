"""Expressions in CEL that people declare: understood before they are used, and never able to hold up whoever evaluates them.

The language: https://github.com/google/cel-spec. An expression about health sees one object as `self`, and its top fields by their own
names; one of a policy sees `object` and `application`. CEL has no endless loop, but loops within loops over long lists take their time;
what that comes to is reckoned before it is spent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from cel import Context, Program

LENGTH = 1000
"""Characters of an expression; the parser, too, is bounded by that."""

STEPS = 250_000
"""What an evaluation may come to, in the smallest steps of a loop; measured, 40 ms of the slowest kind."""

TEXT_LENGTH = 300
"""Characters of a text that an expression makes."""

NAMES = frozenset({"self", "apiVersion", "kind", "metadata", "spec", "status", "data"})
"""What an expression about health may speak of, beside what its own loops name."""

CANDIDATE = frozenset({"object", "application"})
"""What one of a policy may speak of."""

TYPES = frozenset(
    {"bool", "bytes", "double", "dyn", "duration", "int", "list", "map", "null_type", "string", "timestamp", "uint"}
)

FUNCTIONS = frozenset(
    {
        "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear",
        "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "int", "matches", "size", "startsWith",
        "string", "timestamp", "type", "uint",
    }
)  # fmt: skip
"""Everything that may be called; of `has`, `all`, `exists`, `exists_one`, `map` and `filter` the parser makes loops and tests."""

WEIGHTS = {"all": 1, "exists": 1, "exists_one": 1, "map": 2, "filter": 2, "matches": 2}
"""How often the length of a list counts: each step of the ones that make a list copies it; a pattern in a loop is read each time."""

_TOKENS = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:'{3}.*?'{3}|"{3}.*?"{3})|[rR]'[^'\n]*'|[rR]"[^"\n]*"|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    | (?P<comment>//)
    | (?P<loop>\.\s*(?:all|exists|exists_one|map|filter|matches)\s*\()
    | (?P<mark>[(),+])""",
    re.VERBOSE | re.DOTALL,
)

_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")


class Absent(Exception):
    """The object has no such field."""


class Unevaluable(Exception):
    """The expression does not fit the object."""


@dataclass(frozen=True)
class Subject:
    """An object that expressions are asked about."""

    document: Mapping[str, Any]
    names: ClassVar[frozenset[str]] = NAMES

    @cached_property
    def shown(self) -> Mapping[str, Any]:
        """All of it but who manages which field."""
        metadata = self.document.get("metadata")
        rest = {name: value for name, value in metadata.items() if name != "managedFields"} if isinstance(metadata, dict) else {}
        return {**self.document, "metadata": rest}

    @cached_property
    def context(self) -> "Context":
        """What expressions see: a top field that the object has not is empty."""
        import cel  # noqa: PLC0415 - loads in 0.1 s, and only who has expressions needs it

        top = {name: self.shown.get(name, {}) for name in NAMES}
        return cel.Context(variables={**top, "self": dict(self.shown)})

    @cached_property
    def extent(self) -> tuple[int, int]:
        """The length of its longest list or mapping, and that of its longest text."""
        return _extent(self.shown)


@dataclass(frozen=True)
class Candidate(Subject):
    """An object that is to be applied, and the application it is of, that policies are asked about."""

    application: Mapping[str, Any]
    names: ClassVar[frozenset[str]] = CANDIDATE

    @cached_property
    def context(self) -> "Context":
        """Both as they are: what the object has not is absent."""
        import cel  # noqa: PLC0415 - loads in 0.1 s, and only who has expressions needs it

        return cel.Context(variables={"object": dict(self.document), "application": dict(self.application)})


@dataclass(frozen=True)
class Expression:
    """One that was understood; made by `parse`."""

    source: str
    program: "Program"

    @cached_property
    def weight(self) -> int:
        """How deep its loops are in one another, each counted by its weight."""
        return _shape(self.source)[0]

    @cached_property
    def literals(self) -> tuple[int, int]:
        """How long a list in it may be, and how many times it may add one to another."""
        _, commas, pluses = _shape(self.source)
        return commas + 1, pluses + 1

    def evaluate(self, subject: Subject) -> Any:
        """What it comes to for an object.

        Raises:
            Absent: when it asks for a field that is not there.
            Unevaluable: when it does not fit the object, or would take too long.
        """
        if (steps := self.steps(subject)) > STEPS:
            raise Unevaluable(f"would take {steps} steps on this object, and {STEPS} are allowed; loop over shorter lists")
        try:
            return self.program.execute(subject.context)
        except LookupError as error:
            raise Absent(str(error).strip("'")) from error
        except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
            raise Unevaluable(_first_sentence(str(error))) from error

    def steps(self, subject: Subject) -> int:
        """What an evaluation may come to, in the smallest steps of a loop."""
        if not self.weight:
            return 1
        longest, text = subject.extent
        length, added = self.literals
        return int((max(longest, length) * added) ** self.weight * (1 + text // 100))


@lru_cache(maxsize=4096)
def parse(source: str, names: frozenset[str] = NAMES) -> Expression:
    """Understand an expression that speaks of these names.

    Raises:
        ValueError: saying what is wrong with it, and where.
    """
    import cel  # noqa: PLC0415 - loads in 0.1 s, and only who has expressions needs it

    if len(source) > LENGTH:
        raise ValueError(f"is longer than {LENGTH} characters")
    if any(token["comment"] for token in _TOKENS.finditer(source)):
        raise ValueError("has a comment; write it beside the expression")
    try:
        program = cel.compile(source)
    except ValueError as error:
        raise ValueError(_syntax(str(error))) from error
    if unknown := sorted(name for name in program.functions() if name[:1].isalpha() and name not in FUNCTIONS):
        raise ValueError(f"{unknown[0]} is no function here; there are {', '.join(sorted(FUNCTIONS))}")
    if unknown := sorted(set(program.variables()) - names - TYPES - set(_BOUND.findall(source))):
        first = "self, or of " if "self" in names else ""
        raise ValueError(f"{unknown[0]} is not known; an expression speaks of {first}{', '.join(sorted(names - {'self'}))}")
    return Expression(source, program)


def parse_condition(source: str, nothing: Subject | None = None) -> Expression:
    """Understand an expression that is true or false; one that is neither for any object is found out at once.

    Args:
        source: the expression.
        nothing: a subject without any field; None: one of an expression about health.

    Raises:
        ValueError: saying what is wrong with it, and where.
    """
    nothing = nothing or Subject({})
    expression = parse(source, nothing.names)
    try:
        found = expression.evaluate(nothing)
    except Absent:
        return expression
    except Unevaluable as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, bool):
        raise ValueError(f"is {type(found).__name__}, and must be true or false")  # noqa: TRY004 - pydantic turns ValueError into a message
    return expression


def text_of(value: Any) -> str:
    """A value as it is told to people, not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= TEXT_LENGTH else f"{text[: TEXT_LENGTH - 1]}…"


def _shape(source: str) -> tuple[int, int, int]:
    """The weight of the deepest loops, and how many commas and pluses there are; texts are left out."""
    open_loops: list[int] = []
    deepest = commas = pluses = 0
    for token in _TOKENS.finditer(source):
        if loop := token["loop"]:
            name = loop.strip(".( \t\n")
            open_loops.append(WEIGHTS[name] if name != "matches" or any(open_loops) else 0)
            deepest = max(deepest, sum(open_loops))
        elif token["mark"] == "(":
            open_loops.append(0)
        elif token["mark"] == ")" and open_loops:
            open_loops.pop()
        commas += token["mark"] == ","
        pluses += token["mark"] == "+"
    return deepest, commas, pluses


def _extent(value: Any) -> tuple[int, int]:
    if isinstance(value, str):
        return 0, len(value)
    if not isinstance(value, Mapping | list):
        return 0, 0
    below = [_extent(item) for item in (value.values() if isinstance(value, Mapping) else value)]
    return max([len(value), *(length for length, _ in below)]), max([0, *(text for _, text in below)])


def _syntax(message: str) -> str:
    """The parser's own words, without the expression: `column 5: mismatched input '<EOF>'`."""
    found = re.search(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?(?:OtherError\(.*?msg: \")?([^\n\"]*)", message)
    if found is None:
        return "cannot be understood"
    mend = "; compare with ==" if "at: '=" in found[2] else ""
    return f"column {found[1]}: {found[2].partition(' expecting ')[0]}{mend}"


def _first_sentence(message: str) -> str:
    return message.partition(". ")[0].rstrip(".")
