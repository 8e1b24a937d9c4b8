"""Which SSH host keys are trusted: lines of known_hosts from a Secret and from the settings, and what the public forges publish. Pure.

Plain and hashed names, patterns, @cert-authority and @revoked, as sshd(8) has them. A line that cannot be read is an error, since it may
be the one that revokes.
"""

import asyncssh

from reconciler.errors import SourceRefused

PUBLISHED = """
github.com,ssh.github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
gitlab.com,altssh.gitlab.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf
bitbucket.org,altssh.bitbucket.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO
[ssh.github.com]:443 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl
[altssh.gitlab.com]:443 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf
[altssh.bitbucket.org]:443 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO
"""
"""https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints,
https://docs.gitlab.com/user/gitlab_com/#ssh-known_hosts-entries, https://bitbucket.org/site/ssh"""

LIMIT_BYTES = 1024 * 1024
UNREADABLE_TYPES = ("ssh-dss", "sk-", "x509v3-", "webauthn-")
"""Kinds of keys that may stand in a list and are not spoken here."""


def trusted_hosts(host: str, port: int, *lists: tuple[str, bytes]) -> asyncssh.SSHKnownHosts:
    """The known hosts that count for a host: those given, and what it publishes when none of them names it.

    Args:
        host: in lower case.
        port: what it is reached at.
        lists: known_hosts with where each stands.

    Raises:
        SourceRefused: naming the line that cannot be read.
    """
    text = "\n".join(_checked(content, where) for where, content in lists if content)
    known = asyncssh.import_known_hosts(text)
    if not _names(known, host, port):
        known.load(PUBLISHED)
    return known


def _names(known: asyncssh.SSHKnownHosts, host: str, port: int) -> bool:
    keys, authorities, *_ = known.match(host, "", port)
    return bool(keys or authorities)


def key_algorithms(known: asyncssh.SSHKnownHosts, host: str, port: int, modern: tuple[str, ...]) -> list[str]:
    """The modern kinds of host keys that can be verified here; all of them when none is known, so that the offered one is named."""
    keys, authorities, *_ = known.match(host, "", port)
    wanted = {name.decode() for key in keys for name in key.sig_algorithms}
    found = [name for name in modern if name in wanted or (authorities and "-cert-" in name)]
    return found or list(modern)


def _checked(content: bytes, where: str) -> str:
    if len(content) > LIMIT_BYTES:
        raise SourceRefused(f"{where}: is larger than 1 MiB")
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise SourceRefused(f"{where}: is not text") from None
    kept = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        is_marked = words[0].startswith("@")
        kind, data = (*words[is_marked + 1 :], "", "")[:2]
        if is_marked and words[0] not in ("@cert-authority", "@revoked"):
            raise SourceRefused(f"{where}, line {number}: there is no marker {words[0]}")
        if kind.startswith(UNREADABLE_TYPES) and words[0] != "@revoked":
            continue
        try:
            asyncssh.import_public_key(f"{kind} {data}")
            asyncssh.import_known_hosts(line)
        except ValueError:
            raise SourceRefused(f"{where}, line {number}: cannot be read; each line is `host keytype base64`") from None
        kept.append(line)
    return "\n".join(kept)
