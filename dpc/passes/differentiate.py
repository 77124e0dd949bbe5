"""Energy to force, virial and atomic virial, by adjoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dpc.ir.gradient import gradient
from dpc.ir.ops.geometry import AtomVirial, Displacement, ScatterForce, Virial
from dpc.ir.program import Program
from dpc.passes.base import Changes, Context, Pass, PassError, register

OUTPUTS = ("force", "virial", "atom_virial")


@register("differentiate")
@dataclass(frozen=True)
class Differentiate(Pass):
    """Add force, virial and atom_virial: ``dE/dr`` of every neighbour, then summed."""

    changes: ClassVar[Changes] = Changes.NOTHING
    never_after: ClassVar[dict[str, str]] = {"fuse": "it would differentiate fused ops."}

    def run(self, program: Program, context: Context) -> Program:
        """Nothing changes in the energy; a program that has forces is left alone."""
        return program if is_differentiated(program) else differentiate(program)


def is_differentiated(program: Program) -> bool:
    """True when the program already gives forces."""
    return "force" in program.energy.outputs


def differentiate(program: Program) -> Program:
    """The program with force [nall, 3], virial [3, 3] and atom_virial [nall, 3, 3].

    Everything depends on positions through the displacements ``r_ij``, so one adjoint,
    ``dr = dE/dr_ij``, gives all three.
    """
    graph = program.energy
    found = list(graph.find(Displacement))
    if len(found) != 1:
        raise PassError(
            f"differentiate: graph energy has {len(found)} displacement ops, but forces come "
            "from exactly one. Run canonicalize first: it shares equal ops."
        )
    r, nlist, coord = found[0].out, found[0].nlist, found[0].coord
    dr = gradient(graph, "atom_energy", r)
    dr = dr if dr.name else replace(dr.op, names=("dr",)).out
    outputs = {
        **graph.outputs,
        "force": ScatterForce(dr, nlist, coord, names=("force",)).out,
        "virial": Virial(dr, r, names=("virial",)).out,
        "atom_virial": AtomVirial(dr, r, nlist, coord, names=("atom_virial",)).out,
    }
    facts = replace(program.facts, outputs=(*program.facts.outputs, *OUTPUTS))
    return replace(program, facts=facts).with_graph(replace(graph, outputs=outputs))
