"""All of Trueup with everything it speaks to, on loopback: `async with System(tmp_path) as system`."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from jobs.connection import connect
from jobs.derive import Purpose, derive_secret
from jobs.keys import Keys
from jobs.records import ScopeRecord
from jobs.schedule import interval_number
from jobs.store.applications import ApplicationStore
from receiver.settings import ReceiverSettings
from tests.servers.forge_checks import ForgeChecks
from tests.servers.forge_deployments import ForgeDeployments
from tests.servers.other_forges import add_routes
from tests.servers.ports import free_port
from trueup.demo.example import push_payload
from trueup.sandbox.cluster import SandboxCluster
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.githttp import GitServer
from trueup.up import up

REPOSITORY = "acme/shop"
TOKEN = "t0ken"
KEY = "ab" * 32
SECONDS = 20.0
UNPOLLED_SECONDS = 100_000 * 3600.0
"""Between two looks at the heads of a repository that nobody is to look at."""


DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:1"}]}}
"""


class System:
    """Trueup on a sandbox (or a given kubeconfig), a Git server, a forge, and an embedded or given Redis."""

    def __init__(
        self,
        directory: Path,
        *,
        applications: Mapping[str, str],
        kubeconfig: Path | None = None,
        redis_url: str = "",
        more: str = "",
        timeout: str = "10s",
        settings: Mapping[str, Any] | None = None,
        prepare: Callable[["System"], Awaitable[None]] | None = None,
    ) -> None:
        self.directory = directory
        self.applications = applications
        """Names with their paths."""
        self.redis_url = redis_url
        self.namespace = f"ns-{secrets.token_hex(3)}"
        self._timeout = timeout
        self._kubeconfig = kubeconfig
        self._more = more
        self._timeout = timeout
        self.policies: dict[str, str] = {}
        """Lines of spec.sync by application, behind a comma."""
        self.windows: tuple[Mapping[str, str], ...] = ()
        """Of the instance."""
        self._stack = contextlib.AsyncExitStack()
        self._task: asyncio.Task[None] | None = None
        self._head = "0" * 40
        self._is_known = False
        """Whether the receiver has taken a webhook since it was started: from then on it refuses none."""
        self.port = free_port()
        self.instance = f"t{secrets.token_hex(4)}"
        self.more_settings = dict(settings or {})
        """Settings that stand over those of every system; of the next start."""
        self.plane: Any = None
        """The real control plane, where it runs on one."""
        self._prepare = prepare
        self.checks, self.deployments = ForgeChecks(), ForgeDeployments()
        self.poll = f"{UNPOLLED_SECONDS // 3600:.0f}h"
        self.pulls = ""
        """Of the Repository: fields of spec.pullRequests."""
        self.webhook = ""
        """Of the Repository: fields of spec.webhook."""
        """Done before Trueup starts."""

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:  # also when cancelled: what was opened is closed
            await self.__aexit__()
            raise
        return self

    async def _open(self) -> None:
        self.git = await self._stack.enter_async_context(GitServer(self.directory / "git"))
        self.forge = await self._stack.enter_async_context(
            ForgeServer(add_routes, self.checks.add_routes, self.deployments.add_routes)
        )
        self.cluster: Any = None
        if self._kubeconfig is None:
            self.cluster = await self._stack.enter_async_context(SandboxCluster(rollout_seconds=0.05))
            self._kubeconfig = self.directory / "kubeconfig"
            self._kubeconfig.write_text(self.cluster.kubeconfig)
        self.session = await self._stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=aiohttp.ClientTimeout(total=SECONDS))
        )
        secret = self.directory / "secrets" / "forge"
        secret.mkdir(parents=True, exist_ok=True)
        (secret / "token").write_text("f0rge")
        self.declare()
        if self.redis_url:  # or the look at every head that follows a new Redis, or the first poll, comes in the middle of a test
            async with connect(self.redis_url) as redis:
                keys = Keys(self.instance)
                await redis.set(keys.epoch, "test")
                number = interval_number("trueup/shop", UNPOLLED_SECONDS, time.time())
                await redis.set(keys.tick(f"poll:trueup/shop:{number}"), "test")
        if self._prepare is not None:
            await self._prepare(self)
        await self.start()

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop()
        finally:
            await self._stack.aclose()

    def declare(self, **policies: str) -> None:
        """Write the declarations; policies are lines of spec.sync by application."""
        policies = {**self.policies, **policies}
        directory = self.directory / "declarations"
        directory.mkdir(exist_ok=True)
        repository = (
            "apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {name: shop}\n"
            f"spec: {{url: '{self.git.url(REPOSITORY)}', forge: github, api: '{self.forge.url}', poll: {self.poll},"
            f" commitStatus: {{secretRef: {{name: forge}}}}, webhook: {{{self.webhook}}},"
            f" pullRequests: {{{self.pulls}}}}}\n"
        )
        documents = [repository]
        documents += [
            f"apiVersion: trueup.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n"
            f"spec: {{sources: [{{git: {{repository: shop, path: {path}}}}}], "
            f"destination: {{namespace: {self.namespace}, createNamespace: true}}, "
            f"sync: {{{self._sync(policies.get(name, ''))}}}}}\n"
            for name, path in self.applications.items()
        ]
        (directory / "all.yaml").write_text("---\n".join([*documents, *([self._more] if self._more else [])]))

    def _sync(self, policy: str) -> str:
        return policy.removeprefix(", ") if "timeout" in policy else f"timeout: {self._timeout}{policy}"

    @property
    def kubeconfig(self) -> Path:
        assert self._kubeconfig is not None
        return self._kubeconfig

    @property
    def settings(self) -> ReceiverSettings:
        known = {
            "instance": self.instance, "state": self.directory / "state", "declarations": self.directory / "declarations",
            "secrets": self.directory / "secrets", "KUBECONFIG": self._kubeconfig, "git_protocols": ("http",), "webhook_keys": (KEY,),
            "api_tokens": (f"test:admin:{hashlib.sha256(TOKEN.encode()).hexdigest()}",), "listen": f"127.0.0.1:{self.port}",
            "probe_listen": "", "redis_url": self.redis_url or None, "public_url": self.url, "windows": self.windows,
        }  # fmt: skip
        return ReceiverSettings(**{**known, **self.more_settings})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._is_known = False
        self._task = asyncio.create_task(up(self.settings))
        await self.until(self._is_ready, "Trueup is ready")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=SECONDS)
            if not self._task.done():
                stacks = [f"{t.get_coro().__qualname__} {t.cancelling()} {t.get_stack()}\n" for t in asyncio.all_tasks()]
                raise AssertionError(f"Trueup does not stop: {stacks}")

    async def _is_ready(self) -> bool:
        if self._task is not None and self._task.done():
            self._task.result()
        with contextlib.suppress(aiohttp.ClientError):
            async with self.session.get(f"{self.url}/readyz") as response:
                return not any((await response.json())["checks"].values())
        return False

    async def commit(self, files: Mapping[str, str | None], message: str = "change") -> str:
        return await self.git.commit(REPOSITORY, files, message=message)

    async def push(self, files: Mapping[str, str | None], message: str = "change") -> str:
        """Commit, and deliver its webhook, again when nobody can take it yet, as forges do; the job's id."""
        return await self.redeliver(await self.commit(files, message))

    async def redeliver(self, commit: str, *, ref: str = "refs/heads/main") -> str:
        """Deliver the webhook of a commit under an id of its own, until it is taken; the job's id."""

        async def deliver() -> str:
            status, answer = await self.deliver(commit, ref=ref)
            early = () if self._is_known else (401,)  # a Repository that was just declared is known a moment later
            assert status in (202, 503, *early), answer
            self._is_known = self._is_known or status == 202
            return str(answer["id"]) if status == 202 else ""

        return str(await self.until(deliver, "the delivery is taken"))

    async def deliver(
        self,
        commit: str,
        *,
        delivery: str = "",
        secret: bytes | None = None,
        ref: str = "refs/heads/main",
        repository: str = REPOSITORY,
    ) -> tuple[int, Mapping[str, Any]]:
        """Send GitHub's push event for a commit of a ref."""
        payload = {**push_payload(commit, self._head, self.git.url(repository)), "ref": ref}
        self._head = commit
        return await self.send("push", payload, delivery=delivery, secret=secret, repository=repository)

    async def send(
        self,
        event: str,
        payload: Mapping[str, Any],
        *,
        delivery: str = "",
        secret: bytes | None = None,
        repository: str = REPOSITORY,
    ) -> tuple[int, Mapping[str, Any]]:
        """Send an event as GitHub does."""
        scope = self.git.url(repository).partition("://")[2].removesuffix(".git")
        body = json.dumps(payload).encode()
        key = secret or derive_secret(bytes.fromhex(KEY), "github", Purpose.HMAC, scope, 0).hex().encode()
        headers = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery or secrets.token_hex(12),
            "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
            "Content-Type": "application/json",
        }
        async with self.session.post(f"{self.url}/webhooks/github/{scope}", data=body, headers=headers) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.url + path) as response:
            return response.status, await response.json()

    async def scopes(self) -> tuple[ScopeRecord, ...]:
        """Whose webhooks receivers take; of a given Redis."""
        async with connect(self.redis_url) as redis:
            return await ApplicationStore(redis, Keys(self.instance)).scopes() or ()

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        async with self.session.post(self.url + path, json=body or {}) as response:
            return response.status, await response.json()

    async def ended(self, job_id: str) -> Mapping[str, Any]:
        """The job once it is final or held."""

        async def look() -> Mapping[str, Any] | None:
            _, job = await self.get(f"/api/v1/jobs/{job_id}")
            return job if job["state"] in ("succeeded", "failed", "superseded", "ignored", "held") else None

        found: Mapping[str, Any] = await self.until(look, f"job {job_id} ends")
        return found

    async def kube(
        self, method: str, path: str, body: object = None, content: str = "application/json", *, manager: str = "kubectl-edit"
    ) -> tuple[int, Any]:
        """A request to the sandbox as a person's tool would send it."""
        url = f"{self.cluster.url}{path}{'&' if '?' in path else '?'}fieldManager={manager}"
        headers = {"Authorization": f"Bearer {self.cluster.token}", "Content-Type": content, "User-Agent": "person"}
        async with self.session.request(
            method, url, data=json.dumps(body) if body is not None else None, headers=headers
        ) as response:
            return response.status, await response.json()

    async def until(self, look: Callable[[], Awaitable[Any]], what: str, *, seconds: float = SECONDS, pause: float = 0.02) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := await look():
                return found
            await asyncio.sleep(pause)
        raise AssertionError(f"waited {seconds:g} s in vain until {what}")


def job(name: str, image: str = "tool:1", *, hook: str = "", **more: str | int) -> str:
    """A Job, whose image decides how it ends: one with `failing` fails. More are marks of ours, `ttl`, and `suspend: true`."""
    annotations = {"trueup.dev/hook": hook} if hook else {}
    annotations |= {f"trueup.dev/{key.replace('_', '-')}": value for key, value in more.items() if key not in ("ttl", "suspend")}
    marks = ", ".join(f"{key}: '{value}'" for key, value in annotations.items())
    rest = f", ttlSecondsAfterFinished: {more['ttl']}" if "ttl" in more else ""
    rest += f", suspend: {more['suspend']}" if "suspend" in more else ""
    return (
        f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, annotations: {{{marks}}}}}\n"
        f"spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: '{image}'}}]}}}}{rest}}}\n"
    )


def config_map(name: str, value: str = "1") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n"
