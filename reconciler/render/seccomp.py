"""A filter of system calls that no renderer needs: sockets above all, since neither Landlock nor a network namespace covers Unix sockets.

A call that is refused fails with EPERM, and whoever made it goes on. https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import platform
import socket
import struct

from reconciler.render.landlock import LIBC, forgo_privileges

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001
"""SECCOMP_RET_ALLOW, and SECCOMP_RET_ERRNO with EPERM."""
_X32 = 0x40000000
"""From here on the x86-64 kernel takes numbers for those of another interface."""

_NAMES = (
    "socket", "ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "bpf",
    "add_key", "request_key", "keyctl", "userfaultfd", "perf_event_open", "open_by_handle_at", "init_module", "finit_module", "kexec_load",
)  # fmt: skip
_X86_64 = (41, 101, 310, 311, 165, 166, 155, 161, 272, 308, 321, 248, 249, 250, 323, 298, 304, 175, 313, 246)
_ARM64 = (198, 117, 270, 271, 40, 39, 41, 51, 97, 268, 280, 217, 218, 219, 282, 241, 265, 105, 273, 104)

_EVERYWHERE = {
    "io_uring_setup": 425,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
}

ARCHITECTURES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _ARM64)}
"""What the kernel calls them, and the numbers of the calls: https://github.com/torvalds/linux, `unistd.h` and `syscall_64.tbl`."""


def refused() -> dict[str, int]:
    """The calls that are refused on this machine, by name; none where its numbers are not known."""
    if platform.machine() not in ARCHITECTURES:
        return {}
    return dict(zip(_NAMES, ARCHITECTURES[platform.machine()][1], strict=True)) | _EVERYWHERE


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict() -> bool:
    """Refuse those calls to this process and all that it starts; False where that is not possible."""
    calls = sorted(refused().values())
    if not calls:
        return False
    code = _program(ARCHITECTURES[platform.machine()][0], calls)
    forgo_privileges()
    program = _Program(len(code) // 8, code)
    return int(LIBC.prctl(22, ctypes.c_ulong(2), ctypes.byref(program), ctypes.c_ulong(0), ctypes.c_ulong(0))) == 0


def _program(architecture: int, calls: list[int]) -> bytes:
    """Refuse another architecture's calls and these; allow the rest."""
    to_refusal = len(calls) + 1
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 0, to_refusal + 2, architecture), (_LOAD, 0, 0, 0), (_AT_LEAST, to_refusal, 0, _X32)]
    steps += [(_EQUAL, len(calls) - index, 0, call) for index, call in enumerate(calls)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def is_refused() -> bool:
    """Whether this process gets no socket; for trying."""
    try:
        socket.socket().close()
    except PermissionError:
        return True
    return False
