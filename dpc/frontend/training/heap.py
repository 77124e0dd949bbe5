"""Large arrays from the heap, which keeps what it frees for the next step."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3), malloc.h of the GNU C library
_LARGEST = 32 << 20  # what the library allows: half of a thread's heap
_KEPT = 1 << 30


def keep_memory() -> bool:
    """Let freed memory stay with the process; whether this C library can.

    A step allocates the same megabytes as the step before. By default the GNU C library takes
    every large array from the system and gives it back, and the system clears each page again:
    a fifth of a step's time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
