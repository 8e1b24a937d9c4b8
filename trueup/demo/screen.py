"""What the demo prints: headings, what was done, what was seen."""

import sys
import time


class Screen:
    """Lines on standard output, with the seconds since the beginning; colours only on a terminal."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._colours = sys.stdout.isatty()

    def heading(self, text: str) -> None:
        """A new scene."""
        print(f"\n{self._paint(text, '1')}", flush=True)

    def did(self, command: str) -> None:
        """Something that a person does, as they would type it."""
        print(f"  {self._paint('$ ' + command, '36')}", flush=True)

    def saw(self, text: str) -> None:
        """Something that happened."""
        print(f"  {time.monotonic() - self._began:6.2f}s  {text}", flush=True)

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colours else text
