"""Tokens of GitHub App installations: asked for with a signed assertion, kept in memory, renewed before they end.

https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
"""

import asyncio
import hashlib
import ssl
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import orjson
from gidgethub.apps import get_jwt

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.credentials import App
from reconciler.urls import parse_url

TIMEOUT_SECONDS = 20.0

EARLY_SECONDS = 600.0
"""A token counts for an hour; it is renewed while what began with it can still end."""

ASSERTION_SECONDS = 300
"""GitHub takes assertions of at most ten minutes, and clocks differ."""

ANSWER_BYTES = 256 * 1024
KEPT = 1000

_Key = tuple[str, str, str, str]


@dataclass(slots=True, repr=False)
class _Token:
    value: str = ""
    expires: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class AppTokens:
    """The tokens of one worker.

    Args:
        protocols: by which an API may be asked; `http` only where the settings list it.
    """

    def __init__(self, protocols: tuple[str, ...]) -> None:
        self._protocols = protocols
        self._tokens: dict[_Key, _Token] = {}

    async def token(self, app: App, url: str, authorities: bytes, what: str) -> str:
        """A token that counts for some minutes more; many who want it at once make one request.

        Raises:
            SourceRefused: when GitHub refuses the App, or the key is none.
            SourceUnavailable: when GitHub does not answer.
        """
        if not app.api.startswith(tuple(f"{protocol}://" for protocol in self._protocols)):
            raise SourceRefused(f"{what}, key githubAppBaseURL: is reached by a protocol that TRUEUP_GIT_PROTOCOLS does not list")
        scope = app.installation or parse_url(url).scope
        key = (app.api, app.id, scope, hashlib.sha256(app.key).hexdigest())
        if len(self._tokens) >= KEPT:
            self._tokens = {known: token for known, token in self._tokens.items() if token.expires > time.time()}
        known = self._tokens.setdefault(key, _Token())
        async with known.lock:
            if known.expires - EARLY_SECONDS < time.time():
                known.value, known.expires = await _ask(app, url, authorities, what)
            return known.value


async def _ask(app: App, url: str, authorities: bytes, what: str) -> tuple[str, float]:
    try:
        assertion = await asyncio.to_thread(get_jwt, app_id=app.id, private_key=app.key, expiration=ASSERTION_SECONDS)
    except Exception:  # noqa: BLE001 - the libraries raise many kinds for one mistake, and their texts may quote the key
        raise SourceRefused(f"{what}, key githubAppPrivateKey: is no RSA private key") from None
    headers = {"Authorization": f"Bearer {assertion}", "Accept": "application/vnd.github+json", "User-Agent": "trueup"}
    try:
        context = ssl.create_default_context(cadata=authorities.decode()) if authorities else ssl.create_default_context()
    except (ssl.SSLError, ValueError):
        raise SourceRefused(f"{what}, key ca.crt: holds no certificate") from None
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector, trust_env=True) as session:
        installation = app.installation
        if not installation:
            path = parse_url(url).path.strip("/").removesuffix(".git")
            found = await _request(session, "GET", f"{app.api}/repos/{path}/installation", what)
            installation = str(found.get("id", ""))
        found = await _request(session, "POST", f"{app.api}/app/installations/{installation}/access_tokens", what)
    token = found.get("token")
    if not isinstance(token, str) or not token or not token.isprintable():
        raise SourceUnavailable(f"{what}: {app.api} answered without a token")
    try:
        expires = datetime.fromisoformat(str(found.get("expires_at"))).timestamp()
    except ValueError:
        expires = 0.0  # used now, and asked for anew next time
    return token, expires


async def _request(session: aiohttp.ClientSession, method: str, url: str, what: str) -> dict[str, Any]:
    """One request; nobody is followed elsewhere with the assertion."""
    host = url.split("/")[2]
    try:
        async with session.request(method, url, allow_redirects=False) as response:
            if response.status in (401, 403):
                mend = "check githubAppID and githubAppPrivateKey"
                raise SourceRefused(f"{what}: {host} refuses the GitHub App ({response.status}); {mend}")
            if response.status in (404, 422) or 300 <= response.status < 400:
                mend = "check githubAppInstallationID, githubAppBaseURL, and that the App is installed on the repository"
                raise SourceRefused(f"{what}: {host} has no such installation ({response.status}); {mend}")
            if response.status >= 400:
                raise SourceUnavailable(f"{what}: {host} gives no token of the GitHub App now ({response.status})")
            found = _parsed(await _whole(response))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SourceUnavailable(f"{what}: {host} does not answer for the GitHub App: {type(error).__name__}") from error
    if found is None:
        raise SourceUnavailable(f"{what}: {host} answered with something that is no JSON object")
    return found


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The body; cut where it is too long, and no JSON any more then."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            return body[:ANSWER_BYTES]
    return body


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
