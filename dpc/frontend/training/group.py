"""The processes of a data-parallel run: torchrun starts them, gloo or NCCL joins them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dpc.errors import ToolError


@dataclass(frozen=True)
class Group:
    """This process and how many there are; without torchrun, the only one."""

    rank: int = 0
    world: int = 1

    @staticmethod
    def join() -> Group:
        """The group that torchrun's environment describes."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1:
            return Group()
        import torch.distributed as distributed

        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return Group(distributed.get_rank(), world)

    @property
    def main(self) -> bool:
        """The process that writes files and talks."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.world > 1:
            import torch.distributed as distributed

            try:
                distributed.all_reduce(tensor)
            except RuntimeError as error:
                raise ToolError(
                    f"process {self.rank} of {self.world} lost another one: it ended or was "
                    f"killed. This one ends, too; restart from the last checkpoint "
                    f"({' '.join(str(error).split())[:160]})"
                ) from None
        return tensor

    def sum_gradients(self, parameters: Sequence[nn.Parameter], frames: int) -> None:
        """Gradients of the mean over the frames of all processes, from those over ours."""
        if self.world == 1:
            return
        for dtype in sorted({p.dtype for p in parameters}, key=str):
            own = [p for p in parameters if p.dtype == dtype]
            parts = [
                torch.zeros_like(p).view(-1) if p.grad is None else p.grad.view(-1) for p in own
            ]
            # the number of frames travels with the gradients: an exchange costs more than a number
            flat = torch.cat([*parts, parts[0].new_ones(1)]).mul_(frames)
            self.sum(flat).div_(float(flat[-1]))
            for p, part in zip(own, flat[:-1].split([p.numel() for p in own]), strict=True):
                p.grad = part.view_as(p)

    def mean(self, values: Tensor, frames: int) -> Tensor:
        """The mean of numbers over the frames of all processes."""
        if self.world == 1:
            return values
        both = self.sum(torch.cat([values * frames, values.new_tensor([float(frames)])]))
        return both[:-1] / both[-1]

    def same(self, tensors: Sequence[Tensor]) -> None:
        """Give everybody the main process's numbers."""
        if self.world > 1:
            import torch.distributed as distributed

            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def wait(self) -> None:
        """Until all have come here."""
        if self.world > 1:
            import torch.distributed as distributed

            distributed.barrier()

    def leave(self) -> None:
        """End it."""
        if self.world > 1:
            import torch.distributed as distributed

            if distributed.is_initialized():
                distributed.destroy_process_group()
