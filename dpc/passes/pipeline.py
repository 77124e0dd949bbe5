"""A pipeline: passes in an order that keeps forces the gradient of the compiled energy."""

from __future__ import annotations

import time
from dataclasses import dataclass

from dpc.errors import UsageError
from dpc.ir.program import Program
from dpc.ir.verify import verify
from dpc.passes.base import Changes, Context, Pass
from dpc.passes.measure import compare
from dpc.passes.report import Error, PassReport
from dpc.passes.samples import held_out
from dpc.passes.text import parse_passes


@dataclass(frozen=True)
class Pipeline:
    """Passes in order; the constructor refuses an order that would give wrong results."""

    passes: tuple[Pass, ...]

    def __post_init__(self) -> None:
        problems = order_problems(self.passes)
        if problems:
            raise UsageError(f"pipeline '{self}':\n  " + "\n  ".join(problems))

    @classmethod
    def parse(cls, text: str) -> Pipeline:
        """From text such as ``tabulate{stride=0.02} differentiate``."""
        return cls(parse_passes(text))

    def __str__(self) -> str:
        return " ".join(str(one) for one in self.passes)

    def run(self, program: Program, context: Context | None = None) -> Program:
        """Every pass in turn; each result is verified, and measured where there are samples."""
        context = context or Context()
        verify(program)
        for place, one in enumerate(self.passes, 1):
            program = _run_one(one, place, program, context)
        return program


def order_problems(passes: tuple[Pass, ...]) -> list[str]:
    """Sentences on what is wrong with an order; none when it is right.

    The rules: what changes the function comes before `differentiate`, so that forces stay
    the gradient of the compiled energy; the rest is what each pass says of itself in
    `never_after`; `memory` is last.
    """
    problems = []
    seen: list[str] = []
    for one in passes:
        if one.changes is Changes.FUNCTION and "differentiate" in seen:
            problems.append(
                f"{one.name} changes the energy and must come before differentiate: otherwise "
                "forces are not the gradient of the compiled energy."
            )
        problems += [
            f"{one.name} must come before {earlier}: {why}"
            for earlier, why in one.never_after.items()
            if earlier in seen
        ]
        if "memory" in seen:
            problems.append(f"memory must be last: {one.name} would make its buffers wrong.")
        seen.append(one.name)
    return problems


def _run_one(one: Pass, place: int, before: Program, context: Context) -> Program:
    start = time.perf_counter()
    context.notes = {}
    after = one.run(before, context)
    verify(after)
    seconds = time.perf_counter() - start
    errors = _errors(one, before, after, context)
    context.reports.append(
        PassReport(
            one.name,
            str(one),
            one.options(),
            one.changes.name.lower(),
            seconds,
            errors,
            context.notes,
        )
    )
    for callback in context.after:
        callback(place, one, after)
    return after


def _errors(
    one: Pass, before: Program, after: Program, context: Context
) -> dict[str, Error] | None:
    """Before against after on samples held out; a pass that changes nothing is not measured."""
    if not context.samples or after is before:
        return None
    if one.changes is Changes.NOTHING:
        context.same_results(before, after)
        return None
    return compare(held_out(context.results(before)), held_out(context.results(after)))
