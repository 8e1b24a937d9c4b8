"""Admission webhooks that answer as badly as their path says."""

import base64
import contextlib
import http.server
import json
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path


class _Webhook(http.server.BaseHTTPRequestHandler):
    """Answers as its path says."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        word = self.path.partition("?")[0].strip("/")
        statuses = {
            "deny": {"code": 403, "message": f"the label team is missing on {json.dumps(review['object']['data'])}"},
            "busy": {"code": 409, "message": "another time"},
            "broken": {"code": 500, "message": "out of order"},
        }
        if word == "slow":
            time.sleep(3)
        response = {"uid": review["uid"], "allowed": False} | ({"status": statuses[word]} if word in statuses else {})
        body = b"oops" if word == "garbage" else json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).encode()  # fmt: skip
        with contextlib.suppress(OSError):  # the server has stopped listening to the slow one
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def webhooks() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = Path(directory, "key"), Path(directory, "certificate")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Webhook)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}", base64.b64encode(certificate.read_bytes()).decode()
        server.shutdown()
        server.server_close()
