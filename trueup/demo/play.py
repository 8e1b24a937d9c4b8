"""The demo's scenes, in order. Every scene checks what it shows: a demo that only looks right is no demo."""

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from jobs.derive import Purpose, derive_secret
from trueup.demo.example import (
    APPLICATION,
    CHART,
    NAMESPACE,
    OVERLAY,
    PATH,
    RENDERED,
    REPOSITORY,
    declaration,
    deployment,
    pull_payload,
    push_payload,
    service,
)
from trueup.demo.screen import Screen
from trueup.demo.stage import Stage, set_up
from trueup.sandbox.forge_pulls import StoredComment, StoredPull

SCENE_SECONDS = 30.0
"""How long anything that a scene waits for may take."""

BRANCH = "release-1.1.0"

LOOK_SECONDS = 0.1
"""How often a scene looks; people see it as it happens."""

Json = Mapping[str, Any]


class DemoFailed(Exception):
    """Something did not come about that should have."""


class Player:
    """One person at a keyboard: pushes commits, breaks things, and reads what Trueup says."""

    def __init__(self, stage: Stage, screen: Screen, session: aiohttp.ClientSession) -> None:
        self.stage = stage
        self.screen = screen
        self._session = session
        self._head = "0" * 40

    async def push(self, message: str, files: Mapping[str, str | None]) -> str:
        """Commit files (None removes one) to main, and send the webhook that a forge would send; returns the job's id."""
        commit = await self.stage.git.commit(REPOSITORY, files, message=message)
        self.screen.did(f"git push    # {message}  ({commit[:12]})")
        return await self.pushed(commit)

    async def pushed(self, commit: str) -> str:
        """Send the webhook of a commit that main is at now; returns the job's id."""
        before, self._head = self._head, commit
        return await self.deliver("push", push_payload(commit, before, self.stage.git.url(REPOSITORY)))

    async def open_pull(self, message: str, files: Mapping[str, str]) -> StoredPull:
        """Commit files to a branch, and open a pull request for it at the forge."""
        bare = self.stage.git.path(REPOSITORY)
        await self.stage.git.git(bare, "update-ref", f"refs/heads/{BRANCH}", "refs/heads/main")
        commit = await self.stage.git.commit(REPOSITORY, files, message=message, branch=BRANCH)
        await self.stage.git.git(bare, "update-ref", "refs/pull/1/head", commit)
        self.screen.did(f"git push origin {BRANCH}    # {message}  ({commit[:12]}), and a pull request into main")
        return self.stage.forge.pulls.open(REPOSITORY, StoredPull(1, commit, BRANCH))

    async def merge(self, pull: StoredPull) -> str:
        """Merge a pull request, as its forge does; returns the job's id."""
        self.screen.did(f"merge pull request {pull.number} into main")
        await self.stage.git.git(self.stage.git.path(REPOSITORY), "update-ref", "refs/heads/main", pull.commit)
        pull.state = "merged"
        return await self.pushed(pull.commit)

    async def deliver(self, event: str, payload: object) -> str:
        """Send a webhook as the forge would; returns the job's id."""
        body = json.dumps(payload).encode()
        scope = self.stage.git.url(REPOSITORY).partition("://")[2].removesuffix(".git")
        key = derive_secret(bytes.fromhex(self.stage.webhook_key), "github", Purpose.HMAC, scope, 0)
        headers = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": secrets.token_hex(16),
            "X-Hub-Signature-256": "sha256=" + hmac.new(key.hex().encode(), body, hashlib.sha256).hexdigest(),
            "Content-Type": "application/json",
        }
        began = time.monotonic()
        address = f"{self.stage.url}/webhooks/github/{scope}"
        async with self._session.post(address, data=body, headers=headers) as response:
            answer = await response.json()
            if response.status != 202:
                raise DemoFailed(f"the webhook was answered with {response.status}: {answer}")
        elapsed = (time.monotonic() - began) * 1000
        self.screen.saw(f"webhook → 202 in {elapsed:.0f} ms, {answer['url']}")
        job: str = answer["id"]
        return job

    async def api(self, path: str) -> Json:
        """What Trueup's API says."""
        async with self._session.get(f"{self.stage.url}{path}") as response:
            answer: Json = await response.json()
            if response.status != 200:
                raise DemoFailed(f"GET {path} was answered with {response.status}: {answer}")
            return answer

    async def kubectl(self, *arguments: str, quiet: bool = False) -> str:
        """Run kubectl in the demo's namespace; what it printed, empty when it failed."""
        if not quiet:
            self.screen.did(f"kubectl {' '.join(arguments)}")
        kubectl = Path(sys.executable).with_name("kubectl")
        environment = dict(os.environ) | ({"HOME": str(self.stage.kubeconfig.parent)} if self.stage.is_sandbox else {})
        process = await asyncio.create_subprocess_exec(
            kubectl, "--kubeconfig", self.stage.kubeconfig, "--namespace", NAMESPACE, *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        async with asyncio.timeout(SCENE_SECONDS):
            output, _ = await process.communicate()
        return output.decode() if process.returncode == 0 else ""

    async def until(self, what: str, look: Callable[[], Any]) -> Any:
        """Look until something is true, and return it.

        Raises:
            DemoFailed: when it does not come about in time.
        """
        deadline = time.monotonic() + SCENE_SECONDS
        while time.monotonic() < deadline:
            if found := await look():
                return found
            await asyncio.sleep(LOOK_SECONDS)
        raise DemoFailed(f"waited {SCENE_SECONDS:g} s in vain until {what}")

    async def job_ends(self, job_id: str, state: str) -> Json:
        """Show a job's stages as they happen, until it has the expected state."""
        said: set[str] = set()

        async def look() -> Json | None:
            job = await self.api(f"/api/v1/jobs/{job_id}")
            for line in _lines(job):
                if line not in said:
                    said.add(line)
                    self.screen.saw(line)
            return job if job["state"] in {state, "failed", "succeeded", "held", "superseded", "ignored"} else None

        job: Json = await self.until(f"job {job_id} is {state}", look)
        self.screen.saw(f"job {job['state']}: {job['message']}")
        if job["state"] != state:
            raise DemoFailed(f"job {job_id} is {job['state']} and should be {state}: {job['message']}")
        return job

    async def status_is(self, commit: str, state: str, *, context: str = "trueup") -> None:
        """Show the statuses that were posted on a commit under one name."""

        async def look() -> Any:
            posted = [status for status in self.stage.forge.statuses(REPOSITORY, commit) if status.context == context]
            return posted if posted and posted[-1].state == state else None

        posted = await self.until(f"the status of {commit[:12]} is {state}", look)
        for status in posted:
            self.screen.saw(f"commit status {status.context}: {status.state}  {status.description!r}")

    @property
    def head(self) -> str:
        """The commit that was pushed last."""
        return self._head


def _lines(job: Json) -> list[str]:
    lines = [f"job {stage['name']}  {stage['detail']}".rstrip() for stage in job["stages"]]
    for sync in job["syncs"]:
        for step in sync["steps"]:
            fields = ", ".join(_field(field) for field in step["fields"])
            lines.append(f"{step['action']} {step['object']}: {step['error'] or fields or step['reason']}")
        lines += [f"held: {hold['reason']}" for hold in sync["holds"]]
    return lines


def _field(field: Json) -> str:
    if not field["manager"]:
        return f"{field['path']}: {field['found']} → {field['desired']}"
    values = f" from {field['desired']} to {field['found']}" if field["desired"] else ""
    return f"{field['path']} was changed{values} by {field['manager']}"


async def play(*, stay: bool) -> None:
    """Play all scenes; with *stay*, leave everything up afterwards until interrupted.

    Raises:
        DemoFailed: when something did not come about.
    """
    screen = Screen()
    kubeconfig = os.environ.get("KUBECONFIG")
    screen.heading("Trueup: a push goes live")
    async with set_up(kubeconfig) as stage:
        headers = {"Authorization": f"Bearer {stage.token}"}
        timeout = aiohttp.ClientTimeout(total=SCENE_SECONDS)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            player = Player(stage, screen, session)
            where = "the sandbox, which is no cluster" if stage.is_sandbox else kubeconfig
            screen.saw(f"cluster: {where}; Trueup: {stage.url}; Git: {stage.git.url(REPOSITORY)}")
            for scene in SCENES:
                await scene(player)
            screen.heading("All of it worked." if not stay else "All of it worked. Now you: Ctrl-C ends it.")
            if stay:
                _invite(screen, stage)
                await asyncio.Event().wait()


async def first_sync(player: Player) -> None:
    """Everything in the repository is created."""
    player.screen.heading("1. The first push: a Deployment with three replicas, and its Service")
    images = player.stage.images
    files = {f"{PATH}/deployment.yaml": deployment(images.old), f"{PATH}/service.yaml": service()}
    job = await player.push("my-web-app 1.0.0", files)
    await player.job_ends(job, "succeeded")
    await player.status_is(player.head, "success")


async def rolling_update(player: Player) -> None:
    """A pull request is planned; once it is merged, its new image is rolled out replica by replica."""
    player.screen.heading("2. A pull request says what it would change; merged, one object is sent")
    pull = await player.open_pull("my-web-app 1.1.0", {f"{PATH}/deployment.yaml": deployment(player.stage.images.new)})
    await player.job_ends(await player.deliver("pull_request", pull_payload(pull, player.stage.git.url(REPOSITORY))), "succeeded")
    await player.status_is(pull.commit, "success", context="trueup/plan")

    async def commented() -> list[StoredComment]:
        return player.stage.forge.pulls.comments(REPOSITORY, pull.number)

    comment = (await player.until("the plan stands beneath the pull request", commented))[0]
    for line in comment.body.splitlines():
        if line and not line.startswith("<!--"):
            player.screen.saw(f"comment  {line}")
    if player.stage.images.new not in comment.body:
        raise DemoFailed("the plan does not name the new image")
    job = await player.merge(pull)
    shown = asyncio.create_task(_show_rollout(player))
    await player.job_ends(job, "succeeded")
    await shown
    await player.status_is(player.head, "success")


async def _show_rollout(player: Player) -> None:
    seen = ""

    async def look() -> bool:
        nonlocal seen
        text = await player.kubectl("get", "deployment", APPLICATION, "--output", "json", quiet=True)
        if not text:
            return False
        live = json.loads(text)
        status = live.get("status", {})
        updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
        image = live["spec"]["template"]["spec"]["containers"][0]["image"]
        is_observed = status.get("observedGeneration") == live["metadata"]["generation"] and image == player.stage.images.new
        line = f"rollout: {updated} of 3 updated, {ready} ready" if is_observed else ""
        if line and line != seen:
            seen = line
            player.screen.saw(line)
        return bool(is_observed) and updated == 3 and ready == 3 and status.get("replicas") == 3

    await player.until("three replicas of the new version are ready", look)


async def drift(player: Player) -> None:
    """What people change by hand is put back."""
    player.screen.heading("3. Somebody scales the Deployment, and deletes the Service, by hand")
    known = {job["id"] for job in (await player.api("/api/v1/jobs?limit=100"))["items"]}
    await player.kubectl("scale", "deployment", APPLICATION, "--replicas=5")
    await _repaired(player, known, "Deployment", ("get", "deployment", APPLICATION, "--output", "jsonpath={.spec.replicas}"), "3")
    await player.kubectl("delete", "service", APPLICATION)
    look = ("get", "service", APPLICATION, "--output", "jsonpath={.metadata.name}")
    await _repaired(player, known, "Service", look, APPLICATION)


async def _repaired(player: Player, known: set[str], kind: str, look: tuple[str, ...], expected: str) -> None:
    began = time.monotonic()

    async def looks_right() -> bool:
        return await player.kubectl(*look, quiet=True) == expected

    await player.until(f"the {kind} is as in Git again", looks_right)
    player.screen.saw(f"{kind} as in Git again after {time.monotonic() - began:.1f} s (kubectl's own time included)")

    async def drift_job() -> str | None:
        jobs = (await player.api("/api/v1/jobs?limit=100"))["items"]
        new = [j for j in jobs if j["id"] not in known and j["kind"] == "drift" and kind in json.dumps(j)]
        return new[0]["id"] if new else None

    job = await player.until(f"a job tells of the drift of the {kind}", drift_job)
    known.add(job)
    await player.job_ends(job, "succeeded")


async def broken_commit(player: Player) -> None:
    """A manifest that the API server refuses leaves the cluster as it was, and the commit red."""
    player.screen.heading("4. A commit with a mistake: replicas is no number")
    before = await player.kubectl("get", "deployment", APPLICATION, "--output", "jsonpath={.metadata.generation}", quiet=True)
    broken = {f"{PATH}/deployment.yaml": deployment(player.stage.images.new, replicas="three")}
    await player.job_ends(await player.push("oops", broken), "failed")
    await player.status_is(player.head, "failure")
    after = await player.kubectl("get", "deployment", APPLICATION, "--output", "jsonpath={.metadata.generation}", quiet=True)
    if before != after:
        raise DemoFailed(f"the Deployment was changed: generation {before} → {after}")
    player.screen.saw("the Deployment was not touched")
    fixed = {f"{PATH}/deployment.yaml": deployment(player.stage.images.new)}
    await player.job_ends(await player.push("mend it", fixed), "succeeded")


async def emptied(player: Player) -> None:
    """A directory that is emptied deletes nothing until somebody says so."""
    player.screen.heading("6. A commit that empties the directory is held")
    files = {f"{PATH}/deployment.yaml": None, f"{PATH}/service.yaml": None, f"{PATH}/.gitkeep": ""}
    await player.job_ends(await player.push("empty the directory", files), "held")
    await player.status_is(player.head, "pending")
    left = await player.kubectl("get", "deployment,service", "--output", "name")
    for name in left.split():
        player.screen.saw(f"still there: {name}")
    if len([name for name in left.split() if name.endswith(f"/{APPLICATION}")]) != 2:
        raise DemoFailed(f"something was deleted; left are {left.split()}")


async def rendered(player: Player) -> None:
    """Applications that other renderers make: an overlay of Kustomize and, where Helm is installed, a chart."""
    names = [OVERLAY, CHART] if shutil.which("helm") else [OVERLAY]
    player.screen.heading("5. More applications: " + ", ".join(("an overlay of Kustomize", "a chart of Helm")[: len(names)]))
    if CHART not in names:
        player.screen.saw("left out: a chart of Helm, since there is no helm on PATH; with Go, make demo builds one")
    await player.push("more applications", {path: text for name in names for path, text in RENDERED[name].items()})
    for name in names:
        (player.stage.log.parent / "declarations" / f"{name}.yaml").write_text(declaration(name))
    for name in names:
        look = ("get", "configmap", name, "--output", "jsonpath={.data.text}")

        async def is_there(look: tuple[str, ...] = look) -> bool:
            return await player.kubectl(*look, quiet=True) == "hello"

        await player.until(f"{name} is live", is_there)
        player.screen.saw(f"configmap/{name} is live")


SCENES = (first_sync, rolling_update, drift, broken_commit, rendered, emptied)


def _invite(screen: Screen, stage: Stage) -> None:
    authorization = f'-H "Authorization: Bearer {stage.token}"'
    screen.did(f"export KUBECONFIG={stage.kubeconfig} TRUEUP_SERVER={stage.url} TRUEUP_TOKEN={stage.token}")
    screen.did(f"xdg-open {stage.url}/jobs    # a browser; it asks for the token")
    screen.did("trueup app list")
    screen.did(f"trueup app get {APPLICATION}")
    screen.did(f"trueup app approve {APPLICATION}    # deletes exactly what is held")
    screen.did(f"curl {authorization} {stage.url}/api/v1/jobs")
    screen.did(f"curl {authorization} {stage.url}/api/v1/applications/trueup/{APPLICATION}")
    screen.did(f"curl -N {authorization} {stage.url}/api/v1/events")
    screen.did(f"kubectl --namespace {NAMESPACE} scale deployment {APPLICATION} --replicas=7")
    screen.saw(f"Trueup's log: {stage.log}")
