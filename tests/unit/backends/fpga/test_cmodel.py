"""The C model: the same bits as the pipeline in NumPy, whatever the list holds."""

import functools

import numpy as np
import pytest

from dpc.backends.fpga.cmodel import build_cmodel
from dpc.errors import InputError
from dpc.ir.evaluate import evaluate
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.types import Ragged
from dpc.passes.quantize import with_contents
from dpc.passes.samples import ragged_list
from dpc.targets import parse_target
from dpc.targets.cpu import LEVELS, runs_here
from dpc.targets.fpga import HOST
from tests.fixed_models import MODELS, contents, made_program, made_samples
from tests.tiles import OUTPUTS, run_tiles

pytestmark = pytest.mark.skipif(not runs_here(LEVELS[HOST]), reason=f"this is no {HOST}")


@functools.cache
def built(name):
    """(program, files)"""
    m = contents(name)
    program = with_contents(made_program(MODELS[name]), m)
    op = next(program.energy.find(FixedPoint))
    library, params, _ = build_cmodel(program, op, m, parse_target("vu9p"))
    return program, {"bin/host.so": library, "params.safetensors": params}


def same_bits(name, inputs, folder):
    program, files = built(name)
    wanted = evaluate(program, "energy", inputs)
    nlist = inputs["nlist"]
    ragged = nlist if isinstance(nlist, Ragged) else ragged_list(nlist)
    found = run_tiles(files, folder, {**inputs, "nlist": ragged})
    for output in OUTPUTS[1:]:
        assert np.array_equal(found[output], wanted[output]), output
    assert found["energy"] == pytest.approx(wanted["atom_energy"].sum(), rel=1e-14)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_equal_bits(name, tmp_path):
    for number, sample in enumerate(made_samples(MODELS[name], count=2, seed=11)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = same_bits(name, dict(sample.inputs), folder)
        assert name == "smallest" or np.abs(found["force"]).max() > 0.01


@pytest.mark.parametrize("seed", range(10))
def test_equal_bits_on_anything(seed, tmp_path):
    """Clusters denser than any frame of the calibration: signals saturate, in both alike."""
    rng = np.random.default_rng(seed)
    name = ("odd", "split", "two_side", "leading", "packed")[seed % 5]
    ntypes, count = MODELS[name].ntypes, int(rng.integers(1, 30))
    coord = rng.uniform(-2, 2 + 2 * rng.random(), (count, 3))
    atype = rng.integers(-1, ntypes, count).astype(np.int32)
    nloc = int(rng.integers(1, count + 1))
    atype[:nloc] = np.maximum(atype[:nloc], 0)
    rows = [
        rng.permutation(np.delete(np.arange(count), i))[: rng.integers(0, count)]
        for i in range(nloc)
    ]
    nlist = np.full((nloc, max(1, max(map(len, rows)))), -1, np.int32)
    for row, chosen in zip(nlist, rows, strict=True):
        row[: len(chosen)] = chosen
    same_bits(name, {"coord": coord, "atype": atype, "nlist": nlist}, tmp_path)


def test_counts_and_one_place(tmp_path):
    coord = np.array([[0.0, 0, 0], [0.1, 0, 0], [1.5, 0, 0]])
    atype = np.zeros(3, np.int32)
    nlist = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    found = same_bits("odd", {"coord": coord, "atype": atype, "nlist": nlist}, tmp_path)
    assert found["extrapolated"] == 2 and found["sel_overflow"] == 0


@pytest.mark.parametrize("more", [0, 1])
def test_more_neighbours_than_the_circuit_holds(more, tmp_path):
    """One too many is an error that names the atom; the last that fits has the bits of NumPy."""
    count = contents("reduced").shape.max_neighbors + more
    coord = np.random.default_rng(5).uniform(-1.1, 1.1, (count + 1, 3))
    atype = (np.arange(count + 1) % 2).astype(np.int32)
    nlist = np.arange(1, count + 1, dtype=np.int32)[None]
    inputs = {"coord": coord, "atype": atype, "nlist": nlist}
    if not more:
        same_bits("reduced", inputs, tmp_path)
        return
    found = run_tiles(built("reduced")[1], tmp_path, {**inputs, "nlist": ragged_list(nlist)})
    assert (found["status"], found["pair"]) == (2, (0, count))
    with pytest.raises(InputError, match=rf"atom 0 .* has {count} .*max_neighbors={count}"):
        evaluate(built("reduced")[0], "energy", inputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nvnmd", "reduced"])
def test_equal_bits_of_a_thousand_atoms(name, tmp_path):
    for number, sample in enumerate(made_samples(MODELS[name], count=8, natoms=125, seed=31)):
        folder = tmp_path / str(number)
        folder.mkdir()
        same_bits(name, dict(sample.inputs), folder)
