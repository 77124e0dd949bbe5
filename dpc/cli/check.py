"""dpc check: will a target take this model, how fast will it be there, and if not, why not."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from dpc.cli.compile import PRECISIONS

if TYPE_CHECKING:
    from dpc.cost.ledger import Ledger
    from dpc.targets import Target


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "check", help="can a target hold this model, how fast will it be, and if not, why"
    )
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument("--target", default="cpu", help="[%(default)s]")
    parser.add_argument("--passes", metavar="TEXT", help="a pipeline instead of the target's own")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="f64", help="as of compile  [%(default)s]"
    )
    parser.add_argument("--max-force-error", metavar="E", type=float, help="as of compile")
    parser.add_argument(
        "--data", metavar="SYSTEM", help="data folder on whose frames passes are measured"
    )
    parser.add_argument(
        "--atoms", metavar="N", type=int, help="a system whose time and memory to state"
    )


def run(args: argparse.Namespace) -> int:
    """The prediction; or every problem at once, and 1."""
    from dpc.backends.base import find_backend, problem_lines
    from dpc.compiler.compile import estimate_gpu, for_precision
    from dpc.compiler.programs import opened
    from dpc.compiler.samples import make_samples, measured_on
    from dpc.compiler.trained import in_its_formats
    from dpc.cost.ledger import Ledger
    from dpc.errors import UsageError
    from dpc.package.report import content, text
    from dpc.passes.base import Context
    from dpc.passes.pipelines import choose_pipeline
    from dpc.targets import parse_target

    if args.atoms is not None and args.atoms < 1:
        raise UsageError(f"--atoms is {args.atoms}, but must be at least 1")
    target = for_precision(parse_target(args.target), args.target, args.precision)
    backend = find_backend(target)
    pipeline = choose_pipeline(target, args.passes, args.precision, args.max_force_error)
    found = opened(args.model)
    program = found.program
    pipeline, ranges = in_its_formats(found, target, args.passes, pipeline)
    context = Context(samples=make_samples(program, args.data), ranges=ranges)
    ledger = Ledger(program, context)
    context.after = [ledger.after]
    compiled = pipeline.run(program, context)
    problems = backend.check(compiled, target)
    if problems:
        print("\n".join([f"{target} cannot take {args.model}:", *problem_lines(problems)]))
        return 1
    facts = program.facts
    print(f"{target} takes {args.model}: types {' '.join(facts.type_map)}, rcut {facts.rcut:g} Å")
    if own := backend.describe(compiled, target):
        print("\n".join(own))
        return 0
    cost = _cost(ledger, target, args.atoms)
    facts_built = backend.compiled_facts(compiled, target) if target.gpu else {}
    measured = measured_on(args.data)
    report = content(context.reports, len(context.samples), measured, facts_built, cost)
    if target.gpu:
        estimate_gpu(report, backend, compiled, target)
    print("\n".join([*text(report), *_system(report, args.atoms)]))
    return 0


def _cost(ledger: Ledger, target: Target, atoms: int | None) -> Any:
    """On this machine where it can run the target's code, else on an assumed one."""
    from dpc.cost.ledger import ATOMS
    from dpc.cost.machine import roofline

    systems = ATOMS if atoms is None else tuple(sorted({*ATOMS, atoms}))
    return ledger.facts(target, roofline(target), systems)


def _system(report: Any, atoms: int | None) -> list[str]:
    """What a step of so many atoms takes."""
    if atoms is None:
        return []
    if "estimate" in report:
        cards = ", ".join(
            f"{card['us_per_atom'] * atoms / 1e3:.3g} ms on {card['card']}"
            for card in report["estimate"]["cards"]
        )
        return [f"a step of {atoms:,} atoms at the roofline: {cards}"]
    cores = ", ".join(
        f"{found * atoms / 1e3:.3g} ms on {n} core{'s' if n != '1' else ''}"
        for n, found in report["time"]["cores"].items()
    )
    return [f"a step of {atoms:,} atoms: {cores}"]
