"""From nothing to a green commit: the commands of docs/webhooks.md as they stand there, but for addresses, against fakes on loopback."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.servers.patience import until
from tests.servers.ports import free_port
from trueup.sandbox.cluster import SandboxCluster
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.githttp import GitServer

pytestmark = pytest.mark.long

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
GITHUB, GITLAB = re.search(r"## From nothing on GitHub\n(.*?)## From nothing on GitLab\n(.*?)\n## ", PAGE, re.DOTALL).groups()
COMMANDS = re.findall(r"```sh\n(.*?)```", GITHUB, re.DOTALL)
(ON_GITLAB,) = re.findall(r"```yaml\n(.*?)```", GITLAB, re.DOTALL)
REPOSITORY, ADDRESS = "acme/shop-config", re.compile(r"https://git(hub|lab)\.com/acme/shop-config\.git")


class Newcomer:
    """A home directory, a shell, a forge that tells of pushes, and a cluster."""

    def __init__(self, home, forge, git, kind):
        self.home, self.forge, self.git, self.kind = home, forge, git, kind
        self.bare = home / "git" / f"{REPOSITORY}.git"
        self.url = f"http://127.0.0.1:{free_port()}"

    def environment(self):
        listen = self.url.removeprefix("http://")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRUEUP_", "GIT_", "KUBECONFIG"))}
        names = {f"GIT_{who}_{what}": "me@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return kept | names | {
            "HOME": str(self.home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "GIT_CONFIG_GLOBAL": "/dev/null",
            "TRUEUP_LISTEN": listen, "TRUEUP_SERVER": self.url, "TRUEUP_PROBE_LISTEN": f"127.0.0.1:{free_port()}",
            "TRUEUP_GIT_PROTOCOLS": "http,https",
        }  # fmt: skip

    def adapted(self, text):
        """A text of the page, with the addresses of the fakes."""
        if self.kind == "gitlab":
            text = re.sub(r"apiVersion.*?(?=---)", ON_GITLAB, text, count=1, flags=re.DOTALL)
        text = text.replace("  url: https", f"  forge: {self.kind}\n  api: {self.forge.url}\n  url: https")
        return ADDRESS.sub(self.git.url(REPOSITORY), text).replace("https://trueup.example", self.url)

    async def shell(self, text, *, stdin=b"", where="."):
        """Code and output of a script."""
        process = await self.start(text, where=where)
        async with asyncio.timeout(60):
            out, _ = await process.communicate(stdin)
        return process.returncode, out.decode()

    async def start(self, text, *, where="."):
        return await asyncio.create_subprocess_exec(
            "bash", "-ec", self.adapted(text), cwd=self.home / where, env=self.environment(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    async def tell(self):
        """What the forge does: tell every hook of a push."""
        known = ""
        while True:
            await asyncio.sleep(0.1)
            head = self.bare / "refs" / "heads" / "main"
            if head.exists() and (commit := head.read_text().strip()) != known:
                known, url = commit, self.git.url(REPOSITORY)
                project = {"full_name": REPOSITORY, "path_with_namespace": REPOSITORY, "clone_url": url, "git_http_url": url}
                about = {
                    "ref": "refs/heads/main",
                    "before": "0" * 40,
                    "after": commit,
                    "checkout_sha": commit,
                    "object_kind": "push",
                }
                await self.forge.hooks.push(REPOSITORY, about | {"repository": project | {"ssh_url": url}, "project": project})


@pytest.fixture(params=["github", "gitlab"])
async def newcomer(request, tmp_path):
    async with GitServer(tmp_path / "git") as git, ForgeServer() as forge, SandboxCluster(rollout_seconds=0.1) as cluster:
        (tmp_path / ".kube").mkdir()
        (tmp_path / ".kube" / "config").write_text(cluster.kubeconfig)
        newcomer = Newcomer(tmp_path, forge, git, request.param)
        bare = f"git init -q --bare -b main {newcomer.bare} && git -C {newcomer.bare} config http.receivepack true"
        assert (await newcomer.shell(bare))[0] == 0
        telling = asyncio.create_task(newcomer.tell())
        yield newcomer
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def test_who_follows_the_page_gets_a_green_commit(newcomer):
    prepare, start, push = COMMANDS
    assert await newcomer.shell(prepare, stdin=b"f0rge-token\n") == (0, "")
    trueup = await newcomer.start(start, where="trueup")
    try:
        assert (await trueup.stdout.readline()) == b"1 repository and 1 application, all good\n"
        await until(lambda: answers(newcomer), seconds=30)
        code, out = await newcomer.shell(push)
        assert code == 0, out
        assert re.search(r"hook \d+: created\n", out)
        assert "1 object changed, all healthy" in out
        code, out = await newcomer.shell(
            ". ~/trueup/env; trueup webhook verify shop; trueup job list; git -C shop-config rev-parse HEAD"
        )
        assert code == 0, out
        assert "a test delivery was taken" in out
        assert re.search(r"push +succeeded", out), "by the webhook, and not by the poll"
        states = [status.state for status in newcomer.forge.statuses(REPOSITORY, out.split()[-1])]
        assert states == ["pending", "success"]
    finally:
        os.killpg(trueup.pid, signal.SIGTERM)
        async with asyncio.timeout(20):
            await trueup.communicate()


async def answers(newcomer):
    code, _ = await newcomer.shell(". ~/trueup/env; trueup job list")
    return code == 0
