"""The circuit of a model that learns in fixed point: the same integers in training and compile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dpc.compiler.samples import sample
from dpc.data.frames import Frame
from dpc.data.inputs import read_cell, read_coord, read_types
from dpc.frontend.importers.options import CIRCUIT
from dpc.ir.evaluate import evaluate
from dpc.ir.fixed.shape import Z_FRAC, Contents
from dpc.ir.ops.contraction import Outer, outer_pairs
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes.base import Context
from dpc.passes.circuit_form import Form, find_form
from dpc.passes.contents import Ranges, contents_in, frozen_part, statistics, with_fitting
from dpc.passes.pipeline import Pipeline
from dpc.passes.quantize import Quantize, with_contents
from dpc.passes.real_circuit import Options, RealCircuit, real_circuit, with_nets
from dpc.passes.samples import fold

if TYPE_CHECKING:
    from dpc.compiler.programs import Opened
    from dpc.frontend import Model
    from dpc.targets import Target

BEFORE = "canonicalize widen symmetrize"
"""What a model that learns in fixed point is compiled by, before quantize: nothing that
approximates."""

OPTIONS = {"weight_bits": 18, "row_bits": 6, "max_neighbors": 128}
"""Of the circuit, unless told otherwise."""


def in_its_formats(
    found: Opened, target: Target, passes: str | None, usual: Pipeline
) -> tuple[Pipeline, Mapping[str, NumpyArray] | None]:
    """The passes for a model, and the ranges that its formats come from.

    A model that was trained in fixed point is compiled for a circuit as it was trained; otherwise
    the passes are the usual ones.
    """
    section = found.circuit
    if section is None or target.kind != "fpga":
        return usual, None
    ranges = trained_ranges(section)
    if passes is not None:
        return usual, ranges
    options = ", ".join(f"{k}={section[k]}" for k in OPTIONS)
    return Pipeline.parse(f"{BEFORE} quantize{{{options}}}"), ranges


def trained_ranges(section: Mapping[str, Any]) -> dict[str, NumpyArray]:
    """Ranges by signal."""
    return {name: np.asarray(row, np.float64) for name, row in section["ranges"].items()}


class TrainedCircuit:
    """A model's circuit in formats that stay; only the fitting nets may change after it is made."""

    def __init__(self, model: Model) -> None:
        from dpc.frontend.training.quantised.leaves import FirstLayer

        section = model.config[CIRCUIT]
        self._known = Ranges(trained_ranges(section))
        program, form = _form(model)
        self._exact = _exact(program, form, section)
        self._known.refuse_other(self._exact.shape)
        self._frozen = frozen_part(self._exact, self._known)
        self.first = FirstLayer(_products(model, form), self._exact.undo)

    def contents(self, model: Model) -> Contents:
        """The integers of the model's weights as they are now."""
        program, form = _form(model)
        return with_fitting(self._frozen, with_nets(self._exact, program, form), self._known)


class FixedPotential:
    """A model that was trained in fixed point, evaluated as its circuit does: every bit."""

    def __init__(self, model: Model) -> None:
        self.type_map, self.facts = model.type_map, model.facts
        program = Pipeline.parse(BEFORE).run(model.lower())
        contents = TrainedCircuit(model).contents(model)
        self._program = with_contents(program, contents, tuple(map(float, model.sel)))

    def evaluate(
        self, coord: Any, types: Any, cell: Any = None, fparam: Any = None, aparam: Any = None
    ) -> dict[str, Any]:
        """As Model.evaluate."""
        atype = read_types(self.type_map, types)
        frame = Frame(read_coord(coord, len(atype)), atype, read_cell(cell))
        made = sample(self._program, frame)
        out = evaluate(self._program, self._program.energy, dict(made.inputs))
        energy = np.asarray(out["atom_energy"], np.float64)
        return {
            "energy": float(energy.sum()),
            "force": fold(made, np.asarray(out["force"], np.float64), len(energy)),
            "virial": np.asarray(out["virial"], np.float64),
            "atom_energy": energy,
        }


def check(model: Model, options: Mapping[str, int]) -> None:
    """An error where a circuit with these options cannot compute the model."""
    program, _ = _form(model)
    _options(program, options)


def calibrate(model: Model, frames: Sequence[Frame], options: Mapping[str, int]) -> None:
    """Give a model the section `circuit`: formats from its ranges on frames.

    What rounding the weights takes from the sums of a mean input goes into the biases.
    """
    program, form = _form(model)
    exact = _exact(program, form, options)
    found = statistics(exact, program, [sample(program, frame) for frame in frames])
    ranges = {k: np.atleast_1d(v).tolist() for k, v in found.largest.items()}
    model.config = {**model.config, CIRCUIT: {**options, "ranges": ranges}}
    wanted = contents_in(exact, found)
    plain = contents_in(exact, Ranges(trained_ranges(model.config[CIRCUIT])))
    _move_biases(model, wanted, plain)


def _form(model: Model) -> tuple[Program, Form]:
    program = Pipeline.parse(BEFORE).run(model.lower(), Context())
    return program, find_form(program)


def _exact(program: Program, form: Form, section: Mapping[str, Any]) -> RealCircuit:
    return real_circuit(program, form, _options(program, section))


def _options(program: Program, section: Mapping[str, Any]) -> Options:
    return Quantize(**{name: section[name] for name in OPTIONS}).options_for(program)


def _products(model: Model, form: Form) -> NumpyArray:
    """Which product of the circuit each number of the model's descriptor is."""
    program = model.lower()
    outer = list(program.energy.find(Outer))
    if not outer:  # as many, in their order
        return np.arange(len(form.pairs))
    pairs = np.stack(outer_pairs(int(outer[0].x.dims[2]), outer[0].axis_neuron, False), axis=1)
    place = {tuple(pair): k for k, pair in enumerate(np.sort(form.pairs, axis=1).tolist())}
    return np.array([place[tuple(pair)] for pair in np.sort(pairs, axis=1).tolist()])


def _move_biases(model: Model, wanted: Contents, plain: Contents) -> None:
    """Add what the contents differ by in their biases."""
    from dpc.frontend.fittings.energy import EnergyFitting

    assert isinstance(model.fitting, EnergyFitting)
    moves = [
        (b.bias - a.bias) * np.exp2(-(a.z_shift.astype(np.float64) + Z_FRAC))
        for a, b in zip(plain.layers, wanted.layers, strict=True)
    ]
    head = (wanted.head_bias - plain.head_bias) * 2.0 ** -(plain.frac["a"] + plain.frac["head"])
    for t, net in enumerate(model.fitting.nets):
        for layer, move in zip(net, [*moves, head[:, None]], strict=True):
            bias = layer.bias.detach()
            bias += bias.new_tensor(move[t])
