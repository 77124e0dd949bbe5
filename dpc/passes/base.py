"""What a pass is: a frozen dataclass whose fields are its options.

    @register("symmetrize")
    @dataclass(frozen=True)
    class Symmetrize(Pass):
        \"\"\"What the pass does, in one line.\"\"\"

        changes: ClassVar[Changes] = Changes.ROUNDING

        def run(self, program: Program, context: Context) -> Program: ...

A pass lives in a file of this folder, or in another distribution that names it under the
entry point group ``dpc.passes``. No list needs an edit.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from dpc.errors import InputError
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.registry import Registry

if TYPE_CHECKING:
    from dpc.passes.measure import Results
    from dpc.passes.report import PassReport
    from dpc.passes.samples import Sample


class PassError(InputError):
    """A pass cannot be applied to this program."""


class Changes(enum.Enum):
    """What a pass may change; the tests hold every pass to it."""

    NOTHING = "nothing, not one bit"
    ROUNDING = "rounding: 1e-10 relative"
    PRECISION = "the precision, by as much as it reports"
    FUNCTION = "the function, within its tolerance"


@dataclass(frozen=True)
class Pass:
    """Program to Program. `name` is what the user types; `changes` is a promise."""

    name: ClassVar[str]
    changes: ClassVar[Changes]
    #: passes that may not come after this one, and why (a sentence)
    never_after: ClassVar[dict[str, str]] = {}

    def run(self, program: Program, context: Context) -> Program:
        """The rewritten program. Facts worth reporting go to `context.note`."""
        raise NotImplementedError

    def __str__(self) -> str:
        from dpc.passes.text import print_pass

        return print_pass(self)

    def options(self) -> dict[str, Any]:
        """Every option with its value."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}


@dataclass
class Context:
    """What passes share in one run of a pipeline.

    `samples` are evaluator inputs of calibration frames: with none, nothing is measured.
    `ranges` has the largest |x| of every signal, by name, of a model that was trained in fixed
    point: formats are chosen from them, not from samples.
    `after` is called after every pass with its place, the pass and its program: this is
    where ``--print-after`` and ``--save-temps`` hang.
    """

    samples: Sequence[Sample] = ()
    ranges: Mapping[str, NumpyArray] | None = None
    reports: list[PassReport] = field(default_factory=list)
    after: Sequence[Callable[[int, Pass, Program], None]] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    _measured: list[tuple[Program, list[Results]]] = field(default_factory=list)

    def results(self, program: Program) -> list[Results]:
        """What a program gives on the samples; the last few programs are remembered."""
        from dpc.passes.measure import measure

        for known, found in self._measured:
            if known is program:
                return found
        found = measure(program, self.samples)
        self._measured = [*self._measured[-3:], (program, found)]
        return found

    def same_results(self, before: Program, after: Program) -> None:
        """Say that a program gives what the one before it gave."""
        self._measured += [(after, found) for known, found in self._measured if known is before]

    def note(self, **facts: Any) -> None:
        """Add facts to the report of the running pass."""
        self.notes.update(facts)


passes: Registry[type[Pass]] = Registry("pass", "dpc.passes")

P = TypeVar("P", bound=type[Pass])


def register(name: str) -> Callable[[P], P]:
    """Class decorator: give a pass the name the user types."""

    def add(cls: P) -> P:
        cls.name = name
        passes.add(name, cls)
        return cls

    return add
