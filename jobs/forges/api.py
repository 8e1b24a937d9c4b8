"""Plain HTTP with a forge: JSON there and back, and whatever else comes back is said in words."""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import aiohttp
import orjson

from jobs.forges.forge import ANSWER_SECONDS, Refusal, read
from reconciler.errors import ForgeUnavailable
from reconciler.model.declared import Repository

Login: TypeAlias = Callable[[str], Mapping[str, str]]
"""The headers that carry a token."""


def bearer(token: str) -> Mapping[str, str]:
    """A token as most forges want it; one with a name before it, as `name:token`, goes by Basic."""
    return basic(token) if ":" in token else {"Authorization": f"Bearer {token}"}


def basic(login: str) -> Mapping[str, str]:
    """`name:password`; the name may be empty."""
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


@dataclass(frozen=True, slots=True)
class Api:
    """One forge's API, as far as forges differ by little: how a token is sent, and what it needs."""

    session: aiohttp.ClientSession
    permission: str
    """What the token needs, for messages."""
    login: Login = bearer
    declared_at: str = "spec.commitStatus.secretRef"
    """Which field names the token's Secret, for messages."""

    async def call(self, method: str, repository: Repository, path: str, token: str, body: Any = None) -> Any:
        """The JSON of an answer; None where it has none.

        Raises:
            Stalled: when a person must mend something.
            ForgeUnavailable: when it may pass.
        """
        return (await self._answer(method, repository, path, token, body, absent=0))[0]

    async def find(self, repository: Repository, path: str, token: str) -> Any:
        """The same of something that may not be there: None then."""
        return (await self._answer("GET", repository, path, token, None, absent=404))[0]

    async def delete(self, repository: Repository, path: str, token: str) -> None:
        """Delete something; what is gone is as good."""
        await self._answer("DELETE", repository, path, token, None, absent=404)

    async def _answer(  # noqa: PLR0913, PLR0917 - one request
        self, method: str, repository: Repository, path: str, token: str, body: Any, absent: int
    ) -> tuple[Any, Mapping[str, str]]:
        status, headers, answer = await ask(self.session, method, repository, path, self.login(token), body)
        what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
        if status == absent:
            return None, headers
        if status < 300 and status != 203:  # Azure DevOps shows a page to sign in, and says 203, to a token that is none
            return parsed(answer, what), headers
        said = answer.decode(errors="replace")[:300] if status != 203 else "sign in"
        raise Refusal(401 if status == 203 else status, headers, said).error(
            what, permission=self.permission, now=time.time(), declared_at=self.declared_at
        )


async def ask(  # noqa: PLR0913, PLR0917 - one request
    session: aiohttp.ClientSession, method: str, repository: Repository, path: str, headers: Mapping[str, str], body: Any = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of an answer; a redirect is one, since the token is for this host alone.

    Raises:
        ForgeUnavailable: when there is none in time.
    """
    what = f"{repository.name}: {repository.api}{path.partition('?')[0]}"
    try:
        async with session.request(
            method, repository.api + path, json=body, headers=headers,
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS), allow_redirects=False,
        ) as response:  # fmt: skip
            return response.status, response.headers, await read(response)
    except TimeoutError as error:
        raise ForgeUnavailable(f"{what}: no answer within {ANSWER_SECONDS:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ForgeUnavailable(f"{what}: {str(error)[:200] or type(error).__name__}") from error


def parsed(answer: bytes, what: str) -> Any:
    """The JSON of an answer; None where there is none.

    Raises:
        ForgeUnavailable: when it is no JSON.
    """
    try:
        return orjson.loads(answer) if answer else None
    except orjson.JSONDecodeError as error:
        raise ForgeUnavailable(f"{what}: {str(error)[:200]}") from error
