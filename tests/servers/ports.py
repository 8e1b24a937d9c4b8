"""Ports to listen on that nobody is given by chance: outside of the range from which the kernel takes those of connections.

A port that was free a moment ago, and is one of the kernel's, may be the near end of somebody's connection when it is listened on.
https://docs.kernel.org/networking/ip-sysctl.html, `ip_local_port_range`: 32768 to 60999.
"""

import secrets
import socket

FIRST, LAST = 10240, 32767


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    while True:
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
