"""host.so computes what the program means: every kind of model, every instruction set."""

from functools import cache

import numpy as np
import pytest

from dpc.backends.cpu.build import backend
from dpc.errors import InputError
from dpc.ir.evaluate import evaluate
from dpc.ir.types import Ragged
from dpc.package import safetensors
from dpc.passes.base import Context
from dpc.passes.pipeline import Pipeline
from dpc.passes.samples import inputs_for
from dpc.targets import cpu, parse_target
from dpc.targets.cpu import LEVELS, runs_here
from tests import programs
from tests.tiles import OUTPUTS, run_tiles
from tests.unit.backends.tvm.harness import request_tiles

pytest.importorskip("tvm")

TABLES = "canonicalize widen symmetrize tabulate differentiate exact_neighbors fuse memory"
NETS = "canonicalize widen differentiate exact_neighbors fuse memory"


@cache
def built(name: str, target: str = "cpu", passes: str = TABLES):
    """(fused program, files) of a zoo model."""
    program = Pipeline.parse(passes).run(programs.program(programs.ZOO[name]))
    return program, backend.build(program, parse_target(target)).files


def expected(program, inputs) -> dict:
    out = evaluate(program, "energy", inputs)
    return out | {"energy": np.sum(out["atom_energy"])}


def compare(got: dict, wanted: dict, tolerance: float = 1e-11) -> None:
    for name in OUTPUTS:
        scale = max(1.0, np.abs(wanted[name]).max(initial=0))
        error = np.abs(got[name] - wanted[name]).max(initial=0)
        assert error <= tolerance * scale, f"{name}: {error}"


def frame(name: str, program, which: int = 0) -> dict:
    """A frame with a list of everything within 5 Å: longer than the cutoff of 4 Å."""
    inputs = inputs_for(program.energy, programs.samples(programs.ZOO[name])[which])
    return {**inputs, "nlist": near(inputs["coord"], len(inputs["nlist"]), 5.0)}


def near(coord: np.ndarray, nloc: int, reach: float) -> Ragged:
    distance = np.linalg.norm(coord[:nloc, None] - coord[None], axis=2)
    rows = [np.flatnonzero((d < reach) & (np.arange(len(d)) != i)) for i, d in enumerate(distance)]
    return Ragged.from_rows(rows, np.int32)


@pytest.mark.parametrize("name", programs.ZOO)
def test_every_model(name, tmp_path):
    program, files = built(name)
    for which in range(2):
        inputs = frame(name, program, which)
        compare(run_tiles(files, tmp_path, inputs), expected(program, inputs))


@pytest.mark.parametrize("name", ["one_side", "two_side", "exclude", "sel_overflow", "resnet_dt"])
def test_nets_without_tables(name, tmp_path):
    program, files = built(name, passes=NETS)
    assert not program.tables
    inputs = frame(name, program)
    compare(run_tiles(files, tmp_path, inputs), expected(program, inputs))


FOLDED = "canonicalize widen symmetrize basis{rank=3} fold{prune=1e-2} tabulate"
EXPANDED = "canonicalize widen symmetrize basis{rank=3} tabulate"
REST = "differentiate exact_neighbors fuse memory"
ONE_TYPE = programs.variant(type_map=("Cu",), sel=(23,))
FOUR_TYPES = programs.variant(type_map=tuple("ABCD"), sel=(6, 5, 7, 6), type_one_side=False)


@cache
def with_basis(model: programs.Model, compressed: str, target: str = "cpu"):
    """(fused program, files) of a model in the form of a basis."""
    context = Context(samples=programs.samples(model, natoms=16))
    program = Pipeline.parse(f"{compressed} {REST}").run(programs.program(model), context)
    return program, backend.build(program, parse_target(target)).files


@pytest.mark.parametrize("compressed", [FOLDED, EXPANDED], ids=["folded", "expanded"])
@pytest.mark.parametrize(
    "model",
    [programs.ZOO["one_side"], programs.ZOO["two_side_exclude"], ONE_TYPE, FOUR_TYPES],
    ids=["one_side", "two_side", "one_type", "four_types"],
)
def test_a_basis(model, compressed, tmp_path):
    program, files = with_basis(model, compressed)
    names = {op.name for op in program.energy.body()}
    assert ("outer_pairs_vjp" if compressed == FOLDED else "expand_vjp") in names
    for sample in programs.samples(model, natoms=30):
        inputs = inputs_for(program.energy, sample)
        compare(run_tiles(files, tmp_path, inputs), expected(program, inputs))


@pytest.mark.parametrize("natoms", [7, 16, 18, 30])
@pytest.mark.parametrize("compressed", [FOLDED, EXPANDED, TABLES.replace(f" {REST}", "")])
def test_every_size_of_tile(compressed, natoms, tmp_path):
    """One, two and three vectors of centres, full and not."""
    program, files = with_basis(ONE_TYPE, compressed)
    inputs = inputs_for(program.energy, programs.samples(ONE_TYPE, 1, natoms)[0])
    compare(run_tiles(files, tmp_path, inputs), expected(program, inputs))


@pytest.mark.parametrize("arch", [arch for arch in LEVELS if arch != "aarch64"])
@pytest.mark.parametrize("passes", [TABLES, NETS], ids=["tables", "nets"])
def test_every_instruction_set(arch, passes, tmp_path):
    target = parse_target(f"cpu:{arch}")
    if not runs_here(target):
        pytest.skip(f"this CPU does not run {arch}")
    for name in ("two_side", "sel_overflow"):
        program, files = built(name, f"cpu:{arch}", passes)
        inputs = frame(name, program)
        compare(run_tiles(files, tmp_path, inputs), expected(program, inputs))


@pytest.mark.parametrize("ntypes", [1, 6])
def test_numbers_of_types(ntypes, tmp_path):
    """One type, and more than the vector path of grouping takes."""
    names = tuple("ABCDEF"[:ntypes])
    model = programs.Model(type_map=names, sel=(24 // ntypes,) * ntypes)
    program = Pipeline.parse(TABLES).run(programs.program(model))
    files = backend.build(program, parse_target("cpu")).files
    sample = programs.samples(model, natoms=30)[0]
    inputs = inputs_for(program.energy, sample)
    compare(run_tiles(files, tmp_path, inputs), expected(program, inputs))


def test_lists_with_flags_and_distant_neighbors(tmp_path):
    """Entries beyond the cutoff and bits outside the mask change nothing."""
    program, files = built("one_side")
    inputs = frame("one_side", program)
    longer = {**inputs, "nlist": near(inputs["coord"], 12, np.inf)}
    got = run_tiles(files, tmp_path, longer, mask=0x1FFFFFFF)
    compare(got, expected(program, inputs))
    assert got["sel_overflow"] == 0


def test_neighbors_of_no_type_are_skipped(tmp_path):
    program, files = built("one_side")
    inputs = frame("one_side", program)
    atype = inputs["atype"].copy()
    gone = np.arange(len(inputs["nlist"]), len(atype), 3)  # some of the images
    atype[gone] = -1
    kept = [row[atype[row] >= 0] for row in (inputs["nlist"][i] for i in range(12))]
    shorter = {**inputs, "nlist": Ragged.from_rows(kept, np.int32)}
    got = run_tiles(files, tmp_path, {**inputs, "atype": atype})
    compare(got, expected(program, shorter))


def test_sel_overflow_is_counted(tmp_path):
    program, files = built("sel_overflow")
    inputs = frame("sel_overflow", program)
    coord, atype, sel = inputs["coord"], inputs["atype"], program.facts.sel
    inside = near(coord, 12, program.facts.rcut)
    lost = 0
    for i in range(12):
        j = inside[i]
        order = j[np.argsort(np.linalg.norm(coord[j] - coord[i], axis=1))]
        counts = np.bincount(atype[order[: sum(sel)]], minlength=2)
        lost += len(j) - np.minimum(counts, sel).sum()
    assert run_tiles(files, tmp_path, inputs)["sel_overflow"] == lost > 0


def test_coincident_atoms_are_named(tmp_path):
    program, files = built("one_side")
    inputs = frame("one_side", program)
    coord = inputs["coord"].copy()
    j = int(inputs["nlist"][3][0])
    coord[j] = coord[3]
    got = run_tiles(files, tmp_path, {**inputs, "coord": coord})
    assert got["status"] == 1
    assert set(got["pair"]) == {3, j}


def test_pairs_beyond_the_tables_are_counted(tmp_path):
    program, files = built("one_side")
    inputs = frame("one_side", program)
    coord = inputs["coord"].copy()
    i, j = 3, int(inputs["nlist"][3][0])
    near = program.facts.min_nbor_dist * 0.7
    coord[j] = coord[i] + [0, 0, near]
    moved = {**inputs, "coord": coord}
    got = run_tiles(files, tmp_path, moved)
    distances = [np.linalg.norm(coord[moved["nlist"][a]] - coord[a], axis=1) for a in range(12)]
    assert got["extrapolated"] == sum((d < 0.89).sum() for d in distances) > 0
    compare(got, expected(program, moved))


def test_not_a_number_comes_through(tmp_path):
    program, files = built("one_side")
    inputs = frame("one_side", program)
    coord = inputs["coord"].copy()
    coord[int(inputs["nlist"][3][0])] = np.nan
    got = run_tiles(files, tmp_path, {**inputs, "coord": coord})
    assert np.isnan(got["energy"]).all()
    assert np.isnan(got["force"]).any()


@pytest.mark.parametrize("wanted", [("energy",), ("force",), ("virial", "atom_energy"), ()])
def test_only_what_is_wanted(wanted, tmp_path):
    program, files = built("one_side")
    inputs = frame("one_side", program)
    got, wants = run_tiles(files, tmp_path, inputs, wanted=wanted), expected(program, inputs)
    for name in wanted:
        np.testing.assert_allclose(got[name], wants[name], atol=1e-10, rtol=1e-10)


def test_atoms_without_neighbors(tmp_path):
    program, files = built("one_side")
    inputs = frame("one_side", program)
    lonely = {**inputs, "nlist": Ragged.from_rows([np.zeros(0, np.int32)] * 12, np.int32)}
    compare(run_tiles(files, tmp_path, lonely), expected(program, lonely))


def test_programs_that_are_not_fused_are_refused():
    program = Pipeline.parse("canonicalize").run(programs.program())
    problems = [f"{p.where}: {p.what}" for p in backend.check(program, parse_target("cpu"))]
    assert any(p.startswith("%env = env_matrix") for p in problems)  # all at once
    assert "graph energy: has no output force" in problems
    with pytest.raises(InputError, match="no code for op env_matrix") as refused:
        backend.build(program, parse_target("cpu"))
    assert str(refused.value).count("exact_neighbors and fuse leave") == 1  # each remedy once


def in_float32(passes: str) -> str:
    return passes.replace("differentiate", "cast differentiate")


@pytest.mark.parametrize(
    "name",
    ["one_side", "two_side_exclude", "fparam_aparam", "atom_exclude", "sel_overflow", "relu"],
)
def test_float32(name, tmp_path):
    program, files = built(name, passes=in_float32(TABLES))
    inputs = frame(name, program)
    compare(run_tiles(files, tmp_path, inputs), expected(program, inputs), 3e-6)


@pytest.mark.parametrize("natoms", [15, 31, 40])
@pytest.mark.parametrize("compressed", [FOLDED, EXPANDED])
def test_every_size_of_tile_in_float32(compressed, natoms, tmp_path):
    program, files = with_basis(ONE_TYPE, f"{compressed} cast")
    inputs = inputs_for(program.energy, programs.samples(ONE_TYPE, 1, natoms)[0])
    compare(run_tiles(files, tmp_path, inputs), expected(program, inputs), 3e-6)


@pytest.mark.parametrize("arch", ["x86-64-v2", "x86-64-v3"])
def test_float32_on_every_instruction_set(arch, tmp_path):
    if not runs_here(parse_target(f"cpu:{arch}")):
        pytest.skip(f"this CPU does not run {arch}")
    for passes in (TABLES, NETS):
        program, files = built("sel_overflow", f"cpu:{arch}", in_float32(passes))
        inputs = frame("sel_overflow", program)
        compare(run_tiles(files, tmp_path, inputs), expected(program, inputs), 3e-6)


@pytest.mark.parametrize("natoms", [15, 31, 40])
@pytest.mark.parametrize("features", ["bf16", "amx"])
def test_hidden_layers_in_bfloat16(features, natoms, tmp_path):
    target = f"cpu:x86-64-v4+{features}"
    if not runs_here(parse_target(target)):
        pytest.skip(f"this CPU has no {features}")
    if features == "amx":
        request_tiles()  # as libdpc does
    compressed = TABLES.replace(f" {REST}", " cast{bf16}")
    program, files = with_basis(ONE_TYPE, compressed, target)
    inputs = inputs_for(program.energy, programs.samples(ONE_TYPE, 1, natoms)[0])
    # where float32 sums differ by rounding, some operand rounds to another bfloat16
    compare(run_tiles(files, tmp_path, inputs), expected(program, inputs), 3e-3)


def test_bfloat16_needs_a_target_that_has_it():
    passes = f"canonicalize widen symmetrize tabulate cast{{bf16}} {REST}"
    program = Pipeline.parse(passes).run(programs.program())
    with pytest.raises(InputError, match=r"@fitting: .* bf16[^$]*cpu:x86-64-v4\+bf16"):
        backend.build(program, parse_target("cpu:x86-64-v4"))


SEVERAL = "cpu:x86-64-v2,x86-64-v4"


@pytest.mark.parametrize("lacking", [False, True], ids=["v4", "v2"])
def test_several_instruction_sets_in_one_library(lacking, tmp_path, monkeypatch):
    """The best that the processor has; what it lacks is not run, and tiles are cut to fit."""
    if not runs_here(parse_target("cpu:x86-64-v4")):
        pytest.skip("this CPU does not run x86-64-v4")
    if lacking:  # as if v4 needed what only Xeon Phi had
        needs = {**cpu._SUPPORTS, "x86-64-v4": "avx5124fmaps"}
        monkeypatch.setattr(cpu, "_SUPPORTS", needs)
    context = Context(samples=programs.samples(ONE_TYPE, natoms=16))
    passes = f"{FOLDED} cast {REST}"
    program = Pipeline.parse(passes).run(programs.program(ONE_TYPE), context)
    kept: dict[str, bytes] = {}
    files = backend.build(program, parse_target(SEVERAL), kept.__setitem__).files
    assert {"levels.c", "x86-64-v2/plan.c", "x86-64-v4/plan.c"} <= set(kept)
    tensors, _ = safetensors.load(files["params.safetensors"], "")
    assert {"embedding", "embedding@x86-64-v4"} <= set(tensors)  # other padding
    assert "fitting.packed@x86-64-v4" not in tensors  # the same for both
    inputs = inputs_for(program.energy, programs.samples(ONE_TYPE, 1, 40)[0])
    got = run_tiles(files, tmp_path, inputs)
    compare(got, expected(program, inputs), 3e-6)
    other = backend.build(program, parse_target("cpu:x86-64-v2" if lacking else "cpu")).files
    for name, array in run_tiles(other, tmp_path, inputs).items():
        assert np.array_equal(got[name], array) or name == "energy", name  # the same code ran


def test_mixed_number_formats_are_refused():
    passes = "canonicalize differentiate exact_neighbors fuse"
    program = Pipeline.parse(passes).run(programs.program(programs.ZOO["float32"]))
    with pytest.raises(InputError, match="@mean: is f64, but the nets are f32[^$]*widen"):
        backend.build(program, parse_target("cpu"))
