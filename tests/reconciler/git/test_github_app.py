"""GitHub Apps: one token for many, renewed in time, and a sentence for each refusal."""

import asyncio
import json
import time
from datetime import UTC, datetime

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.credentials import App
from reconciler.git.github_app import ANSWER_BYTES, AppTokens
from tests.servers.loopback import answering

PRIVATE = rsa.generate_private_key(65537, 2048)
KEY = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
URL = "https://github.com/acme/shop.git"


class Api:
    """GitHub's, as far as Apps go."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.seconds, self.status = 3600.0, 201
        self.is_slow, self.padding = False, ""

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path}")
        assert request.headers["Authorization"].startswith("Bearer ey")
        if request.method == "GET":
            return web.json_response({"id": 77})
        expires = datetime.fromtimestamp(time.time() + self.seconds, UTC).isoformat().replace("+00:00", "Z")
        headers = {"Location": "http://127.0.0.1:1/"} if self.status == 302 else {}
        found = {"token": f"t{len(self.requests)}", "expires_at": expires, "padding": self.padding}
        if not self.is_slow:
            return web.json_response(found, status=self.status, headers=headers)
        response = web.StreamResponse(status=self.status)
        await response.prepare(request)
        text = json.dumps(found).encode()
        for piece in (text[:9], text[9:]):
            await response.write(piece)
            await asyncio.sleep(0.05)
        return response


@pytest.fixture
async def api():
    api = Api()
    async with answering(api.answer) as api.url:
        yield api


async def test_many_who_want_one_token_make_one_request(api):
    tokens, app = AppTokens(("http",)), App("1", "2", KEY, api.url)
    found = await asyncio.gather(*(tokens.token(app, URL, b"", "shop") for _ in range(20)))
    assert set(found) == {"t1"}
    assert api.requests == ["POST /app/installations/2/access_tokens"]


async def test_an_answer_that_comes_in_pieces_is_read_whole(api):
    api.is_slow = True
    assert await AppTokens(("http",)).token(App("1", "2", KEY, api.url), URL, b"", "shop") == "t1"


async def test_an_answer_without_an_end_is_none(api):
    api.padding = "x" * (2 * ANSWER_BYTES)
    with pytest.raises(SourceUnavailable, match="is no JSON object"):
        await AppTokens(("http",)).token(App("1", "2", KEY, api.url), URL, b"", "shop")


async def test_a_token_that_ends_soon_is_renewed(api):
    tokens, app = AppTokens(("http",)), App("1", "2", KEY, api.url)
    api.seconds = 599
    assert [await tokens.token(app, URL, b"", "shop") for _ in range(2)] == ["t1", "t2"]


async def test_an_installation_that_is_not_named_is_the_repositorys(api):
    await AppTokens(("http",)).token(App("1", "", KEY, api.url), URL, b"", "shop")
    assert api.requests == ["GET /repos/acme/shop/installation", "POST /app/installations/77/access_tokens"]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, SourceRefused, "refuses the GitHub App .401.; check githubAppID"),
        (404, SourceRefused, "has no such installation"),
        (302, SourceRefused, "has no such installation"),
        (500, SourceUnavailable, "gives no token"),
    ],
)
async def test_each_refusal_has_a_sentence(api, status, kind, said):
    api.status = status
    with pytest.raises(kind, match=said):
        await AppTokens(("http",)).token(App("1", "2", KEY, api.url), URL, b"", "shop")
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("key", "protocols", "said"),
    [
        (b"-----BEGIN canary-----", ("http",), "is no RSA private key"),
        (KEY, ("https",), "TRUEUP_GIT_PROTOCOLS does not list"),
    ],
)
async def test_what_is_never_asked(api, key, protocols, said):
    with pytest.raises(SourceRefused, match=said):
        await AppTokens(protocols).token(App("1", "2", key, api.url), URL, b"", "shop")
    assert api.requests == []
