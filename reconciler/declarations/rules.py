r"""Rules for texts in declarations, written once: Python checks them in files, and the API server checks them in custom resources.

A pattern must mean the same to both: no look-around, no `\d`, `\s` or `\w`, which know more letters in Python than in RE2.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler

VALIDATIONS = "x-kubernetes-validations"
"""Rules in CEL: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a text must match somewhere, or must not."""

    pattern: str
    message: str
    """What is said of a text that breaks it: `must be …`."""
    forbids: bool = False

    def holds(self, text: str) -> bool:
        """Whether the text keeps the rule."""
        pattern = f"{self.pattern[:-1]}\\Z" if self.pattern.endswith("$") else self.pattern  # Python's $ forgives a line break
        return (re.search(pattern, text) is None) == self.forbids

    @property
    def cel(self) -> dict[str, str]:
        """The rule as the API server takes it."""
        literal = self.pattern.replace("\\", "\\\\").replace("'", "\\'")
        return {"rule": f"{'!' if self.forbids else ''}self.matches('{literal}')", "message": self.message}


class Text:
    """Annotates a text with its longest length and its rules, in the order in which they are told."""

    def __init__(self, longest: int, *rules: Rule) -> None:
        self._longest = longest
        self._rules = rules

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Check before any other validator sees the text."""
        text = handler.generate_schema(Annotated[str, Field(max_length=self._longest), AfterValidator(self._check)])
        return {"type": "chain", "steps": [text, handler(source)]}

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A string with its rules, whatever it becomes in Python."""
        return {"type": "string", "maxLength": self._longest, VALIDATIONS: [rule.cel for rule in self._rules]}

    def _check(self, text: str) -> str:
        for rule in self._rules:
            if not rule.holds(text):
                raise ValueError(rule.message)
        return text
