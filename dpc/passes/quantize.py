"""A whole program to fixed point: what circuits compute, and the C model of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from dpc.ir.fixed.shape import MOST_NEIGHBORS, USUAL_NEIGHBORS, Contents
from dpc.ir.fixed.store import SHAPE, tensors
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.params import Param
from dpc.ir.program import Program
from dpc.ir.types import ArrayType
from dpc.passes.base import Changes, Context, Pass, PassError, register
from dpc.passes.circuit_form import find_form
from dpc.passes.contents import Ranges, rounded
from dpc.passes.differentiate import OUTPUTS, is_differentiated
from dpc.passes.reach import NEAREST
from dpc.passes.real_circuit import Options, RealCircuit, real_circuit, real_neighbors
from dpc.passes.samples import Sample
from dpc.passes.tabulate import MARGIN
from dpc.passes.word_length import word_lengths


@register("quantize")
@dataclass(frozen=True)
class Quantize(Pass):
    """Energy, forces and virial in integers of fixed formats, chosen from calibration frames.

    `weight_bits` is the width of the weights between hidden layers (the first layer, which reads
    `weight_bits` is the width of the weights between hidden layers (the first layer, which reads
    the descriptor, and the last keep 18); with 8 or fewer, two of them share a DSP slice and
    those layers take 12 bits of their inputs. `row_bits` has 2^row_bits rows of the pair table in
    each octave of r^2; `min_distance` is the shortest distance of the table, Å (by default 0.85 of
    the model's shortest training distance); `max_neighbors` is how many an atom may
    have within the cutoff (more are an error); above 128, R gives up a bit for the sums.
    """

    changes: ClassVar[Changes] = Changes.FUNCTION
    never_after: ClassVar[dict[str, str]] = {
        "tabulate": "it makes a table of its own from the nets.",
        "exact_neighbors": "it brings the empty slots in by itself.",
        "cast": "it rounds float64 numbers.",
    }
    weight_bits: int = 18
    row_bits: int = 6
    min_distance: float | None = None
    max_neighbors: int = USUAL_NEIGHBORS

    def run(self, program: Program, context: Context) -> Program:
        """The program as one op fixed_point."""
        options = self.options_for(program)
        if any(program.energy.find(FixedPoint)):
            return program
        if is_differentiated(program):
            raise PassError("quantize: the program has forces already; quantize the energy")
        if not context.samples:
            raise PassError("quantize: there are no frames to choose formats by")
        form = find_form(program)
        exact = real_circuit(program, form, options)
        known = None if context.ranges is None else Ranges(context.ranges)
        if known is not None:
            known.refuse_other(exact.shape)
        contents = rounded(exact, program, context.samples, known)
        context.note(
            word_lengths=_word_lengths(exact, contents, program, context.samples[-1]),
            fractions=dict(contents.frac),
            shifts={name: contents.shift[name] for name in contents.shift},
            table_rows=contents.shape.rows,
        )
        return with_contents(program, contents, tuple(map(float, program.facts.sel)))

    def options_for(self, program: Program) -> Options:
        """What the circuit of a program may look like."""
        self._check()
        nearest = self.min_distance
        if nearest is None:
            known = program.facts.min_nbor_dist
            nearest = NEAREST if known is None else MARGIN * known
        return Options(self.weight_bits, self.row_bits, self.max_neighbors, nearest)

    def _check(self) -> None:
        for name, low, high in (
            ("weight_bits", 2, 18),
            ("row_bits", 3, 9),
            ("max_neighbors", 1, MOST_NEIGHBORS),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise PassError(f"quantize: {name} is {value}, but must be {low} to {high}")


def _word_lengths(
    exact: RealCircuit, contents: Contents, program: Program, sample: Sample
) -> list[dict[str, Any]]:
    """Error against word length, on one frame."""
    ti, near = real_neighbors(program, sample)
    activation = exact.form.fitting.activation
    return word_lengths(contents, exact.contents, exact.channels(), activation, ti, near)


def with_contents(
    program: Program, contents: Contents, neighbors: tuple[float, ...] = ()
) -> Program:
    """The program that computes what a circuit with these contents does."""
    graph = program.energy
    inputs = {one.label: one.out for one in graph.inputs}
    arrays = {f"fixed_{name}": array for name, array in tensors(contents).items()}
    params: dict[str, Any] = {
        name.removeprefix("fixed_"): Param(name, ArrayType.of(array))
        for name, array in arrays.items()
    }
    fixed = FixedPoint(
        inputs["coord"],
        inputs["atype"],
        inputs["nlist"],
        **params,
        **{name: getattr(contents.shape, name) for name in SHAPE},
        u_cut=contents.u_cut,
        u_min=contents.u_min,
        neighbors=neighbors,
        names=("atom_energy", *OUTPUTS),
    )
    outputs = dict(zip(("atom_energy", *OUTPUTS), fixed.results, strict=True))
    facts = replace(program.facts, outputs=(*program.facts.outputs, *OUTPUTS))
    return replace(program, facts=facts).with_graph(replace(graph, outputs=outputs), arrays)
