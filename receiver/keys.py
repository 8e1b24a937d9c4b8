"""The secrets that a request may have been signed with: those that `jobs.derive` makes, and those chosen by hand."""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.derive import Purpose, derive_secret


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret that a request may have been signed with; its representation does not show it."""

    value: bytes
    key: int
    """Which master key it is from, 0 the newest; -1: chosen by hand."""
    generation: int = 0


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All secrets that may have signed a request."""

    masters: Sequence[bytes]
    chosen: Mapping[str, bytes]
    """Secrets chosen by hand, by scope."""

    def candidates(self, provider: str, purpose: Purpose, scope: str, generations: Iterable[int]) -> Iterator[Secret]:
        """Newest key first; what a forge was given is text, so a secret is its text's bytes, but for signing."""
        for generation in generations:
            for index, master in enumerate(self.masters):
                raw = derive_secret(master, provider, purpose, scope, generation)
                yield Secret(raw if purpose is Purpose.SIGNING else raw.hex().encode(), index, generation)
        if scope in self.chosen:
            yield Secret(self._chosen(scope, purpose), -1)

    def _chosen(self, scope: str, purpose: Purpose) -> bytes:
        text = self.chosen[scope]
        if purpose is Purpose.SIGNING and text.startswith(b"whsec_"):
            return base64.b64decode(text.removeprefix(b"whsec_"))
        return text
