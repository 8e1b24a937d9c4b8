"""A mount namespace with nothing in it but what is granted: for kernels without Landlock that let a process have one.

https://man7.org/linux/man-pages/man7/mount_namespaces.7.html
"""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

from reconciler.render.landlock import LIBC, forgo_privileges

NEWNS, NEWUSER, NEWNET = 0x00020000, 0x10000000, 0x40000000
"""https://man7.org/linux/man-pages/man2/unshare.2.html"""

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_KEPT = _NOSUID | _NODEV | _NOEXEC
"""Flags of the mount beneath that an ordinary process may not take away."""

PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def leave(namespaces: int) -> bool:
    """Leave namespaces behind, by way of a user namespace where that is needed; False when it is not permitted."""
    if LIBC.unshare(namespaces) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if LIBC.unshare(NEWUSER | namespaces) != 0:
        return False
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", file).write_text(text)
    return True


def restrict(top: Path, readable: Sequence[str], writable: Sequence[str]) -> None:
    """Make what is granted the only files there are, at the same paths.

    Args:
        top: an empty directory, where the new root is put together.
        readable: files and directories, seen read-only; what is not there is left out, a link stays a link.
        writable: the same, as they are.

    Raises:
        OSError: when the kernel refuses.
    """
    if not leave(NEWNS):
        raise OSError(ctypes.get_errno(), "a mount namespace is not permitted")
    _mount(None, "/", _REC | _PRIVATE)
    _mount("tmpfs", str(top), _NOSUID | _NODEV, kind="tmpfs", data="size=1m,mode=755")
    for path in readable:
        _bind(path, top, is_writable=False)
    for path in writable:
        _bind(path, top, is_writable=True)
    _mount(None, str(top), _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(top)
    number = ctypes.c_long(PIVOT_ROOT[os.uname().machine])
    if LIBC.syscall(number, b".", b".") != 0 or LIBC.umount2(b".", _DETACH) != 0:
        raise OSError(ctypes.get_errno(), "pivot_root")
    os.chdir("/")
    forgo_privileges()


def _bind(path: str, top: Path, *, is_writable: bool) -> None:
    source, target = Path(path), top / path.lstrip("/")
    if target.exists() or target.is_symlink() or not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
    _mount(path, str(target), _BIND)
    if not is_writable:
        kept = os.statvfs(path).f_flag & _KEPT
        _mount(None, str(target), _REMOUNT | _BIND | _RDONLY | _NOSUID | kept)


def _mount(source: str | None, target: str, flags: int, *, kind: str | None = None, data: str | None = None) -> None:
    texts = [text.encode() if text is not None else None for text in (source, target, kind, data)]
    if LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}: {os.strerror(ctypes.get_errno())}")
