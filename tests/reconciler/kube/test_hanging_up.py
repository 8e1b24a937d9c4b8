"""A connection over TLS that is of no use any more is closed at once, whatever the other side does with a farewell."""

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest

from reconciler.kube.client import connect
from reconciler.kube.config import Access
from reconciler.model.declared import Instance
from reconciler.model.objects import Kind
from reconciler.settings import ReconcilerSettings
from tests.reconciler.kube.test_client import CONFIG
from tests.servers.tls import Authority

MAPS = Kind("", "v1", "ConfigMap", "configmaps", namespaced=True)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b'{"type":"ADDED","object":{}}\n'


class Silent(threading.Thread):
    """Answers one request over TLS with one event, and from then on says nothing, not even farewell."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = context
        self.is_closed = threading.Event()

    def run(self) -> None:
        raw, _ = self.listener.accept()
        below = socket.socket(fileno=socket.dup(raw.fileno()))
        with self.context.wrap_socket(raw, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(HEAD + b"%x\r\n%s\r\n" % (len(EVENT), EVENT))
            with contextlib.suppress(ConnectionError):
                while below.recv(65536):  # what a farewell is made of is read, and not answered
                    pass
            self.is_closed.set()
        below.close()


@pytest.mark.parametrize("how", ["cancelled", "left"])
async def test_a_watch_that_is_given_up_is_closed_without_waiting_for_the_server(tmp_path, how):
    server = Silent(Authority(tmp_path / "tls").context("127.0.0.1"))
    server.start()
    (tmp_path / "config").write_text(
        CONFIG.replace("'URL'", f"'https://127.0.0.1:{server.port}', insecure-skip-tls-verify: true")
    )
    settings = ReconcilerSettings(KUBECONFIG=tmp_path / "config", state=tmp_path / "state")
    async with connect(Access.of(settings), Instance(), settings) as client:

        async def watch(seen):
            async with client.watch(MAPS, resource_version="1", metadata_only=False, timeout_seconds=60) as events:
                async for event in events:
                    seen.set_result(event.type)
                    if how == "left":
                        return

        seen = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(watch(seen))
        assert await asyncio.wait_for(seen, 10) == "ADDED"
        if how == "cancelled":
            task.cancel()
        await asyncio.wait({task})
        assert await asyncio.to_thread(server.is_closed.wait, 3), "the connection is still there"
    server.listener.close()
