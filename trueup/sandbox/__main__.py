"""`python -m trueup.sandbox --port N --kubeconfig FILE`: a sandbox cluster until it is interrupted."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from trueup.sandbox.cluster import SandboxCluster

NOTICE = "This is no cluster: a Kubernetes API in one process, in memory. Nothing runs in it, and nothing outlives it."


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m trueup.sandbox", description=NOTICE)
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0: any that is free")
    parser.add_argument("--kubeconfig", type=Path, help="file to write a kubeconfig to")
    parser.add_argument("--rollout-seconds", type=float, default=1.0, help="how long one replica takes to become ready")
    arguments = parser.parse_args()
    sys.stdout.write(NOTICE + "\n")
    sys.stdout.flush()
    asyncio.run(serve(arguments.port, arguments.kubeconfig, arguments.rollout_seconds))


async def serve(port: int, kubeconfig: Path | None, rollout_seconds: float) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with SandboxCluster(port, rollout_seconds=rollout_seconds) as cluster:
        if kubeconfig:
            write_private(kubeconfig, cluster.kubeconfig)
        sys.stdout.write(f"{cluster.url}\n")
        sys.stdout.flush()
        await stop.wait()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
