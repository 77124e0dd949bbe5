"""dp_env (dp_distance, dp_locate, dp_cubic): every signal of every neighbour."""

import cocotb
import numpy as np

from dpc.backends.fpga import images
from dpc.ir.fixed import frames
from dpc.ir.fixed.pipeline import _rows
from dpc.ir.fixed.shape import COORD_FRAC
from tests.rtl import corners
from tests.rtl.golden import case
from tests.rtl.streams import by_lanes, load, pack, receive, send, start, unpack


@cocotb.test()
async def rows(dut):
    c = case()
    m, lanes, near = c.m, c.lanes, c.near
    coord = c.frame[0]
    n = c.numbers()
    ch = n.channels(near.ti, near.tj, near.u)
    expected = {
        "row": _rows(n, m.shift, ch, near.r), "g": ch.g, "g_slope": ch.g_slope,
        "s_slope": ch.s_slope[:, None], "h_slope": ch.h_slope[:, None], "h": ch.h[:, None],
        "octave": ch.octave[:, None], "r": near.r,
    }  # fmt: skip
    width = {"row": 24, "g": 18, "octave": 3}
    await start(dut, [""], [""])
    dut.u_cut_i.value, dut.u_min_i.value = m.u_cut, m.u_min
    dut.s_shift_i.value, dut.h_shift_i.value = m.shift["row_s"], m.shift["row_h"]
    words = c.words()
    await load(dut, [words[words >> np.uint64(59) == images.TABLE]])
    beats = list(c.beats())
    # neighbours that are left out: at the cutoff, just beyond, far away, and one that does not fit
    cut = int(np.ceil(np.sqrt(m.u_cut * 2.0 ** (2 * COORD_FRAC - m.shape.u_frac))))
    out = [cut, cut + 1, 2**22 * 5, 2**22 * 30, 2**30]
    assert frames.square(m, np.array([[cut, 0, 0]]))[0] == m.u_cut
    words = []
    for b in beats:
        position = by_lanes(coord[near.neighbor], b.pairs, lanes, 32)
        mask = (1 << len(b.pairs)) - 1
        if len(b.pairs) < lanes:
            there = [
                int(coord[b.center][0]) + out[len(words) % len(out)],
                *coord[b.center][1:].tolist(),
            ]
            position |= pack(there, 32) << (96 * len(b.pairs))
            mask |= 1 << len(b.pairs)
        words.append({"beat": b.word, "center": pack(coord[b.center].tolist(), 32), "mask": mask,
                      "index": by_lanes(near.neighbor[:, None], b.pairs, lanes, 16),
                      "neighbor": position})  # fmt: skip
    names = ["beat", "mask", "near", "index", *expected]
    cocotb.start_soon(send(dut, words, 0.2))
    got = await receive(dut, len(words), names, 0.3)
    for b, word in zip(beats, got, strict=True):
        assert word["beat"] == b.word
        assert word["mask"] == (1 << len(b.pairs)) - 1
        close = near.u[b.pairs] < m.u_min
        assert word["near"] == pack(close.astype(int).tolist(), 1)
        for name, array in expected.items():
            bits, size = width.get(name, 27), array.shape[1]
            found = unpack(word[name], bits, size * len(b.pairs), name != "octave")
            assert np.array_equal(found, array[b.pairs].ravel()), (name, b)
    corners.near(m, near)
