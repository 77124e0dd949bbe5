"""dp_list: the stored list comes back beat by beat, without a gap between centres."""

import random

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from dpc.backends.fpga import commands
from tests.rtl.streams import PARAMETERS, receive, start, unpack

LANES = PARAMETERS["Lanes"]


@cocotb.test()
async def plays(dut):
    await start(dut, [], [""])
    dut.we_i.value = dut.start_i.value = 0
    rng = np.random.default_rng(7)
    for pause in (0.0, 0.4):
        counts = [0, 1, LANES - 1, LANES, LANES + 1, 8, 9, 40, *rng.integers(0, 30, 12).tolist()]
        random.shuffle(counts)
        atype = rng.integers(0, 2, 60)
        nlist = np.full((len(counts), 40), -1)
        expected = []
        for center, count in enumerate(counts):
            nlist[center, :count] = rng.permutation(60)[:count]
            beats = []
            for t in (0, 1):
                of = [int(j) for j in nlist[center, :count] if atype[j] == t]
                beats += [of[k : k + LANES] for k in range(0, len(of), LANES)]
            expected += [(center, b, at == len(beats or [[]]) - 1)
                         for at, b in enumerate(beats or [[]])]  # fmt: skip
        words = commands.neighbor_list(nlist, atype, LANES)
        base = random.randrange(100)
        for at, (low, high) in enumerate(words.tolist()):
            dut.we_i.value, dut.waddr_i.value = 1, base + at
            dut.wdata_i.value = high << 64 | low
            await RisingEdge(dut.clk_i)
        dut.we_i.value = 0
        dut.start_i.value, dut.base_i.value, dut.count_i.value = 1, base, len(words)
        await RisingEdge(dut.clk_i)
        dut.start_i.value = 0
        got = await receive(dut, len(expected), ["center", "mask", "index", "last"], pause)
        for word, (center, of, last) in zip(got, expected, strict=True):
            assert (word["center"], word["last"]) == (center, last)
            assert word["mask"] == (1 << len(of)) - 1
            assert unpack(word["index"], 16, LANES, False)[: len(of)] == of
        for _ in range(4):
            await RisingEdge(dut.clk_i)
        assert int(dut.busy_o.value) == 0
