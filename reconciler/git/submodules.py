"""What `.gitmodules` says, and where a submodule is read from: the host of the repository that names it, and no other. Pure.

Whoever may push writes this file. What git itself refuses in it is refused here too (CVE-2018-11235, CVE-2018-17456, CVE-2025-48384), and
so is every address that the repository's own credentials were not declared for. https://git-scm.com/docs/gitmodules
"""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from reconciler.urls import DEFAULT_PORTS, GitUrl, parse_url, redact

FILE = ".gitmodules"

PROTOCOLS = ("https", "http", "ssh")
"""Files of this machine belong to no host: a submodule there could be any repository on its disk."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN = 100
_SCP = re.compile(r"(?P<host>[^/:]+:)(?P<path>[^/].*)")


@dataclass(frozen=True, slots=True)
class Submodule:
    """One submodule, as it is declared."""

    name: str
    path: str
    url: str


def parse_submodules(listed: bytes) -> Mapping[str, Submodule]:
    """The submodules of a commit by their paths.

    Args:
        listed: what `git config --list -z` prints of the file.

    Raises:
        ValueError: naming the submodule, and what of it is refused.
    """
    said: dict[str, dict[str, str]] = {}
    for entry in listed.decode(errors="replace").split("\0"):
        key, _, value = entry.partition("\n")
        section, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        if section == "submodule" and rest and field in ("path", "url"):
            said.setdefault(name, {})[field] = value
    found: dict[str, Submodule] = {}
    for name, fields in said.items():
        submodule = Submodule(name, fields.get("path", name), fields.get("url", ""))
        _check(submodule)
        if submodule.path in found:
            raise ValueError(f"submodules {found[submodule.path].name!r} and {name!r} have one path")
        found[submodule.path] = submodule
    return found


def address(submodule: Submodule, parent: str) -> str:
    """Where a submodule is fetched from.

    Args:
        submodule: whose url may be relative: `../lib.git`.
        parent: the address of the repository that names it.

    Raises:
        ValueError: when that is another host, protocol, port or user, or no address at all.
    """
    above = parse_url(parent)
    if above.protocol not in PROTOCOLS:
        raise ValueError(f"submodules are read from a Git host by https or ssh, and {redact(parent)} is none")
    if not submodule.url:
        raise ValueError(f"has no url; write url = ../{posixpath.basename(submodule.path)}.git")
    relative = submodule.url.startswith(("./", "../"))
    text = _joined(parent, submodule.url) if relative else submodule.url
    try:
        url = parse_url(text)
    except ValueError as error:
        raise ValueError(f"its url {_shown(redact(submodule.url))}: {error}") from error
    if url.has_password:
        raise ValueError("its url holds a password, which everybody sees who reads the repository; take it out, and revoke it")
    if _whom(url) != _whom(above):
        raise ValueError(
            f"{_shown(redact(text))} is elsewhere than {redact(parent)}: submodules are read from the repository's own host, by the same "
            f"protocol and user; write url = ../{posixpath.basename(url.path)} if it is there, else copy it there or take it out"
        )
    return text


def gap_of(gaps: Mapping[str, str], paths: Iterable[str]) -> str:
    """Why one of some paths cannot be read whole: it lies in a gap, or is a directory with one in it; empty where none is.

    Args:
        gaps: why submodules are not in their places, by these.
        paths: from the top of the tree; one that ends with a slash is a directory of which everything counts, `/` all of it.
    """
    places = sorted(gaps)
    for path in paths if gaps else ():
        parts = [part for part in path.split("/") if part]
        above = next((place for n in range(len(parts), 0, -1) if (place := "/".join(parts[:n])) in gaps), None)
        if above is not None:
            return gaps[above]
        beginning = "".join(f"{part}/" for part in parts)
        at = bisect_left(places, beginning)
        if path.endswith("/") and at < len(places) and places[at].startswith(beginning):
            return gaps[places[at]]
    return ""


def _check(submodule: Submodule) -> None:
    """What git refuses too, in words; and what some file system takes for `.git`."""
    what = f"submodule {_shown(submodule.name)}"
    texts = (("name", submodule.name), ("path", submodule.path), ("url", submodule.url))
    for field, text in texts:
        if _CONTROL.search(text) or text.startswith("-"):
            raise ValueError(f"{what}: its {field} has control characters, or begins like an option: {_shown(text)}")
    if not submodule.name or ".." in re.split(r"[/\\]", submodule.name):
        raise ValueError(f"{what}: its name must not lead upwards")
    parts = submodule.path.split("/")
    if "\\" in submodule.path or any(part in ("", ".", "..") or part.lower().rstrip(". ") in (".git", "git~1") for part in parts):
        raise ValueError(f"{what}: its path must be one of the repository: {_shown(submodule.path)}")


def _joined(parent: str, relative: str) -> str:
    """A relative url from the address of the repository, taken for a directory: https://git-scm.com/docs/git-submodule#_commands.

    Raises:
        ValueError: when it leads past the top of the host.
    """
    if "://" in parent:
        parts = urlsplit(parent.rstrip("/"))
        return urlunsplit(parts._replace(path=f"/{_beneath(parts.path, relative)}"))
    match = _SCP.fullmatch(parent.rstrip("/"))
    if match is None:
        raise ValueError(f"{redact(parent)} is no address that {_shown(relative)} could be relative to")
    return f"{match['host']}{_beneath(match['path'], relative)}"


def _beneath(path: str, relative: str) -> str:
    kept = [part for part in path.split("/") if part]
    for part in relative.split("/"):
        if part == "..":
            if not kept:
                raise ValueError(f"its url {_shown(relative)} leads past the top of the host")
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    if not kept:
        raise ValueError(f"its url {_shown(relative)} leads to the top of the host, and to no repository")
    return "/".join(kept)


def _whom(url: GitUrl) -> tuple[str, str, int | None, str]:
    """Whom one speaks to there, and as whom."""
    user = url.user or ("git" if url.protocol == "ssh" else "")
    return url.protocol, url.host, url.port or DEFAULT_PORTS.get(url.protocol), user


def _shown(text: str) -> str:
    return repr(text[:_SHOWN])
