"""dp_forces (dp_accumulate): sums of atoms, the same atom in cycle after cycle, out and cleared."""

import random

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from tests.rtl.streams import PARAMETERS, pack, start, unpack

LANES, ATOMS = PARAMETERS["Lanes"], PARAMETERS["Atoms"]


async def take_all(dut, count):
    """Force after force, one in each cycle."""
    got = []
    for at in range(count + 5):
        dut.take_i.value, dut.take_addr_i.value = int(at < count), at % ATOMS
        await ReadOnly()
        if int(dut.valid_o.value):
            got.append(unpack(int(dut.force_o.value), 32, 3))
        await RisingEdge(dut.clk_i)
    dut.take_i.value = 0
    return np.array(got)


@cocotb.test()
async def sums(dut):
    await start(dut)
    dut.valid_i.value = dut.take_i.value = 0
    await take_all(dut, ATOMS)  # memories wake up with anything in them
    for few, size in ((2, 20), (5, 24), (ATOMS, 31)):
        expected = np.zeros((ATOMS, 3), np.int64)
        center = 0
        for _ in range(150):
            if random.random() < 0.2:
                dut.valid_i.value = 0
                await RisingEdge(dut.clk_i)
            last = random.random() < 0.4
            mask = random.getrandbits(LANES)
            index = [random.randrange(few) for _ in range(LANES)]
            force = np.array([[random.getrandbits(size + 1) - (1 << size) for _ in range(3)]
                              for _ in range(LANES)])  # fmt: skip
            for lane in range(LANES):
                if mask >> lane & 1:
                    expected[index[lane]] -= force[lane]
                    expected[center] += force[lane]
            dut.valid_i.value, dut.mask_i.value = 1, mask
            dut.beat_i.value = int(last) << 26 | center
            dut.index_i.value, dut.force_i.value = pack(index, 16), pack(force.ravel(), 32)
            await RisingEdge(dut.clk_i)
            center = random.randrange(few) if last else center
        # close the centre that is open
        dut.beat_i.value, dut.mask_i.value = 1 << 26 | center, 0
        await RisingEdge(dut.clk_i)
        dut.valid_i.value = 0
        for _ in range(4):
            await RisingEdge(dut.clk_i)
        limit = np.int64(1) << 31
        assert np.array_equal(await take_all(dut, ATOMS), np.clip(expected, -limit, limit - 1))
        assert not (await take_all(dut, ATOMS)).any()
