"""A receiver on loopback, served as in production, with one declared repository: `async with front_door(url, keys) as door`."""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from jobs.derive import Purpose, derive_secret
from jobs.keys import Keys
from jobs.records import ScopeRecord
from receiver.app import runner
from receiver.front import FRONT, Front
from receiver.settings import ReceiverSettings
from reconciler.model.declared import Forge
from trueup.demo.example import push_payload

KEY = "cd" * 32
SCOPE = "git.example/acme/shop"
ADDRESS = f"/webhooks/github/{SCOPE}"
ROLES = ("viewer", "deployer", "approver", "admin")
LIMIT = 1024 * 1024
"""Bytes of a body; as much of what is tested as with 25 MiB."""


def secret_of(provider: str, purpose: Purpose, *, key: str = KEY, scope: str = SCOPE, generation: int = 0) -> bytes:
    """The bytes of a derived secret."""
    return derive_secret(bytes.fromhex(key), provider, purpose, scope, generation)


SECRET = secret_of("github", Purpose.HMAC).hex().encode()
GITLAB_TOKEN = secret_of("gitlab", Purpose.TOKEN).hex()


def push_of(commit: str = "a" * 40, **more: object) -> bytes:
    """GitHub's push of a commit to main."""
    return json.dumps(push_payload(commit, "0" * 40, f"https://{SCOPE}.git") | more).encode()


def signed(body: bytes, *, event: str = "push", delivery: str = "", secret: bytes = SECRET) -> dict[str, str]:
    """The headers that GitHub sends with a body."""
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or secrets.token_hex(8),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
        "Content-Type": "application/json",
    }


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    json: Any


@dataclass(slots=True)
class Door:
    """A receiver that answers."""

    front: Front
    session: aiohttp.ClientSession
    port: int

    async def send(self, body: Any, headers: Mapping[str, str], address: str = ADDRESS) -> Answer:
        """Post a webhook."""
        async with self.session.post(address, data=body, headers=headers) as response:
            return Answer(response.status, response.headers, await response.json(content_type=None))

    async def ask(self, method: str, path: str, *, role: str = "viewer", **more: Any) -> Answer:
        """Ask the API with the token of a role; none when it is empty."""
        headers = {"Authorization": f"Bearer {role}-token"} if role else {}
        async with self.session.request(method, path, headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.json(content_type=None))

    async def raw(self, data: bytes, *, seconds: float = 5.0) -> bytes:
        """The first bytes of the answer to some bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(seconds):
                return await reader.read(65536)
        finally:
            writer.close()


def settings_of(keys: Keys, **more: Any) -> ReceiverSettings:
    """Settings with a token for each role."""
    tokens = tuple(f"{role}s:{role}:{hashlib.sha256(f'{role}-token'.encode()).hexdigest()}" for role in ROLES)
    return ReceiverSettings(
        **({"instance": keys.instance, "webhook_keys": (KEY,), "api_tokens": tokens, "body_limit": LIMIT} | more)
    )


@asynccontextmanager
async def front_door(url: str, keys: Keys, *, has_scopes: bool = True, **settings: Any) -> AsyncIterator[Door]:
    """A receiver on a free port; its repository is trueup/shop, of every forge."""
    served = runner(settings_of(keys, **settings), url)
    await served.setup()
    try:
        await web.TCPSite(served, "127.0.0.1", 0).start()
        port = served.addresses[0][1]
        front = served.app[FRONT]
        if has_scopes:
            records = [ScopeRecord(scope=SCOPE, provider=name, repository="trueup/shop") for name in Forge]
            await front.applications.publish_scopes(records)
        connector = aiohttp.TCPConnector(limit=200)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as session:
            yield Door(front, session, port)
    finally:
        await served.cleanup()
