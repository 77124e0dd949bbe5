"""dp_coords: what a beat's centre and neighbours are, while other atoms are written."""

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from tests.rtl.streams import PARAMETERS, pack, receive, send, start, unpack

LANES, ATOMS = PARAMETERS["Lanes"], PARAMETERS["Atoms"]
HALF = ATOMS // 2


async def write(dut, first, types, coord):
    """Atoms from `first` on."""
    for at, (t, x) in enumerate(zip(types.tolist(), coord.tolist(), strict=True)):
        dut.we_i.value, dut.waddr_i.value = 1, first + at
        dut.type_i.value, dut.coord_i.value = t, pack(x, 32)
        await RisingEdge(dut.clk_i)
    dut.we_i.value = 0


@cocotb.test()
async def gathers(dut):
    await start(dut, [""], [""])
    dut.we_i.value = 0
    rng = np.random.default_rng(8)
    for round_, pauses in enumerate(((0.0, 0.0), (0.3, 0.3), (0.0, 0.7))):
        # half of the atoms is read, the other half written at the same time
        first, other = (0, HALF) if round_ % 2 else (HALF, 0)
        types = rng.integers(0, 32, HALF)
        coord = rng.integers(-(1 << 31), 1 << 31, (HALF, 3))
        await write(dut, first, types, coord)
        beats = []
        for _ in range(80):
            mask = (1 << int(rng.integers(0, LANES + 1))) - 1
            index = rng.integers(0, HALF, LANES)
            beats.append((int(rng.integers(0, 2)), int(rng.integers(0, HALF)), mask, index))
        words = [
            {"last": last, "center": first + at, "mask": mask, "index": pack(first + index, 16)}
            for last, at, mask, index in beats
        ]
        cocotb.start_soon(write(dut, other, types[::-1], coord[::-1]))
        cocotb.start_soon(send(dut, words, pauses[0]))
        got = await receive(dut, len(words), ["beat", "center", "mask", "index", "neighbor"],
                            pauses[1])  # fmt: skip
        for word, (last, center, mask, index) in zip(got, beats, strict=True):
            beat = last << 26 | types[center] << 21 | types[index[0]] << 16 | first + center
            assert word["beat"] == beat
            assert word["mask"] == mask
            assert unpack(word["center"], 32, 3) == coord[center].tolist()
            assert unpack(word["index"], 16, LANES, False) == (first + index).tolist()
            assert unpack(word["neighbor"], 32, 3 * LANES) == coord[index].ravel().tolist()
