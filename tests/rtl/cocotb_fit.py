"""dp_fit (weights, layers, activations, head, and all of it backward): energy and dE/dD."""

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from dpc.backends.fpga import images
from dpc.ir.fixed.pipeline import fit
from tests.rtl.golden import case
from tests.rtl.streams import load, pack, receive, send, start, unpack


async def energies(dut, found):
    """Every energy that is offered is taken."""
    while True:
        await ReadOnly()
        if int(dut.energy_valid_o.value):
            found.append(dut.energy_o.value.to_signed())
        await RisingEdge(dut.clk_i)


@cocotb.test()
async def forward_and_back(dut):
    c = case()
    m, lanes, rng = c.m, c.build.product_lanes, np.random.default_rng(4)
    count = m.shape.products
    beats = -(-count // lanes)
    await start(dut, [""], [""])
    parts = [*images._act(m), *images._head(m, c.build)]
    for number in range(len(m.layers)):
        parts += images._layer(m, c.build, number)
    await load(dut, parts)
    dut.energy_shift_i.value = m.shift["energy"]
    for name in ("y", "slope", "back"):
        getattr(dut, f"{name}_shift_i").value = pack(m.shift[name], 6)
    seen: list[int] = []
    cocotb.start_soon(energies(dut, seen))
    atoms = 16
    for size, pauses in ((18, (0.0, 0.0)), (23, (0.3, 0.3)), (22, (0.0, 0.7))):
        d = rng.integers(-(1 << size), 1 << size, (atoms, count))
        ti = rng.integers(0, m.shape.ntypes, atoms)
        energy, dd = fit(c.numbers(), m, ti, d)
        filled = np.zeros((atoms, beats * lanes), int)
        filled[:, :count] = d
        words = [{"d": pack(filled[a, b * lanes : (b + 1) * lanes].tolist(), 24),
                  "last": int(b == beats - 1), "ti": int(ti[a])}
                 for a in range(atoms) for b in range(beats)]  # fmt: skip
        seen.clear()
        cocotb.start_soon(send(dut, words, pauses[0]))
        got = await receive(dut, atoms * beats, ["g", "last"], pauses[1])
        for a in range(atoms):
            mine = got[a * beats : (a + 1) * beats]
            flat = [v for word in mine for v in unpack(word["g"], 24, lanes)]
            assert flat[:count] == dd[a].tolist(), a
            assert [word["last"] for word in mine] == [0] * (beats - 1) + [1]
        assert seen == energy.tolist()
