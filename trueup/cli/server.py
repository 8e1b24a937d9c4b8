"""Speaking to a running Trueup: its address, its token, its answers as JSON or as a named failure."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import click

from trueup.cli.output import ExitCode, Failure, Json

T = TypeVar("T")

ANSWER_SECONDS = 30.0
"""Until an answer is given up; a request that waits on purpose says how much longer it may take."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where Trueup listens, and who we are."""

    url: str
    token: str

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """An HTTP session with the token in its headers."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with aiohttp.ClientSession(self.url, headers=headers) as session:
            yield session

    async def request(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: object = None, wait_seconds: float = 0
    ) -> Json:
        """The JSON of one answer.

        Raises:
            Failure: what the server said against it, or that it did not answer.
        """
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS + wait_seconds)
        try:
            async with (
                self.session() as session,
                session.request(method, path, params=query, json=body, timeout=timeout) as response,
            ):
                answer = await response.json(content_type=None)
                if response.status >= 400:
                    raise _refused(response.status, answer if isinstance(answer, dict) else {}, path)
                return _object(answer)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Failure(
                f"no answer from {self.url} ({error or type(error).__name__}); is Trueup running there? Say where with --server",
                ExitCode.UNREACHABLE,
            ) from error


def _object(answer: object) -> Json:
    if not isinstance(answer, dict):
        raise ValueError("it speaks, but not as Trueup does")  # noqa: TRY004 - as for what is no JSON at all
    return answer


def _refused(status: int, answer: Json, path: str) -> Failure:
    detail = answer.get("detail") or answer.get("title") or f"HTTP {status}"
    if status == 400:
        return Failure(str(detail), ExitCode.USAGE)
    if status == 401:
        told = "the server wants a token that it knows: set TRUEUP_TOKEN or --token"
        return Failure(
            f"{told}; it knows those whose SHA-256 stands in its TRUEUP_API_TOKENS, as name:role:sha256", ExitCode.USAGE
        )
    if status == 404:
        return Failure(f"{path.rpartition('/api/v1/')[2]}: not found", ExitCode.FAILED)
    return Failure(str(detail), ExitCode.UNREACHABLE if status >= 500 else ExitCode.FAILED)


def with_server(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `--server` and `--token`, and the `Server` they mean as its argument `where`."""

    @click.option(
        "--server", envvar="TRUEUP_SERVER", default="http://127.0.0.1:8080", show_default=True, help="Address; TRUEUP_SERVER."
    )
    @click.option("--token", envvar="TRUEUP_TOKEN", default="", help="API token; TRUEUP_TOKEN.")
    @functools.wraps(function)
    def command(*, server: str, token: str, **options: object) -> object:
        if not server.startswith(("http://", "https://")):
            raise Failure(f"--server {server}: write http://host:port or https://host", ExitCode.USAGE)
        return function(where=Server(server, token.strip()), **options)

    return command


def run(work: Awaitable[T]) -> T:
    """Run one coroutine of a command; an interrupt ends it quietly."""

    async def main() -> T:
        return await work

    try:
        return asyncio.run(main())
    except KeyboardInterrupt as interrupt:
        raise Failure("interrupted", ExitCode.TIMEOUT) from interrupt
