"""The two ends of a stream in a test: words go in and come out with random pauses."""

from __future__ import annotations

import ast
import os
import random
from collections.abc import Iterable, Sequence
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

PATIENCE = int(os.environ.get("DPC_RTL_PATIENCE", "20000"))  # cycles without a word
PARAMETERS: dict[str, Any] = ast.literal_eval(os.environ.get("DPC_RTL_PARAMETERS", "{}"))


def pack(values: Iterable[int], width: int) -> int:
    """Signed or unsigned numbers side by side, the first lowest."""
    mask = (1 << width) - 1
    whole = 0
    for at, value in enumerate(values):
        whole |= (int(value) & mask) << (at * width)
    return whole


def unpack(whole: int, width: int, count: int, signed: bool = True) -> list[int]:
    """The opposite of `pack`."""
    out = []
    for at in range(count):
        value = (whole >> (at * width)) & ((1 << width) - 1)
        out.append(value - (1 << width) if signed and value >> (width - 1) else value)
    return out


async def start(dut: Any, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> None:
    """Clock and reset; nothing is valid or ready. Names are prefixes of streams."""
    for name in inputs:
        getattr(dut, f"{name}valid_i").value = 0
    for name in outputs:
        getattr(dut, f"{name}ready_i").value = 0
    if hasattr(dut, "cfg_i"):
        dut.cfg_i.value = 0
    dut.rst_ni.value = 0
    cocotb.start_soon(Clock(dut.clk_i, 4, "ns").start())
    for _ in range(3):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)


async def load(dut: Any, parts: Iterable[Any]) -> None:
    """Write words of dpc.backends.fpga.images through the loading bus."""
    for part in parts:
        # a row that there is not, and what belongs to another block, must change nothing
        foreign = [part[0] | np.uint64(0x1800 << 36), part[0] | np.uint64(30 << 59)]
        foreign = [word ^ np.uint64(1) for word in foreign]
        for word in [*part.tolist(), *map(int, foreign)]:
            dut.cfg_i.value = 1 << 64 | word
            await RisingEdge(dut.clk_i)
    dut.cfg_i.value = 0
    for _ in range(3):
        await RisingEdge(dut.clk_i)


def by_lanes(array: Any, pairs: Sequence[int], lanes: int, width: int) -> int:
    """array[p] of each lane's pair, flattened, first lane lowest; lanes without one hold 0."""
    size = int(np.prod(array.shape[1:], dtype=int))
    rows = [array[p].ravel().tolist() for p in pairs] + [[0] * size] * (lanes - len(pairs))
    return pack([value for row in rows for value in row], width)


async def send(dut: Any, words: Sequence[dict[str, int]], pause: float, name: str = "") -> None:
    """Offer words (signal name without _i: value), pausing with this probability."""
    valid, ready = getattr(dut, f"{name}valid_i"), getattr(dut, f"{name}ready_o")
    for word in words:
        while random.random() < pause:
            valid.value = 0
            await RisingEdge(dut.clk_i)
        valid.value = 1
        for signal, value in word.items():
            getattr(dut, f"{name}{signal}_i").value = value
        while True:
            await ReadOnly()
            taken = int(ready.value)
            await RisingEdge(dut.clk_i)
            if taken:
                break
    valid.value = 0


async def receive(
    dut: Any, count: int, signals: Sequence[str], pause: float, name: str = ""
) -> list[dict[str, int]]:
    """Take `count` words of these signals (without _o), pausing with this probability."""
    valid, ready = getattr(dut, f"{name}valid_o"), getattr(dut, f"{name}ready_i")
    got: list[dict[str, int]] = []
    waited = 0
    while len(got) < count and waited < PATIENCE:
        ready.value = int(random.random() >= pause)
        await ReadOnly()
        waited += 1
        if int(valid.value) and int(ready.value):
            got.append({s: int(getattr(dut, f"{name}{s}_o").value) for s in signals})
            waited = 0
        await RisingEdge(dut.clk_i)
    ready.value = 0
    assert len(got) == count, f"{len(got)} of {count} words came, then none in {PATIENCE} cycles"
    return got
