"""Lists of forges, which come in pages, by forge in one of three ways. None is read for ever: what stands beyond is not looked at."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

Line: TypeAlias = Mapping[str, Any]
"""One object of a list, as a forge shows it."""

LONGEST = 1000
"""Lines of a list that are looked through."""

PAGES = 20
"""Of a list whose pages link to each other; some have but fifty lines."""


async def paged(page: Callable[[int], Awaitable[Sequence[Line]]], size: int) -> AsyncIterator[Line]:
    """The lines of a list whose pages, of so many lines each, are numbered from 1."""
    for number in range(1, LONGEST // size + 1):
        lines = await page(number)
        if not isinstance(lines, list):
            raise TypeError("what is no list would pass for one with nothing in it")
        for line in lines:
            yield line
        if len(lines) < size:
            return


async def paged_by_start(page: Callable[[int], Awaitable[Any]], size: int) -> AsyncIterator[Line]:
    """The lines of a list whose pages, of so many lines each, say where the next one starts, as those of Bitbucket Data Center."""
    start = 0
    for _ in range(LONGEST // size):
        answer = await page(start)
        for line in answer["values"]:
            yield line
        if answer.get("isLastPage", True):
            return
        start = int(answer["nextPageStart"])


async def paged_by_link(page: Callable[[str], Awaitable[Any]], path: str) -> AsyncIterator[Line]:
    """The lines of a list whose pages link to the next one, as those of Bitbucket Cloud.

    Of a link only the query counts: the token is for this host.
    """
    at = path
    for _ in range(PAGES):
        answer = await page(at)
        for line in answer["values"]:
            yield line
        if not answer.get("next"):
            return
        at = f"{path.partition('?')[0]}?{urlsplit(answer['next']).query}"
