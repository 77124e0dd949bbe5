"""dp_virial: nine sums over pairs."""

import random

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from dpc.ir.fixed.numbers import round_shift, saturate
from tests.rtl.streams import PARAMETERS, pack, start, unpack

LANES = PARAMETERS["Lanes"]


@cocotb.test()
async def sums(dut):
    await start(dut)
    dut.valid_i.value = dut.clear_i.value = 0
    rng = np.random.default_rng(6)
    for _ in range(2):
        expected = np.zeros((3, 3), np.int64)
        for _ in range(60):
            r = rng.integers(-(1 << 26), 1 << 26, (LANES, 3))
            f = rng.integers(-(1 << 31), 1 << 31, (LANES, 3))
            mask, valid = random.getrandbits(LANES), int(random.random() < 0.8)
            short = saturate(round_shift(f, 5), 27)
            moment = round_shift(short[:, :, None] * r[:, None, :], 19)
            for lane in range(LANES):
                if valid and mask >> lane & 1:
                    expected -= moment[lane]
            dut.valid_i.value, dut.mask_i.value = valid, mask
            dut.r_i.value, dut.force_i.value = pack(r.ravel(), 27), pack(f.ravel(), 32)
            await RisingEdge(dut.clk_i)
        dut.valid_i.value = 0
        for _ in range(4):
            await RisingEdge(dut.clk_i)
        assert unpack(int(dut.virial_o.value), 64, 9) == expected.ravel().tolist()
        dut.clear_i.value = 1
        await RisingEdge(dut.clk_i)
        dut.clear_i.value = 0
        await RisingEdge(dut.clk_i)
        assert int(dut.virial_o.value) == 0
