"""dp_contract: the sums over neighbours, realistic and as large as they may be."""

import cocotb
import numpy as np

from dpc.backends.fpga import images
from dpc.ir.fixed.pipeline import _contract, _rows
from tests.rtl.golden import case
from tests.rtl.streams import by_lanes, load, receive, send, start, unpack


@cocotb.test()
async def sums(dut):
    c = case()
    m, near, rng = c.m, c.near, np.random.default_rng(1)
    n = c.numbers()
    ch = n.channels(near.ti, near.tj, near.u)
    await start(dut, [""], [""])
    await load(dut, images._pads(m))
    beats = list(c.beats())
    for wild in (False, True):
        rows, g = _rows(n, m.shift, ch, near.r), ch.g
        if wild:
            rows = rng.integers(-(1 << 23), 1 << 23, rows.shape)
            g = rng.integers(-(1 << 17), 1 << 17, g.shape)
        x = _contract(n, m, c.ti, near, rows, g)
        dut.x_shift_i.value = m.shift["x"]
        words = [{"beat": b.word, "mask": (1 << len(b.pairs)) - 1,
                  "row": by_lanes(rows, b.pairs, c.lanes, 24),
                  "g": by_lanes(g, b.pairs, c.lanes, 18)} for b in beats]  # fmt: skip
        for pauses in ((0.0, 0.0), (0.3, 0.1), (0.0, 0.6)):
            cocotb.start_soon(send(dut, words, pauses[0]))
            got = await receive(dut, len(c.ti) * m.shape.width,
                                ["x", "last", "ti", "center"], pauses[1])  # fmt: skip
            for at, word in enumerate(got):
                atom, column = divmod(at, m.shape.width)
                assert unpack(word["x"], 27, 4) == x[atom, :, column].tolist(), (atom, column)
                assert word["last"] == (column == m.shape.width - 1)
                assert (word["ti"], word["center"]) == (c.ti[atom], atom)
