"""Addresses of repositories: what they say, how they are printed without secrets, and the scope their webhooks have.

A scope is canonical: `host[:port]/owner/name`, lower case, decoded once, compared by segments, so that `acme` is not `acme-evil`.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from reconciler.model.declared import Forge

DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "oci": 443}

_SCP = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+):(?P<path>[^/].*)")
"""`git@host:path`, as git reads it: https://git-scm.com/docs/git-clone#_git_urls"""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_USERINFO = re.compile(r"(?<=://)[^/\s]+@")
_QUERY = re.compile(r"(://[^\s?'\"]+)\?[^\s'\"]+")

HOSTS = {
    Forge.GITHUB: ("github.com", "www.github.com", "ssh.github.com"),
    Forge.GITLAB: ("gitlab.com", "altssh.gitlab.com"),
    Forge.BITBUCKET: ("bitbucket.org", "altssh.bitbucket.org"),
    Forge.AZURE: ("dev.azure.com", "ssh.dev.azure.com", "vs-ssh.visualstudio.com"),
}
"""Names of the public forges, the proper one first; the latter ones take SSH on port 443."""

_PROPER = {host: names[0] for names in HOSTS.values() for host in names[1:]}


@dataclass(frozen=True, slots=True)
class GitUrl:
    """A remote address, taken apart."""

    protocol: str
    """`https`, `http`, `ssh` or `file`."""
    host: str
    """Lower case; empty for files."""
    port: int | None
    path: str
    """Without leading slash; absolute for files."""
    has_password: bool = False
    user: str = ""

    @property
    def scope(self) -> str:
        """`host[:port]/path` without `.git`, lower case; the tail of the repository's webhook address.

        A public forge's repository has one scope, whichever of the forge's names its address has.
        """
        path = "/".join(filter(None, unquote(self.path).split("/"))).lower().removesuffix(".git").rstrip("/")
        if self.host in HOSTS[Forge.AZURE] or self.host.endswith(".visualstudio.com"):
            return _azure_scope(self.host, path)
        if self.host in _PROPER:
            return f"{_PROPER[self.host]}/{path}"
        port = "" if self.port in (None, DEFAULT_PORTS.get(self.protocol)) else f":{self.port}"
        return f"{self.host or 'localhost'}{port}/{path}"


def parse_url(text: str, *, needs_path: bool = True) -> GitUrl:
    """Take a remote address apart; one of a Helm repository may be a host alone.

    Raises:
        ValueError: saying what is wrong with it, without repeating secrets.
    """
    if _CONTROL.search(text) or " " in text or "\\" in text:
        raise ValueError("the address contains spaces, backslashes or control characters")
    url = _parse(text, needs_path=needs_path)
    decoded = unquote(url.path)
    if url.host.startswith("-") or decoded.startswith("-"):
        raise ValueError("a host or path that begins with - could be taken for an option")
    if _CONTROL.search(decoded) or any(part in (".", "..") for part in decoded.split("/")):
        raise ValueError("the path has control characters, or segments . or ..; write it without")
    return url


def _parse(text: str, *, needs_path: bool) -> GitUrl:
    if text.startswith("/"):
        return _file(text)
    if "://" not in text and (match := _SCP.fullmatch(text)):
        return GitUrl("ssh", match["host"].lower(), None, match["path"], user=match["user"] or "")
    parts = urlsplit(text)
    if parts.scheme == "file":
        return _file(parts.path)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"{parts.scheme or 'no'} protocol; write https://, ssh:// or git@host:path")
    if not parts.hostname or (needs_path and not parts.path.strip("/")):
        raise ValueError("the address names no host or no path; write https://host/owner/name.git")
    if parts.query or parts.fragment:
        raise ValueError("the address has a query or fragment; leave it out")
    return GitUrl(
        parts.scheme, parts.hostname, parts.port, parts.path.lstrip("/"), parts.password is not None, parts.username or ""
    )


def _file(path: str) -> GitUrl:
    if not path.strip("/"):
        raise ValueError("the address names no path; write /directory or file:///directory")
    return GitUrl("file", "", None, path)


def _azure_scope(host: str, path: str) -> str:
    """`dev.azure.com/organization/project/_git/repository`, from any of the addresses that Azure DevOps has had for it.

    https://learn.microsoft.com/en-us/azure/devops/release-notes/2018/sep-10-azure-devops-launch#administration
    """
    parts = path.split("/")
    if host in HOSTS[Forge.AZURE] and parts[0] == "v3" and len(parts) == 4:
        parts = [*parts[1:3], "_git", parts[3]]
    elif host.endswith(".visualstudio.com"):
        parts = [host.partition(".")[0], *(parts[1:] if parts[0] == "defaultcollection" else parts)]
    if len(parts) == 3 and parts[1] == "_git":  # the project's name is left out where the repository's is the same
        parts.insert(1, parts[2])
    return "/".join(["dev.azure.com", *parts])


def redact(text: str) -> str:
    """The text with the credentials and the query of every address in it taken out."""
    return _QUERY.sub(r"\1?***", _USERINFO.sub("***@", text))


def parse_scope(text: str) -> str:
    """The canonical scope of a webhook address's tail, as it stands in the path: decoded once. A name may have spaces in it.

    Raises:
        ValueError: when it could mean more than one thing.
    """
    decoded = unquote(text, errors="strict").strip("/").removesuffix(".git").lower()
    segments = decoded.split("/")
    if _CONTROL.search(decoded) or "%" in decoded or "\\" in decoded or any(part in ("", ".", "..") for part in segments):
        raise ValueError("not a scope; write host/owner/name")
    return decoded


def scope_contains(outer: str, inner: str) -> bool:
    """Whether one scope lies within another, by segments."""
    return inner == outer or inner.startswith(f"{outer}/")


def guess_forge(host: str) -> Forge:
    """The forge that a host's name suggests."""
    names = (
        (Forge.GITHUB, "github"),
        (Forge.GITHUB, ".ghe.com"),
        (Forge.GITLAB, "gitlab"),
        (Forge.BITBUCKET, "bitbucket.org"),
        (Forge.BITBUCKET_DC, "bitbucket"),
        (Forge.GITEA, "gitea"),
        (Forge.FORGEJO, "forgejo"),
        (Forge.FORGEJO, "codeberg.org"),
        (Forge.AZURE, "dev.azure.com"),
        (Forge.AZURE, ".visualstudio.com"),
    )
    return next((forge for forge, name in names if name in host), Forge.GENERIC)


def default_api(forge: Forge, host: str) -> str:
    """Where a forge's API is when the declaration does not say; empty when that cannot be known."""
    match forge:
        case Forge.GITHUB if host in HOSTS[forge]:
            return "https://api.github.com"
        case Forge.GITHUB if host.endswith(".ghe.com"):
            return f"https://api.{host}"
        case Forge.GITHUB:
            return f"https://{host}/api/v3"
        case Forge.GITLAB:
            return f"https://{'gitlab.com' if host in HOSTS[forge] else host}/api/v4"
        case Forge.GITEA | Forge.FORGEJO:
            return f"https://{host}/api/v1"
        case Forge.BITBUCKET:
            return "https://api.bitbucket.org/2.0"
        case Forge.BITBUCKET_DC:
            return f"https://{host}/rest/api/latest"
        case Forge.AZURE:
            return f"https://{'dev.azure.com' if host in HOSTS[forge] or host.endswith('.visualstudio.com') else host}"
        case Forge.GENERIC:
            return ""


def covers(prefix: str, url: str) -> bool:
    """Whether an address, or what lies beneath one, is this other one: the same host by the same protocol, compared by segments.

    `https://github.com/acme` covers `https://github.com/acme/shop.git`, and neither `acme-evil` nor another port or protocol. A user
    name in either does not count.
    """
    try:
        outer, inner = _parse_prefix(prefix), parse_url(url)
    except ValueError:
        return False
    is_same_host = (outer.protocol, outer.host, _port(outer)) == (inner.protocol, inner.host, _port(inner))
    outer_path, inner_path = (unquote(part.path).strip("/").removesuffix(".git") for part in (outer, inner))
    return is_same_host and (not outer_path or scope_contains(outer_path, inner_path))


def _parse_prefix(text: str) -> GitUrl:
    """An address, or a host alone: `https://github.com`, `git@github.com`."""
    bare = text.rstrip("/")
    if re.fullmatch(r"[a-z]+://[^/]+", bare):
        return replace(parse_url(f"{bare}/any"), path="")
    if re.fullmatch(r"[\w.-]+@[\w.-]+:?", bare):
        return replace(parse_url(f"{bare.rstrip(':')}:any"), path="")
    return parse_url(bare)


def _port(url: GitUrl) -> int | None:
    return url.port or DEFAULT_PORTS.get(url.protocol)
