"""A browser as far as the pages need one: cookies, forms, redirects that are looked at, and HTML that is read as HTML."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any

import aiohttp

BLOCKS = frozenset(
    {"dt", "dd", "li", "p", "h1", "h2", "h3", "pre", "div", "summary", "main", "title", "label", "option", "button"}
)
"""Elements that stand apart from what is around them."""


class Html(HTMLParser):
    """What a page is made of: its tags, their attributes, and the text between."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.text += "\n" if tag in BLOCKS else ""

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def words(self) -> str:
        """The text with its spaces as a browser shows them."""
        return " ".join(self.text.split())

    @property
    def links(self) -> list[str]:
        """Where one may go from here, by a link, a form, a style sheet or by itself."""
        found = [value for _, attrs in self.tags for name, value in attrs.items() if name in ("href", "action", "src")]
        return [*found, *(refresh.partition("url=")[2] for refresh in self.refreshes if "url=" in refresh)]

    @property
    def refreshes(self) -> list[str]:
        return [attrs.get("content", "") for tag, attrs in self.tags if tag == "meta" and attrs.get("http-equiv") == "refresh"]


@dataclass(slots=True)
class Page:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def html(self) -> Html:
        return Html(self.body)

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


@dataclass(slots=True)
class Browser:
    """Sends the cookies that it was given; follows nothing."""

    base: str
    session: aiohttp.ClientSession
    cookies: dict[str, str] = field(default_factory=dict)
    given: list[Any] = field(default_factory=list)
    """Every cookie, with its attributes, as it was set."""

    async def get(self, path: str, **headers: str) -> Page:
        return await self._ask("GET", path, headers)

    async def post(self, path: str, form: Mapping[str, str] | bytes = b"", **headers: str) -> Page:
        return await self._ask("POST", path, headers, form)

    async def log_in(self, token: str = "viewer-token", target: str = "", **headers: str) -> Page:
        return await self.post("/login", {"token": token, "next": target}, **headers)

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], form: Mapping[str, str] | bytes = b"") -> Page:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Cookie": cookie} if cookie else {})
        async with self.session.request(
            method, self.base + path, headers=sent, data=form or None, allow_redirects=False
        ) as response:
            for text in response.headers.getall("Set-Cookie", ()):
                for name, morsel in SimpleCookie(text).items():
                    self.given.append(morsel)
                    self.cookies[name] = morsel.value
                    if morsel["max-age"] == "0" or not morsel.value:
                        del self.cookies[name]
            return Page(response.status, response.headers, await response.text())
