"""What plain scalars and keys mean to `kubectl`: go-yaml v2's rules, then JSON's numbers.

PyYAML's own resolver differs from them on half of the scalars that differ anywhere: `y`, `1:30`, `0o644`, `1e3`, dates. The rules were
found by asking kubectl, and are asked again in tests/reconciler/yaml/test_kubectl.py.
"""

import math
import re
from decimal import Decimal

_TRUE = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE")
_FALSE = ("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE")
_WORDS: dict[str, bool | None] = (
    dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False) | dict.fromkeys(("", "~", "null", "Null", "NULL"))
)
_NUMERIC = frozenset("+-.0123456789")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LOOSE_UNDERSCORE = re.compile(r"(?<![0-9])_|_(?![0-9])")
"""One that is not between digits; only a float that begins with a dot is strict about them."""
_INT64 = range(-(1 << 63), 1 << 63)
_UINT64 = range(1 << 64)
_MOST_DIGITS = 70
"""More than 64 bits need in any base; Python takes quadratic time for many more."""


def resolve(text: str) -> str | float | bool | None:
    """What a plain scalar means.

    Raises:
        ValueError: for infinities and NaN, which JSON cannot say.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC:
        return text
    number = _go_number(text)
    return text if number is None else json_number(number)


def resolve_key(text: str) -> str:
    """What a plain scalar means as a key of a mapping: always text, `true` for `y` and `1000` for `1_000`.

    Raises:
        ValueError: when it is nothing that can be a key.
    """
    word = _WORDS.get(text, text)
    if isinstance(word, bool):
        return "true" if word else "false"
    if word is None:
        raise ValueError(f"{text or 'nothing'} cannot be a key; quote it")
    if text[0] not in _NUMERIC:
        return text
    match _go_number(text):
        case None:
            return text
        case int() as number if number in _INT64:
            return str(number)
        case float() as number if float(short := f"{number:g}") == number and (number == 0 or 1e-37 < abs(number) < 1e38):
            return short  # Go prints the shortest text of 32 bits, which is the same up to six digits
    raise ValueError(f"{text} cannot be a key; quote it")


def json_number(value: float) -> int | float:
    """What JSON, and then Kubernetes, make of a number: integral ones below 1e21 are integers, as far as int64 goes."""
    if isinstance(value, int):
        return value if value in _INT64 else float(value)
    if not value.is_integer() or abs(value) >= 1e21:
        return value
    integer = int(Decimal(repr(value)))  # the shortest digits and then zeros, as Go writes it
    return integer if integer in _INT64 else value


def parse_json_number(digits: str) -> int | float:
    """What Kubernetes makes of a number in JSON.

    Raises:
        ValueError: when it is infinite, too large or NaN.
    """
    number: float = int(digits) if len(digits) < _MOST_DIGITS and digits.lstrip("-").isdigit() else float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is infinite, too large or no number; quote it")
    return json_number(number)


def _go_number(text: str) -> float | None:
    """What go-yaml takes a text for: an integer of 64 bits, signed or not, or a float; None for a text.

    Raises:
        ValueError: for infinities and NaN.
    """
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is no number that JSON knows; quote it")
    if text[0] == "." and _LOOSE_UNDERSCORE.search(text):
        return None
    digits = text.replace("_", "")
    if len(digits) <= _MOST_DIGITS and _INTEGER.fullmatch(digits):
        integer = _integer(digits)
        if integer in _INT64 or integer in _UINT64:
            return integer
    number = float(digits) if _FLOAT.fullmatch(digits) else math.inf
    return None if math.isinf(number) else number


def _integer(digits: str) -> int:
    sign, digits = (-1 if digits[0] == "-" else 1), digits.lstrip("+-")
    prefix = digits[:2].lower()
    if prefix in ("0x", "0b", "0o"):
        return sign * int(digits[2:], {"0x": 16, "0b": 2, "0o": 8}[prefix])
    return sign * int(digits, 8 if len(digits) > 1 and digits[0] == "0" else 10)
