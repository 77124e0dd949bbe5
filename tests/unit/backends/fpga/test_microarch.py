"""The choice of a circuit: what fits, how fast, and what is said when nothing does."""

from dataclasses import replace

import pytest

from dpc.backends.fpga import fit
from dpc.backends.fpga.images import back_lists
from dpc.backends.fpga.microarch import FILL, back_load, choose, curve, cycles, designs, fits
from dpc.backends.fpga.resources import memory, multiplier
from dpc.errors import UsageError
from dpc.ir.ops.fixed import FixedPoint
from dpc.passes.quantize import with_contents
from dpc.targets import parse_target
from dpc.targets.fpga import DEVICES, PARTS
from tests.fixed_models import MODELS, contents, made_program

VU9P = PARTS["vu9p"].limits


def test_build_a_and_b_of_the_nvnmd_shape():
    """128 neighbours: 64 cycles with 45 % of the DSP slices, 32 with 85 %."""
    m = contents("nvnmd")
    b = choose(m.shape, m.pairs, VU9P, (64, 64))
    assert b.interval <= 34 and b.use.dsp <= 0.85 * VU9P["dsp"]
    a = choose(m.shape, m.pairs, VU9P, (64, 64), {**FILL, "dsp": 0.45})
    assert a.interval <= 66 and a.use.dsp <= 0.45 * VU9P["dsp"]


@pytest.mark.parametrize("name", ["nvnmd", "odd", "split"])
def test_the_chosen_is_the_fastest_that_fits(name):
    m = contents(name)
    near = (40.0,) * m.shape.ntypes
    best = choose(m.shape, m.pairs, VU9P, near)
    every = [one for one in designs(m.shape, m.pairs, near) if fits(one.use, VU9P)]
    assert best.interval == min(one.interval for one in every)
    intervals = [one.interval for one in curve(m.shape, m.pairs, VU9P, near)]
    assert intervals == sorted(set(intervals)) and len(intervals) > 1


@pytest.mark.parametrize("name", [n for n in MODELS if n != "smallest"])
def test_contents_fit_the_circuit_they_are_made_for(name):
    m = contents(name)
    for one in list(designs(m.shape, m.pairs, (20.0,) * m.shape.ntypes))[::7]:
        lists = back_lists(m, one.build)
        assert max(map(len, lists)) <= one.build.back_beats
        assert max(map(len, lists)) == back_load(m.pairs, m.shape.width, one.build.back_lanes)
        found = cycles(m.shape, one.build, (20.0,) * m.shape.ntypes)
        assert found["neighbours"] == m.shape.ntypes * -(-20 // one.build.lanes)


def test_blocks_of_products_and_memories():
    assert [multiplier(*w) for w in ((18, 24), (27, 18), (27, 24), (27, 27), (27, 32))] == [
        1, 1, 2, 2, 4,
    ]  # fmt: skip
    assert memory(27, 2048, "ultra").uram == 1 and memory(104, 4096, "ultra").uram == 2
    assert memory(36, 1024, "block", two_reads=True).bram == 1
    assert memory(72, 512, "block").bram == 1


def test_targets():
    assert set(DEVICES) == set(PARTS)
    assert parse_target("vu9p").limits["mhz"] == 250
    assert parse_target("u250:300MHz").limits["mhz"] == 300
    with pytest.raises(UsageError, match="clock to assume"):
        parse_target("vu9p:fast")


def op_of(name, m):
    program = with_contents(made_program(MODELS[name]), m, (9.0,) * m.shape.ntypes)
    return next(program.energy.find(FixedPoint))


def test_the_table_says_every_limit():
    m = contents("nvnmd")
    text = "\n".join(fit.table(op_of("nvnmd", m), m, PARTS["vu9p"]))
    for word in ("rcut, Å", "DSP slices", "chosen", "250 MHz is assumed", "verdict"):
        assert word in text
    assert not fit.problems(op_of("nvnmd", m), m, PARTS["vu9p"])


def test_what_does_not_fit_comes_with_a_remedy():
    m = contents("nvnmd")
    op = op_of("nvnmd", m)
    small = replace(PARTS["vu9p"], limits={**VU9P, "dsp": 600, "uram": 100})
    found = {one.where: one for one in fit.problems(op, m, small)}
    assert set(found) == {"DSP slices", "URAM"}
    assert "of 600" in found["DSP slices"].what and "vu13p" in found["DSP slices"].remedy
    wide = replace(m, u_cut=1 << 31)
    assert "train with a shorter rcut" in [
        one.remedy for one in fit.problems(op, wide, PARTS["vu9p"])
    ]
