"""Frame and atom parameters, normalized: what becomes of them until somebody writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dpc.errors import InputError
from dpc.ir.op import Op, Value


@dataclass(frozen=True)
class Parameters:
    """Parameters that nobody has written yet: C expressions."""

    values: str
    average: str
    inverse: str
    per_atom: bool


@dataclass(frozen=True)
class ParameterOps:
    """Emitters of normalize, broadcast_atoms and cast.

    `tensor` stores a tensor of the program by its name and gives its C expression; `write` puts
    parameters where the result is.
    """

    tensor: Callable[[Any, str], str]
    write: Callable[[Any, Op, Value, Parameters], None]

    def normalize(self, plan: Any, op: Any) -> None:
        """(x - avg) inv_std of frame or atom parameters."""
        average, inverse = (self.tensor(plan, one.name) for one in (op.avg, op.inv_std))
        given = Parameters(plan.at(op.x), average, inverse, per_atom=op.x.type.rank > 1)
        if op.out in plan.values:
            self.write(plan, op, op.out, given)
        else:  # waits for broadcast_atoms or cast
            plan.values[op.out] = given

    def broadcast_atoms(self, plan: Any, op: Any) -> None:
        """The frame's parameters for every atom."""
        given = plan.at(op.x)
        if not isinstance(given, Parameters):
            raise InputError(f"{plan.text[op]}: only normalized parameters can be broadcast")
        self.write(plan, op, op.out, given)

    def cast(self, plan: Any, op: Any) -> None:
        """To the number format of the nets, as they are written."""
        given: Parameters = plan.at(op.a)
        if given.per_atom:
            self.write(plan, op, op.out, given)
        else:
            plan.values[op.out] = given
