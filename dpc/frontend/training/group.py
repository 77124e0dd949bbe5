"""The processes of a data-parallel run: torchrun starts them, gloo joins them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dpc.errors import ToolError


@dataclass(frozen=True)
class Group:
    """This process and how many there are; without torchrun, the only one."""

    rank: int = 0
    world: int = 1
    one_host: bool = False
    """All processes are on this host, and can share memory."""

    @staticmethod
    def join() -> Group:
        """The group that torchrun's environment describes."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1:
            return Group()
        import torch.distributed as distributed

        if not distributed.is_initialized():
            # models and gradients are in the processor's memory, which NCCL does not exchange
            distributed.init_process_group("gloo")
        one_host = os.environ.get("LOCAL_WORLD_SIZE") == str(world)
        return Group(distributed.get_rank(), world, one_host)

    @property
    def main(self) -> bool:
        """The process that writes files and talks."""
        return self.rank == 0

    def gather(self, row: Tensor) -> Tensor:
        """The rows [n] of all processes, by rank [world, n]; returns when all have given theirs."""
        rows = row.repeat(self.world, 1)
        if self.world > 1:
            with self._together() as distributed:
                distributed.all_gather(list(rows), row)
        return rows

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place; the same bits for all."""
        if self.world > 1:
            with self._together() as distributed:
                distributed.all_reduce(tensor)
        return tensor

    def told(self, value: Any) -> Any:
        """What the main process says, a plain value."""
        values = [value]
        if self.world > 1:
            with self._together() as distributed:
                distributed.broadcast_object_list(values, 0)
        return values[0]

    def same(self, tensors: Sequence[Tensor]) -> None:
        """Give everybody the main process's numbers."""
        if self.world > 1:
            with self._together() as distributed:
                for tensor in tensors:
                    distributed.broadcast(tensor.detach(), 0)

    def wait(self) -> None:
        """Until all have come here."""
        if self.world > 1:
            with self._together() as distributed:
                distributed.barrier()

    def leave(self) -> None:
        """End it."""
        if self.world > 1:
            import torch.distributed as distributed

            if distributed.is_initialized():
                distributed.destroy_process_group()

    @contextmanager
    def _together(self) -> Iterator[Any]:
        """What all processes do at once: without one of them, the others end, too."""
        import torch.distributed as distributed

        try:
            yield distributed
        except RuntimeError as error:
            raise ToolError(
                f"process {self.rank} of {self.world} lost another one: it ended or was "
                f"killed. This one ends, too; restart from the last checkpoint "
                f"({' '.join(str(error).split())[:160]})"
            ) from None
