"""dp_products_back: every column of dE/dX comes once for each atom."""

import cocotb
import numpy as np

from dpc.backends.fpga import images
from dpc.ir.fixed.pipeline import _products_back
from dpc.ir.fixed.shape import X_BITS
from tests.rtl import corners
from tests.rtl.golden import case
from tests.rtl.streams import load, pack, receive, send, start, unpack


@cocotb.test()
async def columns(dut):
    c = case()
    m, rng = c.m, np.random.default_rng(3)
    width, count = m.shape.width, m.shape.products
    d_lanes, lanes = c.build.product_lanes, c.build.back_lanes
    index = max(1, (width - 1).bit_length())
    await start(dut, ["x_", "g_"], [""])
    await load(dut, images._back_lists(m, c.build))
    dut.shift_i.value = m.shift["dx"]
    atoms = 10
    for size, pauses in ((18, (0.0, 0.0)), (20, (0.3, 0.3)), (26, (0.0, 0.6))):
        x = rng.integers(-(1 << size), 1 << size, (atoms, 4, width))
        dd = rng.integers(-(1 << 23), 1 << 23, (atoms, count))
        n = c.numbers()
        dx = n.narrow("dx", _products_back(n, m, x, dd), m.shift["dx"], X_BITS)
        beats = -(-count // d_lanes)
        filled = np.zeros((atoms, beats * d_lanes), int)
        filled[:, :count] = dd
        xs = [{"x": pack(x[a, :, w].tolist(), 27), "last": int(w == width - 1)}
              for a in range(atoms) for w in range(width)]  # fmt: skip
        gs = []
        for one in filled.reshape(atoms, beats, -1):
            gs += [{"g": pack(w.tolist(), 24), "last": int(b == beats - 1)}
                   for b, w in enumerate(one)]  # fmt: skip
        cocotb.start_soon(send(dut, xs, pauses[0], "x_"))
        cocotb.start_soon(send(dut, gs, pauses[0], "g_"))
        for a in range(atoms):
            seen: dict[int, list[int]] = {}
            last = 0
            while not last:
                (word,) = await receive(dut, 1, ["x", "use", "column", "last"], pauses[1])
                values, where = (
                    unpack(word["x"], 27, 4 * lanes),
                    unpack(word["column"], index, lanes, False),
                )
                for lane in range(lanes):
                    if word["use"] >> lane & 1:
                        assert where[lane] not in seen
                        seen[where[lane]] = values[4 * lane : 4 * lane + 4]
                last = word["last"]
            assert seen == {w: dx[a, :, w].tolist() for w in range(width)}
    corners.model(m, c.lanes)
