"""What a process holds in its memory, looked at from outside: for tests that look for secrets."""

import ctypes
import os
import re

# What is larger is a sanitizer's own: reserved, and empty but for what it notes of each byte.
SPAN_BYTES_MAX = 4 * 1024**3

_libc = ctypes.CDLL(None, use_errno=True)
_libc.process_vm_readv.restype = ctypes.c_ssize_t


class _Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def memory_of(pid):
    """All writable memory of the process, a list of byte strings. Root may, though the programs
    keep theirs private."""
    spans = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if found and int(found[2], 16) - int(found[1], 16) <= SPAN_BYTES_MAX:
                spans.append((int(found[1], 16), int(found[2], 16)))
    return [piece for begin, end in spans if (piece := _read(pid, begin, end))]


def _read(pid, begin, end):
    buffer = ctypes.create_string_buffer(end - begin)
    here = _Span(ctypes.addressof(buffer), end - begin)
    there = _Span(begin, end - begin)
    count = _libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    if count < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"process_vm_readv: {os.strerror(error)}")
    return buffer.raw[:count]


def pieces_in(memory, pieces):
    """Those of the pieces that are somewhere in it."""
    return [piece for piece in pieces if any(piece in part for part in memory)]
