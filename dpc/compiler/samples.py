"""Frames on which passes measure what they change: of the user's data, or made."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from dpc.data.frames import Frame, least_distance, make_frames
from dpc.data.inputs import graph_inputs
from dpc.data.neighbors import F64
from dpc.data.relax import relax
from dpc.data.system import find_systems
from dpc.ir.program import Program
from dpc.passes.base import Context
from dpc.passes.differentiate import is_differentiated
from dpc.passes.measure import measure
from dpc.passes.pipeline import Pipeline
from dpc.passes.samples import Sample

MADE = 3
"""How many frames are made where there are no data: the second is held out."""
NATOMS = 64
SYSTEMS = 4
"""At most so many data folders are looked at."""


def make_samples(
    program: Program, data: str | Path | None = None, count: int | None = None
) -> list[Sample]:
    """`count` frames to measure on, of a data folder or made; none of a program without numbers.

    By default 3 made ones, or 4 spread over the first 4 data folders. Made ones are relaxed by
    the program's own forces.
    """
    if count == 0 or not len(program.store):
        return []
    frames = _made(program, count) if data is None else _of_data(program, data, count)
    return [sample(program, frame) for frame in frames]


def measured_on(data: str | Path | None) -> str:
    """What kind of frames errors are from."""
    return "made frames" if data is None else "data"


def sample(program: Program, frame: Frame) -> Sample:
    """What the program takes of a frame."""
    numbers = (frame.coord, frame.atype, frame.cell, frame.fparam, frame.aparam)
    return Sample(*graph_inputs(program.facts, *numbers))


def forces_of(program: Program) -> Callable[[Frame], F64]:
    """Forces [n, 3], eV/Å, of a program on frames."""
    ready = program
    if not is_differentiated(program):  # and of real neighbours only, which is faster
        ready = Pipeline.parse("canonicalize differentiate exact_neighbors").run(program, Context())
    return lambda frame: measure(ready, [sample(program, frame)])[0].force


def _made(program: Program, count: int | None) -> list[Frame]:
    frames = make_frames(program.facts, MADE if count is None else count, NATOMS)
    distance, forces = least_distance(program.facts), forces_of(program)
    return [relax(frame, forces, distance) for frame in frames]


def _of_data(program: Program, data: str | Path, count: int | None) -> list[Frame]:
    facts = program.facts
    systems = find_systems(data)[:SYSTEMS]
    wanted = SYSTEMS if count is None else count
    each = -(-wanted // len(systems))
    return [
        frame
        for system in systems
        for frame, _ in islice(system.frames(facts.type_map, facts.fparam, facts.aparam), each)
    ][:wanted]
