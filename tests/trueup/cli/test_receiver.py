"""The receiver's process has in memory what it needs, and nothing of the worker's."""

import subprocess
import sys


def test_a_receiver_loads_neither_the_worker_nor_a_client_of_kubernetes():
    code = "import sys, trueup.cli.receiver; print(*sorted(n for n in sys.modules if n.startswith(('kubernetes_asyncio', 'jobs.worker'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
