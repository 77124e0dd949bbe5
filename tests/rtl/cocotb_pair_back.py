"""dp_pair_back: dE/dr of every neighbour, realistic and with every sum saturating."""

import cocotb
import numpy as np

from dpc.ir.fixed.pipeline import _rows, _slope
from tests.rtl.golden import case
from tests.rtl.streams import by_lanes, pack, receive, send, start, unpack

SHIFTS = {"dr": "dr", "along": "along", "dt_g": "dt_g", "dt_s": "dt_s", "dt_h": "dt_h",
          "force_u": "f_u", "force_h": "f_h"}  # fmt: skip


@cocotb.test()
async def slopes(dut):
    c = case()
    m, near, lanes, rng = c.m, c.near, c.lanes, np.random.default_rng(5)
    n, width, columns = c.numbers(), c.m.shape.width, c.build.back_lanes
    ch = n.channels(near.ti, near.tj, near.u)
    rows = _rows(n, m.shift, ch, near.r)
    index = max(1, (width - 1).bit_length())
    await start(dut, ["x_", ""], [""])
    for port, name in SHIFTS.items():
        getattr(dut, f"{port}_shift_i").value = m.shift[name]
    beats = list(c.beats())
    for size, pauses in ((14, (0.0, 0.0)), (20, (0.3, 0.3)), (26, (0.2, 0.5))):
        dx = rng.integers(-(1 << size), 1 << size, (len(c.ti), 4, width))
        f = _slope(n, m, near, ch, rows, dx)
        xs = []
        for atom in dx:
            order = rng.permutation(width).tolist()
            for at in range(0, width, columns):
                some = order[at : at + columns]
                values = [v for w in some for v in atom[:, w].tolist()]
                xs.append({"use": (1 << len(some)) - 1, "column": pack(some, index),
                           "x": pack(values, 27), "last": int(at + columns >= width)})  # fmt: skip
        words = []
        for b in beats:
            word = {"beat": b.word, "mask": (1 << len(b.pairs)) - 1}
            for name, array, bits in (
                ("index", near.neighbor[:, None], 16), ("r", near.r, 27),
                ("octave", ch.octave[:, None], 3), ("h", ch.h[:, None], 27),
                ("s_slope", ch.s_slope[:, None], 27), ("h_slope", ch.h_slope[:, None], 27),
                ("row", rows, 24), ("g", ch.g, 18), ("g_slope", ch.g_slope, 27),
            ):  # fmt: skip
                word[name] = by_lanes(array, b.pairs, lanes, bits)
            words.append(word)
        cocotb.start_soon(send(dut, xs, pauses[0], "x_"))
        cocotb.start_soon(send(dut, words, pauses[0]))
        got = await receive(dut, len(words), ["beat", "mask", "index", "r", "force"], pauses[1])
        for b, word in zip(beats, got, strict=True):
            assert (word["beat"], word["mask"]) == (b.word, (1 << len(b.pairs)) - 1)
            assert unpack(word["index"], 16, len(b.pairs), False) == near.neighbor[b.pairs].tolist()
            found = unpack(word["force"], 32, 3 * len(b.pairs))
            assert found == f[b.pairs].ravel().tolist(), b
