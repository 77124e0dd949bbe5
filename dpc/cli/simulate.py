"""dpc simulate PACKAGE: frames through the circuit of a package, in software."""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.errors import DpcError, UsageError

if TYPE_CHECKING:
    from dpc.backends.fpga.commands import Answer

BLOCKS = {
    "list": "neighbour list and coordinates",
    "table": "distances and pair table",
    "x": "sum over neighbours",
    "descriptor": "descriptor",
    "fit": "fitting net, both ways",
    "dx": "descriptor, backward",
    "pair": "neighbours, backward",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "simulate",
        help="run frames through the circuit of a package",
        description="Simulate the circuit of a package for an FPGA, clock by clock, and compare "
        "every bit of energy, force and virial with the integer model. The first run of a "
        "shape compiles the circuit, which takes a minute or more.",
    )
    parser.add_argument("package", metavar="PACKAGE", type=Path, help="a package for an FPGA")
    parser.add_argument("-s", "--system", type=Path, metavar="DATA", help="a data folder")
    parser.add_argument(
        "--add", action="store_true",
        help="put the simulated circuit into PACKAGE, for engines that ask for the device sim",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--frames", type=int, default=1, metavar="N", help="frames (default: 1)"
    )
    parser.add_argument(
        "--waveform", type=Path, metavar="FILE", help="write a waveform in VCD (large)"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE",
        help="a picture of what each block does over the clock (.svg, .png, .pdf)",
    )  # fmt: skip
    parser.add_argument(
        "--stalls", type=int, default=0, metavar="PERCENT", help="the card's memory pauses so often"
    )
    parser.add_argument(
        "--clock", type=float, default=250.0, metavar="MHZ",
        help="assumed clock for the time that is printed (default: 250)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Frame by frame: the circuit and the integer model, then cycles and occupancy."""
    import numpy as np

    from dpc.backends.fpga import occupancy
    from dpc.backends.fpga.device import Circuit
    from dpc.backends.fpga.opened import open_circuit
    from dpc.backends.fpga.simulator import SIMULATOR, Simulator, library
    from dpc.data.inputs import graph_inputs
    from dpc.data.system import System
    from dpc.ir.fixed import frames
    from dpc.ir.fixed.numbers import Integers
    from dpc.package.write import write_package

    if args.plot is not None:
        occupancy.check_format(args.plot)
    if args.system is None and not args.add:
        raise UsageError("give a data folder with -s, or --add")
    opened = open_circuit(args.package)
    package, program, contents = opened.package, opened.program, opened.contents
    build, digest = opened.build, opened.digest
    if args.add:
        files = {name: package.read(name) for name in package.manifest.files}
        files[SIMULATOR] = library(contents.shape, build, digest).read_bytes()
        write_package(args.package, package.manifest, files)
        print(f"{args.package}: holds {SIMULATOR}; engines run it on the device sim")
    if args.system is None:
        return 0
    lib = library(contents.shape, build, digest, args.waveform is not None)
    system = System(args.system)
    with Simulator(lib, args.waveform) as card:
        card.stalls(args.stalls)
        circuit = Circuit(card, contents, build)
        samples = card.watch() if args.plot is not None else []
        frames_ = itertools.islice(system.frames(program.facts.type_map, 0, 0), args.frames)
        for number, (frame, _) in enumerate(frames_):
            inputs, _ = graph_inputs(
                program.facts, frame.coord, frame.atype, frame.cell, None, None
            )
            arrays = frames.to_fixed(inputs["coord"]), inputs["atype"], inputs["nlist"]
            began = time.monotonic()
            answer = circuit.evaluate(*arrays)
            seconds = time.monotonic() - began
            expected = frames.run(Integers(contents), *arrays)
            _compare(number, answer, expected)
            nloc = len(arrays[2])
            print(f"frame {number}: {nloc} atoms, equal in every bit, {seconds:.1f} s")
        _report(card.counters(), args.clock, np)
    if args.plot is not None:
        found = occupancy.Occupancy.of(samples, list(BLOCKS))
        occupancy.draw(found, BLOCKS, args.plot)
        print(f"{args.plot}: what each block does, over {found.edges[-1]} cycles")
    return 0


def _compare(number: int, answer: Answer, expected: Any) -> None:
    import numpy as np

    pairs = {
        "energy": (answer.energy, expected.energy),
        "force": (answer.force, expected.force),
        "virial": (answer.virial, expected.virial.sum(axis=0)),
    }
    wrong = {k: int(np.count_nonzero(a != b)) for k, (a, b) in pairs.items() if (a != b).any()}
    if wrong:
        text = ", ".join(f"{count} numbers of {name}" for name, count in wrong.items())
        raise DpcError(f"frame {number}: circuit and integer model differ in {text}")


def _report(counters: dict[str, int], clock: float, np: Any) -> None:
    atoms, busy = max(counters["atoms"], 1), max(counters["busy"], 1)
    cycles = busy / atoms
    print(f"{cycles:.2f} cycles/atom, start and end included: {cycles / clock:.3f} µs at an "
          f"assumed {clock:g} MHz (no clock is measured here)")  # fmt: skip
    print(f"{'block':32} {'words/atom':>10} {'waits':>8} {'occupied':>9}")
    for name, text in BLOCKS.items():
        words, waits = counters[f"{name}_words"], counters[f"{name}_waits"]
        print(f"{text:32} {words / atoms:10.1f} {waits / busy:8.1%} {words / busy:9.1%}")
    saturated = {k: v for k, v in counters.items() if k.startswith("saturated_") and v}
    print("saturated: " + (", ".join(f"{k[10:]} {v}" for k, v in saturated.items()) or "nothing"))
    if counters["too_near"]:
        print(f"{counters['too_near']} words with neighbours nearer than the table reaches")
