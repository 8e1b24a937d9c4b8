"""Expressions that people declare: mistakes are found when they are declared, and none can hold up whoever asks."""

import re
import time

import pytest
from cel import evaluate
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.expressions import (
    FUNCTIONS,
    LENGTH,
    STEPS,
    TEXT_LENGTH,
    Absent,
    Subject,
    Unevaluable,
    _syntax,
    parse,
    parse_condition,
    text_of,
)

WIDGET = {
    "apiVersion": "example.com/v1", "kind": "Widget",
    "metadata": {"name": "left", "generation": 3, "managedFields": [{"manager": "kubectl"}]},
    "spec": {"size": 2, "weight": 1.5},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}, {"type": "Synced", "status": "False"}]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("self.status.phase == 'Running'", True, id="a field of self"),
        pytest.param("status.phase == 'Running'", True, id="a field by its own name"),
        pytest.param("status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')", True, id="a condition"),
        pytest.param("status.conditions.filter(c, c.type == 'Ready').all(c, c.status == 'True')", True, id="as Flux writes it"),
        pytest.param("has(status.nodes)", False, id="whether a field is there"),
        pytest.param("has(data.key)", False, id="of a top field that is not there"),
        pytest.param("spec.size > 1 && spec.weight < 2.0", True, id="numbers"),
        pytest.param("string(spec.size) + ' of ' + string(3)", "2 of 3", id="a text"),
        pytest.param("metadata.generation == 3", True, id="metadata"),
        pytest.param("has(metadata.managedFields)", False, id="without who manages which field"),
        pytest.param("kind == 'Widget' && apiVersion.startsWith('example.com/')", True, id="its kind"),
        pytest.param('status.phase.matches("^Run(ning)?$")', True, id="a pattern"),
        pytest.param("status.phase == 'Done' || spec.size == 2", True, id="or"),
        pytest.param("status.nodes == 3 || spec.size == 2", True, id="or, beside what is not there"),
    ],
)
def test_what_an_expression_comes_to(source, found):
    assert parse(source).evaluate(Subject(WIDGET)) == found


@pytest.mark.parametrize(
    "source", ["status.nodes == 3", "status.conditions[7].type == 'x'", "spec['colour'] == 'red'", "data.key == 'x'"]
)
def test_what_is_not_there_is_told_apart_from_a_mistake(source):
    with pytest.raises(Absent):
        parse(source).evaluate(Subject(WIDGET))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("status.phase > 3", "No such overload: the operation is not defined for the given operand types", id="types"),
        pytest.param("spec.size / 0 == 1", "division by zero in CEL expression", id="division"),
        pytest.param("int(status.phase) == 1", "Function 'int' error: string parse error: invalid digit found in string", id="a number"),
        pytest.param("status.phase.matches('(') == true", "regex", id="a pattern"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_object_is_told(source, message):
    with pytest.raises(Unevaluable) as error:
        parse(source).evaluate(Subject(WIDGET))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param("status.phase ==", "column 16: mismatched input '<EOF>'", id="unfinished"),
        pytest.param("status.phase = 'x'", "column 14: token recognition error at: '= '; compare with ==", id="one equals sign"),
        pytest.param("", "column 1: mismatched input '<EOF>'", id="empty"),
        pytest.param("quantity(status.size) > 1", "quantity is no function here; there are bytes, contains, double", id="a function"),
        pytest.param("stauts.phase == 'x'", "stauts is not known; an expression speaks of self, or of apiVersion, data, kind, metadata",
                     id="a name"),
        pytest.param("status.l.all(x, y > 1)", "y is not known", id="a name in a loop"),
        pytest.param("1 + 'a' == 2", "No such overload", id="types that never fit"),
        pytest.param("status.phase + 'x' == 'y' // why", "has a comment; write it beside the expression", id="a comment"),
        pytest.param("'ready'", "is str, and must be true or false", id="a text"),
        pytest.param("'" + "x" * LENGTH + "' == kind", "is longer than 1000 characters", id="too long"),
        pytest.param("[" * 450 + "]" * 450 + " == []", "column 97: Recursion limit of 96 exceeded", id="too deep"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_when_it_is_declared(source, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_condition(source)


@pytest.mark.parametrize(
    "source", ["true", "status.phase == 'x'", "has(self.status) && status.n > 1", "'http://x' == status.url"]
)
def test_what_can_be_true_is_a_condition(source):
    assert parse_condition(source).source == source


def test_a_mistake_that_the_parser_tells_in_no_known_words_is_one_all_the_same():
    assert _syntax("something odd") == "cannot be understood"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_that_may_be_called_is_there(name):
    calls = (f"'a'.{name}('a')", f"{name}('1')", f"timestamp('2026-01-01T00:00:00Z').{name}()", f"duration('1s').{name}()")
    answers = []
    for call in calls:
        try:
            answers.append(evaluate(call))
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            answers.append(str(error))
    assert any(not str(answer).startswith("Undefined") for answer in answers)


@pytest.mark.parametrize(
    ("source", "weight", "literals"),
    [
        pytest.param("status.phase == 'x'", 0, (1, 1), id="no loop"),
        pytest.param("status.a.all(x, x) && status.b.exists(y, y)", 1, (3, 1), id="one after another"),
        pytest.param("status.a.all(x, x.b.exists(y, y))", 2, (3, 1), id="one in another"),
        pytest.param("status.a.map(x, x).size() > 0", 2, (2, 1), id="a list is made"),
        pytest.param("status.a.all(x, x.matches('[(]'))", 3, (2, 1), id="a pattern in a loop"),
        pytest.param("status.a.matches('(')", 0, (1, 1), id="a pattern in none"),
        pytest.param("'.all(' + r'\\' == \"'.all(\"", 0, (1, 2), id="a loop in a text is none"),
        pytest.param("'''it's .all(''' == \"\"\"\"a.all(\"\"\"", 0, (1, 1), id="nor in a text of many lines"),
        pytest.param("[1, 2, 3].all(x, x in [4, 5])", 1, (5, 1), id="lists that are written"),
        pytest.param("(status.a + status.b + status.c).all(x, x)", 1, (2, 3), id="lists that are added"),
    ],
)
def test_what_an_expression_may_come_to_is_read_from_it(source, weight, literals):
    expression = parse(source)
    assert (expression.weight, expression.literals) == (weight, literals)


def listed(length):
    return {"status": {"a": list(range(length)), "text": ""}}


@pytest.mark.parametrize(
    ("source", "length"),
    [
        pytest.param("status.a.all(x, x >= 0)", STEPS, id="one loop"),
        pytest.param("status.a.all(x, status.a.all(y, y >= 0))", 500, id="a loop in a loop"),
        pytest.param("status.a.map(x, x).size() > 0", 500, id="a list is made"),
        pytest.param("status.a.all(x, status.a.all(y, status.a.all(z, z >= 0)))", 60, id="three loops"),
        pytest.param("status.a.all(x, 'aaaa'.matches('^(a{1,50}){1,9}$'))", 60, id="patterns"),
    ],
)
def test_what_takes_too_long_is_not_begun_and_what_is_allowed_does_not(source, length):
    expression = parse(source)
    began = time.monotonic()
    assert expression.evaluate(Subject(listed(length))) is True
    assert time.monotonic() - began < 2.0, "40 ms, on a machine that does nothing else"
    with pytest.raises(Unevaluable, match=r"would take .* steps on this object, and 250000 are allowed"):
        expression.evaluate(Subject(listed(length * 4)))


def test_a_long_text_counts_in_a_loop():
    long = {"status": {"a": list(range(1000)), "text": "x" * 50_000}}
    with pytest.raises(Unevaluable, match="would take 501000 steps"):
        parse("status.a.all(x, !status.text.contains('yx'))").evaluate(Subject(long))
    assert parse("status.text.size() == 50000").evaluate(Subject(long)) is True


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("two\n  lines", "two lines"),
        ("x" * 1000, "x" * (TEXT_LENGTH - 1) + "…"),
        ("x" * TEXT_LENGTH, "x" * TEXT_LENGTH),
    ],
    ids=["a number", "lines", "too long", "as long as may be"],
)
def test_a_value_as_it_is_told(value, text):
    assert text_of(value) == text


PIECES = st.sampled_from(
    ["self", "status", ".phase", ".all(x, ", ".map(x, ", "has(", ")", "(", "[", "]", "{", "}", ",", " == ", " && ", "!", "-", "'a'",
     '"b"', "r'", "'''", "x", "1", "2.5", " in ", " ? ", " : ", "size(", ".matches(", "\\", "\n", "//", "é", "\0", "`", "null"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=1500, deadline=None)
def test_no_text_is_more_than_can_be_understood_or_refused(source):
    told = ""
    try:
        parse(source).evaluate(Subject(WIDGET))
    except (ValueError, Absent, Unevaluable) as error:
        told = str(error)
    assert len(told) < LENGTH
