"""What the processes of a data-parallel training tell each other in a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dpc.frontend.training.gradients import Flat, Network, Slots, slots
from dpc.frontend.training.group import Group


class Exchange:
    """Makes gradients and errors over a process's frames those over the frames of all.

    One gathering of a few numbers is what a step waits for: errors, frames, a signal that came, and
    which parameters have gradients. Where all processes are on one host, the gradients go through
    shared memory, else through the network.
    """

    def __init__(
        self, group: Group, parameters: Sequence[nn.Parameter], columns: Sequence[str]
    ) -> None:
        self.group, self.names = group, ["rmse", *columns]
        self.flat = Flat(parameters)
        self.gradients: Slots | Network = slots(group, self.flat) or Network(group, self.flat)

    def step(
        self, errors: Mapping[str, float], frames: int, signal: int
    ) -> tuple[dict[str, float], int]:
        """Errors of the whole batch, and the number of a signal that any process got, or 0.

        `.grad`, that of the mean over our `frames`, becomes that of the mean over all frames, with
        the same bits in every process. Where no process has one it is None, as in a single process.
        """
        has = [float(p.grad is not None) for p in self.flat.parameters]
        self.gradients.give()
        rows = self._gathered(errors, frames, [float(signal), *has])
        most, *having = rows[:, 1 + len(self.names) :].T.tolist()
        shares = (rows[:, 0] / rows[:, 0].sum()).tolist()
        self.gradients.take(self.flat.runs(having, shares))
        return self._mean(rows), int(max(most))

    def errors(self, errors: Mapping[str, float], frames: int) -> dict[str, float]:
        """Errors of the whole batch: quadratic means over the processes' frames."""
        return self._mean(self._gathered(errors, frames, []))

    def _gathered(self, errors: Mapping[str, float], frames: int, more: list[float]) -> Tensor:
        """By rank: frames, squared errors, and `more`."""
        mine = [errors.get(name, 0.0) for name in self.names]
        squares = [one * one for one in mine]  # ** 2 raises where this gives inf
        return self.group.gather(torch.tensor([frames, *squares, *more], dtype=torch.float64))

    def _mean(self, rows: Tensor) -> dict[str, float]:
        frames = rows[:, :1]
        squares = (frames * rows[:, 1 : 1 + len(self.names)]).sum(0) / frames.sum()
        pairs = zip(self.names, squares.sqrt().tolist(), strict=True)
        return {name: v for name, v in pairs if v > 0 or name == "rmse"}
