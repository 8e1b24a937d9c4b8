"""What a Secret gives to open a registry or a Helm repository: user and password, a token, Docker's configuration, an authority. Pure."""

import base64
import binascii
import ssl
from collections.abc import Mapping

import orjson

from reconciler.artifacts.fetch import Key
from reconciler.errors import SourceRefused
from reconciler.git.credentials import AUTHORITIES

DOCKER = ".dockerconfigjson"
"""https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/"""


def key_of(data: Mapping[str, bytes], host: str, what: str) -> tuple[Key, ssl.SSLContext | bool]:
    """The login for one host, and how its certificate is verified; nothing of a Secret that is for other hosts.

    Args:
        data: the Secret's content.
        host: `host[:port]`.
        what: how messages begin.

    Raises:
        SourceRefused: naming the entry that cannot be understood, never its value.
    """
    authorities = _tls(data, what)
    if DOCKER in data:
        return _docker(data[DOCKER], host, f"{what}: {DOCKER}"), authorities
    username, password = (_line(data, name, what) for name in ("username", "password"))
    token = _line(data, "token", what)
    if password or token:
        return Key(host, username or "oauth2", password or token), authorities
    if authorities is True:
        raise SourceRefused(f"{what}: has neither {DOCKER} nor username and password nor ca.crt")
    return Key(), authorities


def _tls(data: Mapping[str, bytes], what: str) -> ssl.SSLContext | bool:
    """By the authority that the Secret names, and no other; True: by those of the machine."""
    name = next((name for name in AUTHORITIES if name in data), None)
    if name is None:
        return True
    try:
        return ssl.create_default_context(cadata=data[name].decode())
    except (ssl.SSLError, ValueError) as error:
        raise SourceRefused(f"{what}: {name} is no certificate") from error


def _docker(text: bytes, host: str, what: str) -> Key:
    try:
        auths = orjson.loads(text)["auths"]
        entries = {name.partition("://")[2] or name: entry for name, entry in auths.items()}
        found = next((entry for name, entry in entries.items() if name.partition("/")[0] == host), None)
        if found is None:
            raise SourceRefused(f"{what}: has no login for {host}, but for {', '.join(sorted(entries)) or 'nobody'}")
        if "auth" in found:
            username, _, password = base64.b64decode(found["auth"], validate=True).decode().partition(":")
        else:
            username, password = found["username"], found["password"]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, UnicodeDecodeError, binascii.Error) as error:
        raise SourceRefused(f"{what}: is no configuration of Docker") from error
    return Key(host, str(username), str(password))


def _line(data: Mapping[str, bytes], name: str, what: str) -> str:
    try:
        text = data.get(name, b"").decode().strip()
    except UnicodeDecodeError as error:
        raise SourceRefused(f"{what}: {name} is no text") from error
    if not text.isprintable() or len(text) > 16384:
        raise SourceRefused(f"{what}: {name} is more than one line of text")
    return text
