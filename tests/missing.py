"""Says plainly which optional tools are missing, and what is not tested for it. Run before the tests."""

import os
import shutil
import sys

from reconciler.render import landlock
from tests.contract.offered import NOT_OFFERED
from tests.tools.build import PACKAGES, find

OPTIONAL = {
    "sshd": "ssh to a real OpenSSH server is not tested (Debian: openssh-server)",
    "gpg": "signatures of OpenPGP are not tested (Debian: gpg)",
    "go": "the tests on a real control plane (make test-cluster) need Go 1.26 or newer to build it; they are not part of make test",
}


def main() -> None:
    """Print what is not tested here, and one line for each tool that is missing."""
    sys.stdout.write("Not run here: tests marked `cluster` or `long` (make test-cluster) and `chaos` (make chaos).\n")
    sys.stdout.write(f"Not offered by the sandbox, and tested there to be missing (tests/contract): {', '.join(NOT_OFFERED)}.\n")
    if not landlock.version():
        sys.stdout.write("This kernel has no Landlock: its guard of files is not tested; mounts are, where it permits them.\n")
    for program in PACKAGES:
        if find(program) is None:
            sys.stdout.write(
                f"{program} is missing: what it is held against is left out; python tests/tools/build.py {program} builds it.\n"
            )
    for tool, why in OPTIONAL.items():
        if shutil.which(tool, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") is None:
            sys.stdout.write(f"{tool} is missing: {why}.\n")


if __name__ == "__main__":
    main()
