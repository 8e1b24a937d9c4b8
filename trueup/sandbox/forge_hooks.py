"""Webhooks of a forge on loopback: GitHub's and GitLab's API of them, and deliveries that are really sent, signed, logged and sent again."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

ANSWER_SECONDS = 10.0

GIVEN_UP_AFTER = 4
"""Failures in a row, after which GitLab gives a hook up for a time."""

MOST_HOOKS = 20

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(eq=False)
class StoredHook:
    """A hook as the forge keeps it, with what it never shows."""

    id: int
    settings: dict[str, Any]
    """As the API shows them, without secrets."""
    secrets: dict[str, str] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    """Newest first."""
    failures: int = 0
    """In a row."""
    tests: list[float] = field(default_factory=list)


class ForgeHooks:
    """Hooks by repository, organisation or group, in lower case."""

    def __init__(self) -> None:
        self.stored: dict[str, list[StoredHook]] = defaultdict(list)
        self.is_down = False
        """While it is set, nothing that is sent arrives."""
        self.may_write = True
        """Whether the token may write hooks; who may not sees none."""
        self.is_old = False
        """Whether GitLab is from before 19.0, and knows no signing tokens."""
        self.tests_a_minute = 5
        """Of one hook of GitLab."""
        self._numbers = iter(range(1, 1_000_000))
        self._tasks: set[asyncio.Task[None]] = set()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Answer as GitHub and GitLab do, of repositories and of what holds many."""
        for github in ("/repos/{owner}/{name}/hooks", "/orgs/{owner}/hooks"):
            self._add_github(router, github)
        for gitlab in ("/projects/{project}/hooks", "/groups/{project}/hooks"):
            self._add_gitlab(router, gitlab)

    def _add_github(self, router: web.UrlDispatcher, github: str) -> None:
        router.add_get(github, self._guarded(self._list))
        router.add_post(github, self._guarded(self._github_create))
        router.add_patch(github + "/{id}", self._guarded(self._github_update))
        router.add_delete(github + "/{id}", self._guarded(self._delete))
        router.add_post(github + "/{id}/pings", self._guarded(self._github_ping))
        router.add_get(github + "/{id}/deliveries", self._guarded(self._log))
        router.add_post(github + "/{id}/deliveries/{line}/attempts", self._guarded(self._again))

    def _add_gitlab(self, router: web.UrlDispatcher, gitlab: str) -> None:
        router.add_get(gitlab, self._guarded(self._list))
        router.add_post(gitlab, self._guarded(self._gitlab_create))
        router.add_put(gitlab + "/{id}", self._guarded(self._gitlab_update))
        router.add_delete(gitlab + "/{id}", self._guarded(self._delete))
        router.add_post(gitlab + "/{id}/test/push_events", self._guarded(self._gitlab_test))
        router.add_get(gitlab + "/{id}/events", self._guarded(self._log))
        router.add_post(gitlab + "/{id}/events/{line}/resend", self._guarded(self._again))

    async def close(self) -> None:
        """End what is being sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until everything was sent."""
        await asyncio.gather(*self._tasks)

    async def push(self, repository: str, payload: Mapping[str, Any]) -> list[int]:
        """Send a push to every hook that wants it, of the repository and of what holds it; our answers."""
        codes, path = [], repository.lower()
        above = [path[:end] for end, letter in enumerate(path) if letter == "/"]
        for hook in [hook for place in (path, *above) for hook in self.stored[place]]:
            is_github = "config" in hook.settings
            if is_github and hook.settings["active"] and "push" in hook.settings["events"]:
                codes.append(await self._send(hook, "push", payload))
            if not is_github and hook.settings["push_events"] and hook.settings["alert_status"] == "executable":
                codes.append(await self._send(hook, "push_hooks", payload))
        return codes

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            has_token = request.headers.get("Authorization") or request.headers.get("PRIVATE-TOKEN")
            if not has_token:
                return web.json_response({"message": "Requires authentication"}, status=401)
            if not self.may_write or ("id" in request.match_info and self._found(request) is None):
                return web.json_response({"message": "Not Found"}, status=404)
            return await handler(request)

        return answer

    def _of(self, request: web.Request) -> list[StoredHook]:
        parts = request.match_info
        return self.stored[(parts.get("project") or "/".join(filter(None, (parts["owner"], parts.get("name"))))).lower()]

    def _found(self, request: web.Request) -> StoredHook | None:
        return next((hook for hook in self._of(request) if str(hook.id) == request.match_info["id"]), None)

    def _hook(self, request: web.Request) -> StoredHook:
        found = self._found(request)
        assert found is not None
        return found

    async def _list(self, request: web.Request) -> web.Response:
        size, page = int(request.query.get("per_page", 30)), int(request.query.get("page", 1))
        return web.json_response([hook.settings for hook in self._of(request)[(page - 1) * size : page * size]])

    async def _delete(self, request: web.Request) -> web.Response:
        self._of(request).remove(self._hook(request))
        return web.Response(status=204)

    async def _log(self, request: web.Request) -> web.Response:
        return web.json_response(self._hook(request).log[: int(request.query.get("per_page", 30))])

    async def _again(self, request: web.Request) -> web.Response:
        hook = self._hook(request)
        line = next((line for line in hook.log if str(line["id"]) == request.match_info["line"]), None)
        if line is None:
            return web.json_response({"message": "Not Found"}, status=404)
        sent = line["request_data"]
        guid = line.get("guid") or line["request_headers"]["Idempotency-Key"]
        self._later(hook, line.get("event") or line["trigger"], sent, guid)
        return web.json_response({}, status=202 if "guid" in line else 201)

    async def _github_create(self, request: web.Request) -> web.Response:
        body, hooks = await request.json(), self._of(request)
        url = body["config"]["url"]
        if any(hook.settings["config"]["url"] == url for hook in hooks):
            return _unprocessable("Hook already exists on this repository")
        if len(hooks) >= MOST_HOOKS:
            return _unprocessable(f'The "push" event cannot have more than {MOST_HOOKS} hooks')
        hook = StoredHook(next(self._numbers), {"name": "web", "active": True, "events": ["push"]})
        hooks.append(hook)
        _write_github(hook, body)
        self._later(hook, "ping", {"zen": "Speak like a human.", "hook_id": hook.id})
        return web.json_response(hook.settings, status=201)

    async def _github_update(self, request: web.Request) -> web.Response:
        hook = self._hook(request)
        _write_github(hook, await request.json())
        return web.json_response(hook.settings)

    async def _github_ping(self, request: web.Request) -> web.Response:
        hook = self._hook(request)
        self._later(hook, "ping", {"zen": "Keep it logically awesome.", "hook_id": hook.id})
        return web.Response(status=204)

    async def _gitlab_create(self, request: web.Request) -> web.Response:
        body = await request.json()
        state = {"alert_status": "executable", "push_events": True, "tag_push_events": False, "enable_ssl_verification": True}
        hook = StoredHook(next(self._numbers), state)
        self._of(request).append(hook)
        self._write_gitlab(hook, body)
        return web.json_response(hook.settings, status=201)

    async def _gitlab_update(self, request: web.Request) -> web.Response:
        hook = self._hook(request)
        self._write_gitlab(hook, await request.json())
        return web.json_response(hook.settings)

    async def _gitlab_test(self, request: web.Request) -> web.Response:
        hook, now = self._hook(request), time.monotonic()
        hook.tests = [moment for moment in hook.tests if now - moment < 60]
        if len(hook.tests) >= self.tests_a_minute:
            return web.json_response({"message": "This endpoint has been requested too many times"}, status=429)
        hook.tests.append(now)
        path = request.match_info["project"]
        project = {"path_with_namespace": path, "git_http_url": f"http://127.0.0.1/{path}.git"}
        zeros = "0" * 40
        await self._send(
            hook,
            "push_hooks",
            {"object_kind": "push", "ref": "refs/heads/test", "after": zeros, "before": zeros, "project": project},
        )
        return web.json_response({"message": "201 Created"}, status=201)

    def _write_gitlab(self, hook: StoredHook, body: Mapping[str, Any]) -> None:
        for name, value in body.items():
            if name in ("token", "signing_token"):
                if not (self.is_old and name == "signing_token"):
                    hook.secrets[name] = value
            else:
                hook.settings[name] = value
        hook.settings["id"] = hook.id
        if not self.is_old:
            hook.settings |= {f"{name}_present": name in hook.secrets for name in ("token", "signing_token")}

    def _later(self, hook: StoredHook, event: str, payload: Any, delivery: str = "") -> None:
        async def send() -> None:
            await self._send(hook, event, payload, delivery)

        task = asyncio.create_task(send())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, hook: StoredHook, event: str, payload: Any, delivery: str = "") -> int:
        """Send one delivery, and log what came of it."""
        is_github, delivery = "config" in hook.settings, delivery or secrets.token_hex(16)
        body = json.dumps(payload).encode()
        headers = _github_headers(hook, event, body, delivery) if is_github else _gitlab_headers(hook, event, body, delivery)
        code = (
            0
            if self.is_down
            else await _posted(hook.settings["config"]["url"] if is_github else hook.settings["url"], body, headers)
        )
        line: dict[str, Any] = {"id": next(self._numbers), "request_data": payload}
        if is_github:
            said = "OK" if 200 <= code < 300 else "failed to connect to host" if not code else f"Invalid HTTP Response: {code}"
            line |= {"guid": delivery, "event": event, "status_code": code, "status": said}
            line["delivered_at"] = datetime.now(UTC).isoformat()
        else:
            line |= {"trigger": event, "request_headers": headers, "response_status": str(code) if code else "internal error"}
            hook.failures = 0 if 200 <= code < 300 else hook.failures + 1
            hook.settings["alert_status"] = "temporarily_disabled" if hook.failures >= GIVEN_UP_AFTER else "executable"
        hook.log.insert(0, line)
        return code


def _write_github(hook: StoredHook, body: Mapping[str, Any]) -> None:
    """A config is replaced as a whole, with its secret."""
    for name in ("active", "events"):
        if name in body:
            hook.settings[name] = body[name]
    hook.settings["id"] = hook.id
    if "config" in body:
        config = dict(body["config"])
        hook.secrets = {"secret": config["secret"]} if "secret" in config else {}
        hook.settings["config"] = config | ({"secret": "********"} if hook.secrets else {})


def _unprocessable(message: str) -> web.Response:
    return web.json_response({"message": "Validation Failed", "errors": [{"resource": "Hook", "message": message}]}, status=422)


def _github_headers(hook: StoredHook, event: str, body: bytes, delivery: str) -> dict[str, str]:
    headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "Content-Type": "application/json"}
    if secret := hook.secrets.get("secret"):
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return headers


def _gitlab_headers(hook: StoredHook, event: str, body: bytes, delivery: str) -> dict[str, str]:
    name = {"push_hooks": "Push Hook"}.get(event, event)
    headers = {"X-Gitlab-Event": name, "Idempotency-Key": delivery, "Content-Type": "application/json"}
    if token := hook.secrets.get("token"):
        headers["X-Gitlab-Token"] = token
    if signing := hook.secrets.get("signing_token"):
        moment = str(int(time.time()))
        key = base64.b64decode(signing.removeprefix("whsec_"))
        digest = hmac.new(key, f"{delivery}.{moment}.".encode() + body, hashlib.sha256).digest()
        headers |= {"webhook-id": delivery, "webhook-timestamp": moment}
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


async def _posted(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Our answer's status; 0 without one."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as session,
            session.post(url, data=body, headers=headers) as response,
        ):
            return response.status
    except (aiohttp.ClientError, OSError, TimeoutError):
        return 0
