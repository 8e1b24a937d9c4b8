"""Landlock, by its three system calls: from here on a process, and all that it starts, has only the files that it was given.

What is asked for follows the version of the kernel's interface: https://docs.kernel.org/userspace-api/landlock.html. Names, sizes and
links of files are not covered by it, only what is in them, and directories' entries.
"""

import contextlib
import ctypes
import os
import struct
from collections.abc import Iterable, Mapping

LIBC = ctypes.CDLL(None, use_errno=True)

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The same numbers on every architecture."""

_VERSION = 1
_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14

READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
ONLY_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15
"""Rights that a rule for a file may grant; the others are of directories."""

_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights there are from a version on: `REFER` came with 2, `TRUNCATE` with 3, `IOCTL_DEV` with 5."""

_TCP = 0b11
"""Binding and connecting, from version 4 on; no port is granted."""

_SCOPES = 0b11
"""Abstract Unix sockets, and signals, of processes outside; from version 6 on."""


def version() -> int:
    """The version of the kernel's interface; 0 when there is none, or it is switched off."""
    return max(0, int(LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))))


def every_right(abi: int) -> int:
    """All rights to files that a version knows; of the first one where there is none."""
    return int((1 << _RIGHTS[max(since for since in _RIGHTS if since <= max(abi, 1))]) - 1)


def restrict(grants: Mapping[str, int], abi: int) -> None:
    """Take every file away from this process but those beneath the paths that are granted; paths that are not there grant nothing.

    Raises:
        OSError: when the kernel refuses; nothing is restricted then.
    """
    handled = every_right(abi)
    attributes = struct.pack("=QQQ", handled, _TCP, _SCOPES)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _call(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for path, rights in grants.items():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                _grant(ruleset, path, rights & handled)
        forgo_privileges()
        _call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def forgo_privileges() -> None:
    """No program that is started gains rights by its file: https://docs.kernel.org/userspace-api/no_new_privs.html."""
    zero = ctypes.c_ulong(0)
    if LIBC.prctl(38, ctypes.c_ulong(1), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")


def _grant(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = rights if os.path.isdir(path) else rights & ONLY_FILES  # noqa: PTH112 - what was just opened
        rule = struct.pack("=Qi", allowed, place)
        _call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result = int(LIBC.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result


def all_of(paths: Iterable[str], rights: int) -> dict[str, int]:
    """The same rights to several paths."""
    return dict.fromkeys(paths, rights)
