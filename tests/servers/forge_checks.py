"""GitHub Apps on a forge on loopback: tokens of installations, and check runs, which only they may write."""

import functools
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from trueup.sandbox.forge import ForgeServer

APP = "4711"
INSTALLATION = "77"
TOKEN = "ghs_installation-canary"
MOST_ANNOTATIONS = 50
LONGEST_TEXT = 65535


@functools.cache
def app_key() -> bytes:
    """The App's private key, as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def app_secret(**more: bytes) -> dict[str, bytes]:
    """What a Secret with an App holds."""
    return {"githubAppID": APP.encode(), "githubAppPrivateKey": app_key(), **more}


@dataclass(eq=False)
class CheckRun:
    """A check run as the forge keeps it."""

    id: int
    repository: str
    fields: dict[str, Any] = field(default_factory=dict)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    writes: list[dict[str, Any]] = field(default_factory=list)
    """Bodies, oldest first."""


class ForgeChecks:
    """Add `add_routes` to a `ForgeServer`."""

    def __init__(self) -> None:
        self.runs: list[CheckRun] = []
        self.takes_annotations = True
        self.tokens = 0
        """How many were asked for."""

    def of(self, commit: str) -> list[CheckRun]:
        """The check runs of a commit, oldest first."""
        return [run for run in self.runs if run.fields["head_sha"] == commit]

    def add_routes(self, _: ForgeServer, router: web.UrlDispatcher) -> None:
        """Answer as GitHub does."""
        router.add_get("/repos/{owner}/{name}/installation", self._installation)
        router.add_post("/app/installations/{id}/access_tokens", self._token)
        router.add_post("/repos/{owner}/{name}/check-runs", self._create)
        router.add_patch("/repos/{owner}/{name}/check-runs/{id}", self._update)
        router.add_get("/repos/{owner}/{name}/commits/{sha}/check-runs", self._list)

    async def _installation(self, _: web.Request) -> web.Response:
        return web.json_response({"id": int(INSTALLATION)})

    async def _token(self, request: web.Request) -> web.Response:
        assertion = request.headers.get("Authorization", "").removeprefix("Bearer ")
        public = serialization.load_pem_private_key(app_key(), None).public_key()
        claims = jwt.decode(assertion, public, algorithms=["RS256"], options={"verify_iat": False})  # type: ignore[arg-type]
        if claims["iss"] != APP or request.match_info["id"] != INSTALLATION:
            return web.json_response({"message": "Not Found"}, status=404)
        self.tokens += 1
        expires = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat().replace("+00:00", "Z")
        return web.json_response({"token": TOKEN, "expires_at": expires}, status=201)

    def _refused(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        if request.headers.get("Authorization", "").rpartition(" ")[2] != TOKEN:
            return web.json_response({"message": "You must authenticate via a GitHub App."}, status=403)
        output = body.get("output", {})
        wrong = [name for name in ("title", "summary") if output and not output.get(name)]
        wrong += [name for name in ("summary", "text") if len(output.get(name, "").encode()) > LONGEST_TEXT]
        wrong += ["annotations: path"] if output.get("annotations") and not self.takes_annotations else []
        wrong += ["annotations"] if len(output.get("annotations", [])) > MOST_ANNOTATIONS else []
        wrong += ["conclusion"] if body.get("status") == "completed" and not body.get("conclusion") else []
        if wrong:
            return web.json_response({"message": "Invalid request.", "errors": wrong}, status=422)
        return None

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        if refused := self._refused(request, body):
            return refused
        run = CheckRun(len(self.runs) + 1, f"{request.match_info['owner']}/{request.match_info['name']}")
        self.runs.append(run)
        return self._write(run, body, 201)

    async def _update(self, request: web.Request) -> web.Response:
        body = await request.json()
        if refused := self._refused(request, body):
            return refused
        run = next((run for run in self.runs if str(run.id) == request.match_info["id"]), None)
        return self._write(run, body, 200) if run else web.json_response({"message": "Not Found"}, status=404)

    def _write(self, run: CheckRun, body: dict[str, Any], status: int) -> web.Response:
        run.writes.append(body)
        run.annotations += body.get("output", {}).get("annotations", [])
        run.fields |= body
        return web.json_response({"id": run.id, "app": {"id": int(APP)}} | run.fields, status=status)

    async def _list(self, request: web.Request) -> web.Response:
        name = request.query.get("check_name", "")
        found = [run for run in self.of(request.match_info["sha"])[::-1] if name in ("", run.fields["name"])]
        if request.query.get("filter", "latest") == "latest":
            found = list({run.fields["name"]: run for run in found[::-1]}.values())
        lines = [{"id": run.id, "app": {"id": int(APP)}, "conclusion": None} | run.fields for run in found]
        return web.json_response({"total_count": len(lines), "check_runs": lines})
