"""Pass quantize: how far integers are from the reals, what is proved of them, what is refused."""

import numpy as np
import pytest

from dpc.ir.fixed.numbers import Integers, cubic
from dpc.ir.fixed.shape import C_BITS, COORD_FRAC, DATA_BITS, ROW_BITS, SUM_BITS, T_BITS
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.passes.base import Context, PassError
from dpc.passes.measure import compare, measure
from dpc.passes.pipeline import Pipeline
from tests import programs
from tests.fixed_models import MODELS, contents, made_program, made_samples


def quantized(name, options=""):
    made = MODELS[name]
    context = Context(samples=made_samples(made, seed=3))
    program = made_program(made)
    return program, Pipeline.parse(f"canonicalize quantize{options}").run(program, context), context


@pytest.mark.parametrize("name", [n for n in MODELS if n != "smallest"])
def test_close_to_the_reals_on_other_frames(name):
    program, fixed, _ = quantized(name)
    other = made_samples(MODELS[name], seed=21)
    before, after = measure(program, other), measure(fixed, other)
    error = compare(before, after)
    force = np.sqrt(np.mean(np.concatenate([one.force for one in before]) ** 2))
    assert error["force"].rms < 2e-4 * force
    assert error["energy"].max < 5e-5


def test_forces_are_the_slope_of_the_energy():
    """Along a random direction, by differences: rounding is all that is between them."""
    from dpc.ir.fixed import frames
    from dpc.ir.fixed.numbers import Integers

    m = contents("two_side")
    sample = made_samples(MODELS["two_side"])[0]
    coord, atype, nlist = (np.asarray(sample.inputs[k]) for k in ("coord", "atype", "nlist"))
    step = np.random.default_rng(0).normal(size=coord.shape)
    step = step[sample.owner] if sample.owner is not None else step

    def energy(h):
        sums = frames.run(Integers(m), frames.to_fixed(coord + h * step), atype, nlist)
        return frames.to_eV(m, sums, atype[: len(nlist)])[0].sum(), sums

    h = 2e-3
    _, here = energy(0.0)
    slope = (energy(h)[0] - energy(-h)[0]) / (2 * h)
    force = here.force * 2.0**-22
    assert slope == pytest.approx(-(force * step).sum(), rel=2e-3)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_in_a_table_leaves_its_bits(name):
    m = contents(name)
    limit = 1 << (C_BITS - 1)
    rng = np.random.default_rng(0)
    for c, frac in ((m.table, m.shape.value_frac), (m.act, m.shape.act_frac)):
        assert np.abs(c).max() <= limit
        for t in (0, (1 << T_BITS) - 1, *rng.integers(0, 1 << T_BITS, 3)):
            q = c[..., 3] * t >> (T_BITS + frac[3] - frac[2])
            for part in (*cubic(c, np.array(t), frac), c[..., 2] + q, c[..., 2] + 2 * q):
                assert np.abs(part).max() <= limit


@pytest.mark.parametrize("name", MODELS)
def test_no_sum_leaves_its_bits(name):
    m = contents(name)
    half = 1 << (DATA_BITS - 1)
    for layer, bits in zip(m.layers, m.shape.weight_bits, strict=False):
        weight = np.abs(layer.weight)
        assert weight.max() <= 1 << (bits - 1)
        forward = weight.sum(axis=1) * half + np.abs(layer.bias)
        assert forward.max() < 1 << (SUM_BITS - 1)
        assert (weight.sum(axis=2) * half).max() < 1 << (SUM_BITS - 1)
        assert np.abs(layer.idt).max() < 1 << (ROW_BITS - 1)
        for shift in (layer.z_shift, layer.back_shift):
            assert shift.min() >= 0 and shift.max() < 64
    most = half * (1 << (ROW_BITS - 1)) * m.shape.max_neighbors
    assert most <= 1 << (SUM_BITS - 1)
    for value in m.shift.values():
        assert np.min(value) >= 0 and np.max(value) + 8 < 64


def test_sums_of_more_neighbours_fit():
    """R gives up a bit, in everything that the tables hold."""
    fixed = quantized("odd", "{max_neighbors=256}")[1]
    m = contents_of(next(fixed.energy.find(FixedPoint)), fixed.store)
    assert m.shape.max_neighbors == 256
    n, nt = Integers(m), m.shape.ntypes
    u = np.arange(m.u_min, m.u_cut, 1009)
    for ti, tj in np.ndindex(nt, nt):
        c = n.channels(np.full(len(u), ti), np.full(len(u), tj), u)
        r = np.sqrt(u * 2.0**-m.shape.u_frac) * 2.0**COORD_FRAC
        s = n.narrow("row_s", c.s, m.shift["row_s"], DATA_BITS)
        h = n.narrow("row_h", c.h * r.astype(np.int64), m.shift["row_h"], DATA_BITS)
        most = np.maximum(np.abs(s), np.abs(h)).max()
        assert 0 < most and most * (1 << (ROW_BITS - 1)) * 256 <= 1 << (SUM_BITS - 1)


def test_fewer_bits_of_weights_cost_accuracy():
    program, _, _ = quantized("two_side")
    errors = []
    for bits in (6, 8, 18):
        fixed = quantized("two_side", f"{{weight_bits={bits}}}")[1]
        op = next(fixed.energy.find(FixedPoint))
        assert op.weight_bits == (18, bits, 18)
        other = made_samples(MODELS["two_side"], seed=21)
        errors.append(compare(measure(program, other), measure(fixed, other))["force"].rms)
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_the_report_says_formats_and_neighbours():
    _, fixed, context = quantized("odd")
    notes = context.reports[-1].notes
    assert notes["fractions"]["x"] > 10 and notes["shifts"]["x"] > 0
    op = next(fixed.energy.find(FixedPoint))
    assert len(op.neighbors) == 3 and 5 < sum(op.neighbors) < 30


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fparam_aparam", "fparam and aparam"),
        ("one_side", "x, y and z of the environment"),
        ("exclude", "not env_matrix"),
    ],
)
def test_what_a_circuit_cannot_do_is_said(name, words):
    program = programs.program(programs.ZOO[name])
    context = Context(samples=programs.samples(programs.ZOO[name]))
    with pytest.raises(PassError, match=words):
        Pipeline.parse("canonicalize widen quantize").run(program, context)


def test_options_and_frames_are_checked():
    program = made_program(MODELS["odd"])
    with pytest.raises(PassError, match="weight_bits is 19"):
        Pipeline.parse("quantize{weight_bits=19}").run(program, Context())
    with pytest.raises(PassError, match="no frames"):
        Pipeline.parse("quantize").run(program, Context())


def test_twice_is_once():
    _, fixed, context = quantized("odd")
    assert Pipeline.parse("quantize").run(fixed, context) is fixed
