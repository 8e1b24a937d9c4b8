"""What a Secret gives to reach one Git address: the key names of Flux and Argo CD, read and checked. Pure.

https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference,
https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.errors import SourceRefused
from reconciler.model.declared import Forge
from reconciler.urls import covers, parse_url, redact

PASSWORD = ("password", "token")
BEARER = ("bearerToken",)
AUTHORITIES = ("ca.crt", "caFile")
CERTIFICATE = ("tls.crt", "certFile", "tlsClientCertData")
CERTIFICATE_KEY = ("tls.key", "keyFile", "tlsClientCertKey")
IDENTITY = ("identity", "sshPrivateKey", "ssh-privatekey")
KNOWN_HOSTS = ("known_hosts", "ssh_known_hosts")
APP_KEY = ("githubAppPrivateKey",)
APP_API = ("githubAppBaseURL", "githubAppEnterpriseBaseUrl")
INSECURE = ("insecure", "insecureIgnoreHostKey")
"""Argo CD's; nothing here is reached without knowing whom we speak to."""

USERNAMES = {Forge.GITHUB: "x-access-token", Forge.BITBUCKET: "x-token-auth", Forge.BITBUCKET_DC: "x-token-auth"}
"""The user name that a forge wants beside a token; GitLab and Gitea take any."""

LIMIT_BYTES = 16 * 1024
"""A pipe takes 64 KiB without a reader, and no token is as long."""

TRUE = ("1", "t", "true")

_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----\s.*-----END [A-Z0-9 ]+-----", re.DOTALL)


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A name and a password or token for one host; its representation shows neither."""

    username: str
    password: str
    host: str
    """With the port, when the address has one."""


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A private key; its representation does not show it."""

    key: bytes
    passphrase: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class App:
    """A GitHub App that asks for a token of an installation; its representation does not show the key."""

    id: str
    installation: str
    """Empty: the one of the repository."""
    key: bytes
    api: str


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Everything that opens one address, and by whom its certificate or host key is vouched for; shown nowhere."""

    login: Login | None = None
    bearer: str = ""
    app: App | None = None
    authorities: bytes = b""
    certificate: bytes = b""
    certificate_key: bytes = b""
    proxy: str = ""
    no_proxy: str = ""
    identity: Identity | None = None
    known_hosts: bytes = b""


NONE = Credentials()


@dataclass(frozen=True, slots=True)
class Address:
    """Whom the credentials are for."""

    url: str
    forge: Forge
    api: str
    """Base address of the forge's API; empty for a forge without one."""


def parse_credentials(data: Mapping[str, bytes], address: Address, what: str) -> Credentials:
    """Read a Secret.

    Args:
        data: its content by key.
        address: what it should open.
        what: how a message begins: `trueup/shop: Secret git`.

    Raises:
        SourceRefused: naming the key that is missing or wrong, never its value.
    """
    keys = _Keys(data, what)
    _check_meant_for(keys, address)
    if parse_url(address.url).protocol == "ssh":
        return _for_ssh(keys)
    certificate, key = keys.pem(*CERTIFICATE), keys.pem(*CERTIFICATE_KEY)
    if bool(certificate) != bool(key):
        raise SourceRefused(f"{what}: a client certificate needs tls.crt and tls.key, and one of them is missing")
    login, bearer, app = _login(keys, address), keys.line(*BEARER), _app(keys, address)
    given = [name for name, is_there in (("password", login), ("bearerToken", bearer), ("githubAppID", app)) if is_there]
    if len(given) > 1:
        raise SourceRefused(f"{what}: has {' and '.join(given)}; only one of them can be sent, leave the others out")
    authorities, proxy = keys.pem(*AUTHORITIES), keys.line("proxy")
    if not (given or certificate or authorities or proxy):
        raise SourceRefused(
            f"{what} has the keys {keys.names}; it needs password or token, bearerToken, or the keys of a GitHub App"
        )
    return Credentials(
        login=login, bearer=bearer, app=app, authorities=authorities, certificate=certificate, certificate_key=key,
        proxy=_checked_proxy(proxy, what), no_proxy=keys.line("noProxy"),
    )  # fmt: skip


def parse_app(data: Mapping[str, bytes], address: Address, what: str) -> App | None:
    """The GitHub App in a Secret that opens a forge's API; None where it has none.

    Raises:
        SourceRefused: as `parse_credentials`.
    """
    keys = _Keys(data, what)
    _check_meant_for(keys, address)
    return _app(keys, address)


def _check_meant_for(keys: "_Keys", address: Address) -> None:
    """Argo CD's Secrets say for which address they are, or for which ones beneath it; to others they are not sent."""
    for name in INSECURE:
        if keys.line(name).lower() in TRUE:
            mend = "take it out, and give ca.crt (https) or known_hosts (ssh) instead"
            raise SourceRefused(f"{keys.what}, key {name}: the other side is always verified; {mend}")
    if (url := keys.line("url")) and not covers(url, address.url):
        raise SourceRefused(f"{keys.what}, key url: it is for {redact(url)}, and is not sent to {redact(address.url)}")


def _for_ssh(keys: "_Keys") -> Credentials:
    if not (key := keys.first(*IDENTITY)):
        raise SourceRefused(f"{keys.what} has the keys {keys.names}; an ssh address needs identity, a private key")
    if keys.line("proxy"):
        raise SourceRefused(f"{keys.what}, key proxy: ssh is not spoken through proxies; use https, or leave it out")
    if not _PEM.search(key.strip()):
        raise SourceRefused(f"{keys.what}: the private key is none; it must begin with -----BEGIN and end with -----END …-----")
    return Credentials(identity=Identity(key.strip() + b"\n", keys.line("password")), known_hosts=keys.first(*KNOWN_HOSTS))


def _login(keys: "_Keys", address: Address) -> Login | None:
    if not (name := keys.name(*PASSWORD)):
        return None
    if not (password := keys.line(name)):
        raise SourceRefused(f"{keys.what}: its key `{name}` is empty; write the token or password into it")
    username = keys.line("username") or USERNAMES.get(address.forge, "oauth2")
    return Login(username, password, host_of(address.url))


def host_of(url: str) -> str:
    """Host and port of an http address, as git prints them when it asks for credentials."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _app(keys: "_Keys", address: Address) -> App | None:
    identifier, key = keys.line("githubAppID"), keys.pem(*APP_KEY)
    if not (identifier or key):
        return None
    if not (identifier and key):
        raise SourceRefused(f"{keys.what}: a GitHub App needs githubAppID and githubAppPrivateKey, and one of them is missing")
    installation = keys.line("githubAppInstallationID")
    for name, value in (("githubAppID", identifier), ("githubAppInstallationID", installation)):
        if not re.fullmatch(r"[A-Za-z0-9._-]*", value):
            raise SourceRefused(f"{keys.what}, key {name}: is no id")
    api = (keys.line(*APP_API) or address.api or "https://api.github.com").rstrip("/")
    parts = urlsplit(api)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise SourceRefused(f"{keys.what}, key githubAppBaseURL: is no address such as https://github.example/api/v3")
    return App(identifier, installation, key, api)


def _checked_proxy(proxy: str, what: str) -> str:
    if proxy and not re.fullmatch(r"(https?|socks5h?)://[!-~]+", proxy):
        raise SourceRefused(f"{what}, key proxy: is no address such as http://proxy:3128")
    return proxy


@dataclass(frozen=True, slots=True, repr=False)
class _Keys:
    """A Secret's content, read by the names that people give its keys."""

    data: Mapping[str, bytes]
    what: str

    @property
    def names(self) -> str:
        return ", ".join(sorted(self.data)) or "none"

    def name(self, *names: str) -> str:
        """The first of these that is there; empty for none."""
        return next((name for name in names if name in self.data), "")

    def first(self, *names: str) -> bytes:
        """Its content."""
        return self.data.get(self.name(*names), b"")

    def line(self, *names: str) -> str:
        """One line of text; empty when there is none."""
        if not (name := self.name(*names)):
            return ""
        value, where = self.data[name], f"{self.what}, key {name}"
        try:
            text = value.decode().strip()
        except UnicodeDecodeError:
            raise SourceRefused(f"{where}: is not text") from None  # the cause would quote the secret
        if len(value) > LIMIT_BYTES or any(character in text for character in "\n\r\0"):
            raise SourceRefused(f"{where}: is not one line of at most {LIMIT_BYTES} bytes")
        return text

    def pem(self, *names: str) -> bytes:
        """PEM; empty when there is none."""
        value = self.first(*names).strip()
        if value and not _PEM.search(value):
            raise SourceRefused(f"{self.what}, key {self.name(*names)}: is no PEM; it must begin with -----BEGIN")
        return value + b"\n" if value else b""
