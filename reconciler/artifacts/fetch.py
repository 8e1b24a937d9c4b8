"""Reading from web servers that hold charts and artifacts: bounded in size and time, and no login for any host but the declared one."""

import asyncio
import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urljoin, urlsplit

import aiohttp

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.urls import redact

SECONDS = 60.0
"""For one answer with its body."""

MOST_REDIRECTS = 5

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    url: str = ""
    """Where it came from in the end."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """What opens one host; its representation does not show it."""

    host: str = ""
    """With the port, when the address has one; empty: nothing is sent anywhere."""
    username: str = ""
    password: str = ""

    @property
    def basic(self) -> str:
        """The header's value; empty where there is no login."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}" if self.password else ""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Reads for one Repository."""

    session: aiohttp.ClientSession
    what: str
    """How messages begin: `trueup/charts`."""
    protocols: tuple[str, ...]
    key: Key = field(default_factory=Key)
    tls: ssl.SSLContext | bool = True
    seconds: float = SECONDS

    async def get(
        self, url: str, *, limit_bytes: int, accept: str = "*/*", authorization: str = "", headers: Mapping[str, str] = NO_HEADERS
    ) -> Answer:
        """GET an address, following redirects; any status below 500 but those that ask for patience.

        Args:
            url: absolute.
            limit_bytes: of the body.
            accept: media types.
            authorization: the header's value; it goes to the host of this address only.
            headers: more of them, which go to this host only.

        Raises:
            SourceRefused: when the body is too long, the redirects too many, or a protocol is not allowed.
            SourceUnavailable: when the server does not answer, not in time, or asks for patience.
        """
        sent = {"Accept": accept, **headers} | ({"Authorization": authorization} if authorization else {})
        host = urlsplit(url).netloc
        try:
            async with asyncio.timeout(self.seconds):
                for _ in range(MOST_REDIRECTS + 1):
                    self._check(url)
                    async with self.session.get(url, headers=sent, allow_redirects=False, ssl=self.tls) as response:
                        if response.status not in (301, 302, 303, 307, 308):
                            return await self._answer(response, url, limit_bytes)
                        url = urljoin(url, response.headers.get("Location", ""))
                    if urlsplit(url).netloc != host:
                        sent = {"Accept": accept}
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unavailable(url, error) from error
        raise SourceRefused(f"{self.what}: {redact(url)}: more than {MOST_REDIRECTS} redirects")

    async def post(
        self, url: str, body: bytes, *, limit_bytes: int, media_type: str, headers: Mapping[str, str] = NO_HEADERS
    ) -> Answer:
        """POST a document; redirects are answers.

        Args:
            url: absolute.
            body: the document.
            limit_bytes: of the answer's body.
            media_type: of the document, and of the answer.
            headers: more of them.

        Raises:
            SourceRefused: when the answer is too long, or the protocol is not allowed.
            SourceUnavailable: when the server does not answer, not in time, or asks for patience.
        """
        self._check(url)
        sent = {**headers, "Accept": media_type, "Content-Type": media_type}
        try:
            async with (
                asyncio.timeout(self.seconds),
                self.session.post(url, data=body, headers=sent, allow_redirects=False, ssl=self.tls) as response,
            ):
                return await self._answer(response, url, limit_bytes)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unavailable(url, error) from error

    def _unavailable(self, url: str, error: Exception) -> SourceUnavailable:
        if isinstance(error, TimeoutError):
            return SourceUnavailable(f"{self.what}: {redact(url)} did not answer within {self.seconds:g} s")
        return SourceUnavailable(f"{self.what}: {redact(url)}: {redact(str(error)) or type(error).__name__}")

    def basic_for(self, url: str) -> str:
        """The login as a header's value, where the address is of the host that it is for."""
        return self.key.basic if urlsplit(url).netloc == self.key.host else ""

    def _check(self, url: str) -> None:
        protocol = urlsplit(url).scheme
        if protocol not in ("http", "https") or protocol not in self.protocols:
            raise SourceRefused(
                f"{self.what}: {redact(url)[:200]} is reached by a protocol that TRUEUP_GIT_PROTOCOLS does not list: {protocol}"
            )

    async def _answer(self, response: aiohttp.ClientResponse, url: str, limit_bytes: int) -> Answer:
        if response.status in RETRIED or response.status >= 500:
            after = response.headers.get("Retry-After", "")
            seconds = float(after) if after.isdigit() and len(after) < 6 else None
            raise SourceUnavailable(f"{self.what}: {redact(url)} answers {response.status}", retry_seconds=seconds)
        body = bytearray()
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > limit_bytes:
                limit = f"{limit_bytes >> 20} MiB" if limit_bytes >= 1 << 20 else f"{limit_bytes} bytes"
                raise SourceRefused(f"{self.what}: {redact(url)} is longer than {limit}")
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, bytes(body), url)


def expect(answer: Answer, what: str) -> Answer:
    """The answer, if it is a good one.

    Raises:
        SourceRefused: saying what its status means.
    """
    meanings = {401: "asks for a login, or refuses the one in spec.credentials", 403: "refuses access", 404: "has no such thing"}
    if answer.status != 200:
        meaning = meanings.get(answer.status, f"answers {answer.status}")
        raise SourceRefused(f"{what}: {redact(answer.url)}: the server {meaning}")
    return answer
