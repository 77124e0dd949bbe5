"""Memory that the processes of one host share."""

from __future__ import annotations

import mmap
import os

import torch
from torch import Tensor

from dpc.frontend.training.group import Group


def shared_memory(group: Group, nbytes: int) -> Tensor | None:
    """uint8 [nbytes] that every process of the group reads and writes; None where it cannot be.

    All processes call it together, and all get the memory or none does. It has no name: it is not
    a file of /dev/shm, whose size does not limit it, and it is gone with the last process, however
    that one ends.
    """
    if not group.one_host:
        return None
    made = _made(nbytes) if group.main else None
    place = group.told(made and (os.getpid(), made, _identity(made)))
    found = made if group.main else _opened(place)
    memory = None if found is None else _mapped(found, nbytes)
    everywhere = group.gather(torch.tensor([float(memory is not None)], dtype=torch.float64))
    if found is not None:  # not before all have opened it; the mapping holds the memory
        os.close(found)
    return memory if bool(everywhere.all()) else None


def _made(nbytes: int) -> int | None:
    """A handle of fresh memory."""
    if not hasattr(os, "memfd_create"):  # not Linux
        return None
    try:
        handle = os.memfd_create("dpc-gradients", os.MFD_CLOEXEC)
    except OSError:
        return None
    try:
        # Pages that do not exist until they are touched end the process when there are none left.
        os.posix_fallocate(handle, 0, nbytes)
    except OSError:
        os.close(handle)
        return None
    return handle


def _opened(place: tuple[int, int, tuple[int, int]] | None) -> int | None:
    """The main process's memory, by its number and handle there."""
    if place is None:
        return None
    process, handle, identity = place
    try:
        found = os.open(f"/proc/{process}/fd/{handle}", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    if _identity(found) != identity:  # containers number their processes on their own
        os.close(found)
        return None
    return found


def _identity(handle: int) -> tuple[int, int]:
    status = os.fstat(handle)
    return status.st_dev, status.st_ino


def _mapped(handle: int, nbytes: int) -> Tensor | None:
    try:
        return torch.frombuffer(mmap.mmap(handle, nbytes), dtype=torch.uint8)
    except (OSError, ValueError):
        return None
