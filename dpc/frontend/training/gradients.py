"""Gradients of all processes, added up through memory that they share or through the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from dpc.frontend.training.group import Group
from dpc.frontend.training.shared import shared_memory

LINE = 64  # bytes of a cache line, where the numbers of a type begin


@dataclass(frozen=True)
class Run:
    """Parameters begin to end of a `Flat`, of one type, with gradients in the same processes."""

    begin: int
    end: int
    shares: dict[int, float]
    """What the gradient of each process counts, by rank: its part of all frames."""


class Flat:
    """The order of all gradients in a stretch of memory, the parameters of a type in a row."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = sorted(parameters, key=lambda p: str(p.dtype))
        self.at: list[int] = []
        end = 0
        for dtype, group in groupby(self.parameters, lambda p: p.dtype):
            end = -(-end // LINE) * LINE
            for p in group:
                self.at.append(end)
                end += p.numel() * dtype.itemsize
        self.nbytes = -(-end // LINE) * LINE

    def part(self, memory: Tensor, begin: int, end: int) -> Tensor:
        """The numbers of parameters begin to end, of one type, in a stretch uint8 [nbytes]."""
        last = self.parameters[end - 1]
        stop = self.at[end - 1] + last.numel() * last.dtype.itemsize
        return memory[self.at[begin] : stop].view(last.dtype)

    def views(self, memory: Tensor) -> list[Tensor]:
        """The numbers of each parameter in a stretch, in its shape."""
        return [self.part(memory, k, k + 1).view_as(p) for k, p in enumerate(self.parameters)]

    def runs(self, having: Sequence[Sequence[float]], parts: Sequence[float]) -> list[Run]:
        """The parameters of which any process has a gradient.

        `having` says it for each parameter and rank, `parts` are those of all frames by rank.
        """
        runs = []
        keys = [
            (p.dtype, tuple(map(bool, h))) for p, h in zip(self.parameters, having, strict=True)
        ]
        for (_, who), places in groupby(range(len(keys)), keys.__getitem__):
            shares = {rank: part for rank, part in enumerate(parts) if who[rank]}
            begin, *more = places
            if shares:
                runs.append(Run(begin, begin + len(more) + 1, shares))
        return runs

    def set(self, runs: Sequence[Run], views: Sequence[Tensor]) -> None:
        """Views of a stretch become `.grad` in the runs; elsewhere there is none."""
        for p in self.parameters:
            p.grad = None
        for run in runs:
            for k in range(run.begin, run.end):
                self.parameters[k].grad = views[k]


class Slots:
    """A stretch of shared memory for each process, which all read.

    Two processes add up everything, each for itself: that is one pass over memory, as long as
    another meeting would last. Their slots change between two buffers: what is written for
    exchange k is read until exchange k + 1 is met for, and written again for exchange k + 2, after
    that meeting. More processes each add up a part for all of them, and meet a second time. One
    buffer is enough then: slots are written between the second meeting and the first one of the
    next step, and read between first and second; the sums are the other way round.

    Messages between the processes, by system calls, keep the order of writing and reading.
    """

    def __init__(self, group: Group, flat: Flat, memory: Tensor) -> None:
        self.group, self.flat = group, flat
        rows = memory.view(-1, flat.nbytes)
        self.buffers = rows[: buffers(group.world) * group.world].view(-1, group.world, flat.nbytes)
        self.sums = rows[-1]  # of more than two processes
        self.given = [flat.views(slots[group.rank]) for slots in self.buffers]
        # The result is private: who cuts gradients in place does not cut those of the others.
        self.mean = torch.empty(flat.nbytes, dtype=torch.uint8)
        self.views = flat.views(self.mean)
        self.turn = 0

    def give(self) -> None:
        """Before the meeting: show the others our gradients."""
        self.turn = (self.turn + 1) % len(self.buffers)
        for p, slot in zip(self.flat.parameters, self.given[self.turn], strict=True):
            if p.grad is not None:
                slot.copy_(p.grad)

    def take(self, runs: Sequence[Run]) -> None:
        """After it: `.grad` of the mean over all frames."""
        rank, world, part = self.group.rank, self.group.world, self.flat.part
        for run in runs:
            where = run.begin, run.end
            given = [part(self.buffers[self.turn, other], *where) for other in run.shares]
            out = part(self.sums if world > 2 else self.mean, *where)
            if world > 2:
                ours = slice(len(out) * rank // world, len(out) * (rank + 1) // world)
                given, out = [one[ours] for one in given], out[ours]
            weighted_sum(given, list(run.shares.values()), out)
        if world > 2:
            self.group.wait()
            for run in runs:
                where = run.begin, run.end
                part(self.mean, *where).copy_(part(self.sums, *where))
        self.flat.set(runs, self.views)


def buffers(world: int) -> int:
    """How often each process has a slot."""
    return 2 if world == 2 else 1


def slots(group: Group, flat: Flat) -> Slots | None:
    """Slots for all processes, or none of them has any."""
    count = buffers(group.world) * group.world + (group.world > 2)
    memory = shared_memory(group, count * flat.nbytes)
    return None if memory is None else Slots(group, flat, memory)


def weighted_sum(parts: Sequence[Tensor], weights: Sequence[float], out: Tensor) -> None:
    """Σ weight part, in this order, in as few passes over memory as there are."""
    if len(parts) == 2 and abs(sum(weights) - 1) < 1e-15:
        torch.lerp(parts[0], parts[1], weights[1], out=out)
        return
    torch.mul(parts[0], weights[0], out=out)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        out.add_(part, alpha=weight)


class Network:
    """Processes of several hosts: sums of gradients by messages."""

    def __init__(self, group: Group, flat: Flat) -> None:
        self.group, self.flat = group, flat
        self.mean = torch.empty(flat.nbytes, dtype=torch.uint8)
        self.views = flat.views(self.mean)

    def give(self) -> None:
        """Nothing: the frames of all have to be known before."""

    def take(self, runs: Sequence[Run]) -> None:
        """`.grad` of the mean over all frames."""
        for run in runs:
            share = run.shares.get(self.group.rank)
            for k in range(run.begin, run.end):
                gradient = self.flat.parameters[k].grad
                if share is None or gradient is None:
                    self.views[k].zero_()
                else:
                    torch.mul(gradient, share, out=self.views[k])
            self.group.sum(self.flat.part(self.mean, run.begin, run.end))
        self.flat.set(runs, self.views)
