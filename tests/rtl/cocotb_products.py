"""dp_products: the descriptor of atom after atom."""

import cocotb
import numpy as np

from dpc.backends.fpga import images
from dpc.ir.fixed.pipeline import _products
from dpc.ir.fixed.shape import DATA_BITS
from tests.rtl.golden import case
from tests.rtl.streams import load, pack, receive, send, start, unpack


@cocotb.test()
async def products(dut):
    c = case()
    m, lanes, rng = c.m, c.build.product_lanes, np.random.default_rng(2)
    await start(dut, [""], [""])
    await load(dut, images._pairs(m, c.build))
    dut.shift_i.value = m.shift["d"]
    atoms, width, count = 12, m.shape.width, m.shape.products
    for size, pauses in ((20, (0.0, 0.0)), (26, (0.3, 0.3)), (24, (0.0, 0.7))):
        x = rng.integers(-(1 << size), 1 << size, (atoms, 4, width))
        ti = rng.integers(0, m.shape.ntypes, atoms)
        d = c.numbers().narrow("d", _products(m, x), m.shift["d"], DATA_BITS)
        words = [{"x": pack(x[a, :, w].tolist(), 27), "last": int(w == width - 1),
                  "ti": int(ti[a])} for a in range(atoms) for w in range(width)]  # fmt: skip
        beats = -(-count // lanes)
        cocotb.start_soon(send(dut, words, pauses[0]))
        got = await receive(dut, atoms * beats, ["d", "last", "ti"], pauses[1])
        for a in range(atoms):
            mine = got[a * beats : (a + 1) * beats]
            flat = [v for word in mine for v in unpack(word["d"], 24, lanes)]
            assert flat[:count] == d[a].tolist()
            assert [word["last"] for word in mine] == [0] * (beats - 1) + [1]
            assert {word["ti"] for word in mine} == {int(ti[a])}
